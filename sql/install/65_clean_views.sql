-------------------------------------------------------------------------------
-- Clean views of the landing tables
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._drop_clean_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format('DROP VIEW IF EXISTS %1$s.contacts, %1$s.contactable_customers, %1$s.transactions, %1$s.transaction_lines, %1$s.products, %1$s.customers_clean',
		quote_ident(deployment || '_core'));
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_clean_views(text) IS 'Internal: drops the clean views of a deployment.';

CREATE FUNCTION rfmseg._type_of_column(relation text, column_name text)
RETURNS regtype LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2
$body$;
COMMENT ON FUNCTION rfmseg._type_of_column(text, text) IS 'Internal: the type of a relation''s column; NULL if there is none.';

CREATE FUNCTION rfmseg._same_key(this text, this_relation text, that text, that_relation text, key text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- keys of different types meet as text
	SELECT format(CASE WHEN rfmseg._type_of_column(this_relation, key) = rfmseg._type_of_column(that_relation, key)
		THEN '%1$s.%3$s = %2$s.%3$s' ELSE '%1$s.%3$s::text = %2$s.%3$s::text' END, this, that, key)
$body$;
COMMENT ON FUNCTION rfmseg._same_key(text, text, text, text, text) IS 'Internal: how two relations are joined on a key that has its name in both.';

CREATE FUNCTION rfmseg._is_empty(relation text)
RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	empty boolean;
BEGIN
	EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', relation) INTO empty;
	RETURN empty;
END
$body$;
COMMENT ON FUNCTION rfmseg._is_empty(text) IS
'Internal: whether a relation has no rows, so that no join with it need be paid for with every row.';

CREATE FUNCTION rfmseg._product_key(deployment text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg._same_key('p', format('%I.products', deployment || '_raw'), 't', format('%I.transactions', deployment || '_raw'), 'product_id')
$body$;
COMMENT ON FUNCTION rfmseg._product_key(text) IS 'Internal: how lines t and products p of a deployment are joined.';

CREATE FUNCTION rfmseg._lines_query(deployment text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
	has_products boolean := NOT rfmseg._is_empty(quote_ident(deployment || '_raw') || '.products');
	currency text;
	expected record;
	forgotten text;
BEGIN
	EXECUTE format('SELECT currency FROM %s.settings', home) INTO currency;
	IF rfmseg._has_forgotten(deployment) THEN
		-- left out, without a reason that would be told
		forgotten := format('WHEN %s THEN %s', rfmseg._is_forgotten(deployment, rfmseg._type_of_column(raw || '.transactions', 'customer_id'), 'source.customer_id'),
			1::bigint << 62);
	END IF;

	-- Most lines break nothing, and that is all that is asked of them; only of the
	-- others it is asked what they break.
	SELECT count(*) FILTER (WHERE is_unique AND NOT is_skipped) > 0 AS has_ids,
		string_agg(format(E'(%s\n) IS NOT FALSE', predicate), ' AND ' ORDER BY rule) FILTER (WHERE rule IS NOT NULL) AS passes,
		string_agg(format(E'CASE WHEN (%s\n) IS FALSE THEN %s ELSE 0 END', predicate,
			(1::bigint << rule) + CASE action WHEN 'drop' THEN 1::bigint << 62 ELSE 0 END), ' | ' ORDER BY rule)
			FILTER (WHERE rule IS NOT NULL) AS rules
	INTO expected FROM rfmseg._expected(deployment, 'transactions');
	RETURN format('SELECT t.customer_id, t.transaction_date, t.total_amount, t.order_id, t.product_id, %s AS category,'
		' t.quantity, t.discount_amount, t.is_return, coalesce(t.currency, %L) AS currency',
		CASE WHEN has_products THEN 'coalesce(t.category, p.category)' ELSE 't.category' END, currency)
		|| CASE WHEN expected.has_ids THEN ', t.transaction_id' ELSE '' END
		|| CASE WHEN expected.passes IS NULL AND forgotten IS NULL THEN format(' FROM %s.transactions t', raw)
			ELSE format(', t.broken FROM (SELECT customer_id, transaction_date, total_amount, order_id, product_id, category,'
				' quantity, discount_amount, is_return, currency, transaction_id,'
				' CASE %s WHEN %s THEN NULL ELSE (%s)::bigint END AS broken FROM %s.transactions AS source) AS t',
				forgotten, coalesce(expected.passes, 'true'), coalesce(expected.rules, 'NULL'), raw) END
		|| CASE WHEN has_products THEN format(' LEFT JOIN %s.products p ON %s', home, rfmseg._product_key(deployment)) ELSE '' END;
END
$body$;
COMMENT ON FUNCTION rfmseg._lines_query(text) IS
'Internal: the lines of a deployment as rfmseg.summarize_customers takes them, with what they break; the view transaction_lines shows them to people.';

CREATE FUNCTION rfmseg._same_id(negative text, is_broken text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- as summarize_customers tells them, of lines that would count but for that
	SELECT format('PARTITION BY customer_id, transaction_id, CASE WHEN customer_id IS NULL THEN transaction_date END,'
		' transaction_date IS NULL OR total_amount IS NULL OR coalesce(%s, false) OR (%s)'
		' ORDER BY transaction_date DESC, CASE WHEN is_return AND total_amount > 0 THEN -total_amount ELSE total_amount END DESC',
		$1, $2)
$body$;
COMMENT ON FUNCTION rfmseg._same_id(text, text) IS
'Internal: the window of lines that have one id, the one that counts first.';

CREATE FUNCTION rfmseg._create_clean_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
	zone text;
	currency text;
	repeated text;
BEGIN
	EXECUTE format('SELECT time_zone, currency FROM %s.settings', home) INTO zone, currency;
	SELECT name INTO repeated FROM rfmseg._expected(deployment, 'transactions') WHERE is_unique AND action = 'drop' AND NOT is_skipped;

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.customers_clean WITH (security_invoker = true) AS
	SELECT DISTINCT ON (customer_id)
		customer_id, age,
		CASE WHEN age < 18 THEN 'Under 18' WHEN age < 25 THEN 'Young Adult' WHEN age < 35 THEN 'Emerging Professional'
			WHEN age < 50 THEN 'Established Professionals' WHEN age <= 65 THEN 'Mature Adults'
			WHEN age > 65 THEN 'Seniors' END AS age_bracket,
		gender, income_bracket, city, state, latitude, longitude, signup_date, preferred_channel, marketing_consent
	FROM %2$s.customers AS source
	WHERE customer_id IS NOT NULL AND %3$s AND %4$s
	ORDER BY customer_id, signup_date, age, gender, income_bracket, city, state, latitude, longitude, preferred_channel, marketing_consent
	$view$, home, raw, rfmseg._kept_condition(deployment, 'customers'), rfmseg._remembered(deployment, 'customers'));
	PERFORM rfmseg._comment(home || '.customers_clean', rfmseg._landing_descriptions('customers') || $json${
		"": "Customers, one row each, without names and contacts, and without those that an expectation drops or that were forgotten.",
		"age_bracket": "Under 18; Young Adult 18-24; Emerging Professional 25-34; Established Professionals 35-49; Mature Adults 50-65; Seniors."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.products WITH (security_invoker = true) AS
	SELECT DISTINCT ON (product_id)
		product_id, product_name, category, price, cost, brand, is_seasonal, price - cost AS profit_margin
	FROM %2$s.products AS source
	WHERE product_id IS NOT NULL AND %3$s
	ORDER BY product_id, product_name, category, price, cost, brand, is_seasonal
	$view$, home, raw, rfmseg._kept_condition(deployment, 'products'));
	PERFORM rfmseg._comment(home || '.products', rfmseg._landing_descriptions('products') || $json${
		"": "Products, one row each, with an id, without those that an expectation drops.",
		"profit_margin": "price - cost."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.transaction_lines WITH (security_invoker = true) AS
	SELECT transaction_id, order_id, customer_id, transaction_date,
		(transaction_date AT TIME ZONE %3$L)::date AS transaction_day,
		product_id, quantity, category, per_unit_cost, per_unit_msrp, total_cost, pre_discount_amount, discount_amount,
		CASE WHEN is_return AND total_amount > 0 THEN -total_amount ELSE total_amount END AS total_amount,
		channel, is_return, currency,
		CASE WHEN transaction_date IS NULL THEN 'no date'
			WHEN total_amount IS NULL THEN 'no amount'
			WHEN total_amount < 0 AND NOT is_return THEN 'negative, not a return'
			WHEN broken <> '{}' THEN 'breaks ' || array_to_string(broken, ', ')
			%6$s END AS problem
	FROM (
		SELECT t.transaction_id, t.order_id, t.customer_id, t.transaction_date, t.product_id, t.quantity,
			coalesce(t.category, p.category) AS category, t.per_unit_cost, t.per_unit_msrp, t.total_cost,
			t.pre_discount_amount, t.discount_amount, t.total_amount, t.channel,
			coalesce(t.is_return, t.total_amount < 0) AS is_return, coalesce(t.currency, %4$L) AS currency, t.broken
		FROM (SELECT transaction_id, order_id, customer_id, transaction_date, product_id, quantity, category,
			per_unit_cost, per_unit_msrp, total_cost, pre_discount_amount, discount_amount, total_amount, channel, is_return, currency,
			%7$s AS broken FROM %2$s.transactions AS source WHERE %8$s) AS t LEFT JOIN %1$s.products p ON %5$s
	) AS line
	$view$, home, raw, zone, currency, rfmseg._product_key(deployment),
		CASE WHEN repeated IS NOT NULL THEN format('WHEN transaction_id IS NOT NULL AND row_number() OVER (%s) > 1 THEN %L',
			rfmseg._same_id('total_amount < 0 AND NOT is_return', 'broken <> ''{}'''), 'breaks ' || repeated) END,
		rfmseg._broken_names(deployment, 'transactions'), rfmseg._remembered(deployment, 'transactions'));
	PERFORM rfmseg._comment(home || '.transaction_lines', rfmseg._landing_descriptions('transactions') || $json${
		"": "All lines of the source, those left out of the segments with the reason; but for those of customers who were forgotten.",
		"transaction_day": "Local date of transaction_date, in the deployment's zone.",
		"category": "The line's category, or else its product's.",
		"total_amount": "What the customer paid; of a return, negative.",
		"is_return": "Whether the line is a return.",
		"problem": "Why the line is left out; NULL if it is not."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.transactions WITH (security_invoker = true) AS
	SELECT transaction_id, order_id, customer_id, transaction_date, transaction_day, product_id, quantity, category,
		per_unit_cost, per_unit_msrp, total_cost, pre_discount_amount, discount_amount, total_amount, channel, is_return, currency,
		extract(year FROM transaction_day)::int AS transaction_year,
		extract(month FROM transaction_day)::int AS transaction_month,
		extract(dow FROM transaction_day)::int + 1 AS day_of_week,
		(extract(dow FROM transaction_day) IN (0, 6))::int AS is_weekend
	FROM %1$s.transaction_lines
	WHERE problem IS NULL AND customer_id IS NOT NULL
	$view$, home);
	PERFORM rfmseg._comment(home || '.transactions', rfmseg._landing_descriptions('transactions') || $json${
		"": "Clean lines of known customers.",
		"transaction_day": "Local date of transaction_date, in the deployment's zone.",
		"total_amount": "What the customer paid; of a return, negative.",
		"is_return": "Whether the line is a return.",
		"transaction_year": "Year of transaction_day.",
		"transaction_month": "Month of transaction_day.",
		"day_of_week": "1 is Sunday.",
		"is_weekend": "1 on Saturday and Sunday, else 0."
	}$json$);
	PERFORM rfmseg._create_contact_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_clean_views(text) IS 'Internal: makes the clean views of a deployment by its settings and sources.';
