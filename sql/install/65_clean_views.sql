-------------------------------------------------------------------------------
-- Clean views of the landing tables
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._drop_clean_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format('DROP VIEW IF EXISTS %1$s.transactions, %1$s.transaction_lines, %1$s.products, %1$s.customers_clean',
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
	-- keys of different types meet as text
	SELECT CASE WHEN rfmseg._type_of_column(format('%I.products', deployment || '_raw'), 'product_id')
			= rfmseg._type_of_column(format('%I.transactions', deployment || '_raw'), 'product_id')
		THEN 'p.product_id = t.product_id' ELSE 'p.product_id::text = t.product_id::text' END
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
BEGIN
	EXECUTE format('SELECT currency FROM %s.settings', home) INTO currency;
	RETURN format('SELECT t.customer_id, t.transaction_date, t.total_amount, t.order_id, t.product_id, %s AS category,'
		' t.quantity, t.discount_amount, t.is_return, coalesce(t.currency, %L) AS currency FROM %s.transactions t',
		CASE WHEN has_products THEN 'coalesce(t.category, p.category)' ELSE 't.category' END, currency, raw)
		|| CASE WHEN has_products THEN format(' LEFT JOIN %s.products p ON %s', home, rfmseg._product_key(deployment)) ELSE '' END;
END
$body$;
COMMENT ON FUNCTION rfmseg._lines_query(text) IS
'Internal: the lines of a deployment as rfmseg.summarize_customers takes them; the view transaction_lines shows them to people.';

CREATE FUNCTION rfmseg._create_clean_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
	zone text;
	currency text;
BEGIN
	EXECUTE format('SELECT time_zone, currency FROM %s.settings', home) INTO zone, currency;

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.customers_clean WITH (security_invoker = true) AS
	SELECT DISTINCT ON (customer_id)
		customer_id, age,
		CASE WHEN age < 18 THEN 'Under 18' WHEN age < 25 THEN 'Young Adult' WHEN age < 35 THEN 'Emerging Professional'
			WHEN age < 50 THEN 'Established Professionals' WHEN age <= 65 THEN 'Mature Adults'
			WHEN age > 65 THEN 'Seniors' END AS age_bracket,
		gender, income_bracket, city, state, latitude, longitude, signup_date, preferred_channel, marketing_consent
	FROM %2$s.customers
	WHERE customer_id IS NOT NULL
	ORDER BY customer_id, signup_date, age, gender, income_bracket, city, state, latitude, longitude, preferred_channel, marketing_consent
	$view$, home, raw);
	PERFORM rfmseg._comment(home || '.customers_clean', rfmseg._landing_descriptions('customers') || $json${
		"": "Customers, one row each, without names and contacts.",
		"age_bracket": "Under 18; Young Adult 18-24; Emerging Professional 25-34; Established Professionals 35-49; Mature Adults 50-65; Seniors."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.products WITH (security_invoker = true) AS
	SELECT DISTINCT ON (product_id)
		product_id, product_name, category, price, cost, brand, is_seasonal, price - cost AS profit_margin
	FROM %2$s.products
	WHERE product_id IS NOT NULL AND (price > 0 OR price IS NULL)
	ORDER BY product_id, product_name, category, price, cost, brand, is_seasonal
	$view$, home, raw);
	PERFORM rfmseg._comment(home || '.products', rfmseg._landing_descriptions('products') || $json${
		"": "Products, one row each, with an id and no price of zero or less.",
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
			WHEN total_amount < 0 AND NOT is_return THEN 'negative, not a return' END AS problem
	FROM (
		SELECT t.transaction_id, t.order_id, t.customer_id, t.transaction_date, t.product_id, t.quantity,
			coalesce(t.category, p.category) AS category, t.per_unit_cost, t.per_unit_msrp, t.total_cost,
			t.pre_discount_amount, t.discount_amount, t.total_amount, t.channel,
			coalesce(t.is_return, t.total_amount < 0) AS is_return, coalesce(t.currency, %4$L) AS currency
		FROM %2$s.transactions t LEFT JOIN %1$s.products p ON %5$s
	) AS line
	$view$, home, raw, zone, currency, rfmseg._product_key(deployment));
	PERFORM rfmseg._comment(home || '.transaction_lines', rfmseg._landing_descriptions('transactions') || $json${
		"": "All lines of the source, those left out of the segments with the reason.",
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
END
$body$;
COMMENT ON FUNCTION rfmseg._create_clean_views(text) IS 'Internal: makes the clean views of a deployment by its settings and sources.';
