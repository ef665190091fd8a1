-------------------------------------------------------------------------------
-- Mappings: the user's own tables under the names of the landing tables
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._check_expression(expression text)
RETURNS boolean AS 'MODULE_PATHNAME', 'rfmseg_check_expression'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._check_expression(text) IS
'Internal: whether a text is one SQL expression and nothing more; a syntax error is raised.';

CREATE FUNCTION rfmseg._create_mappings(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.sources (dataset text PRIMARY KEY, source regclass NOT NULL)', home);
	EXECUTE format('CREATE TABLE %1$s.mappings (dataset text REFERENCES %1$s.sources ON DELETE CASCADE,'
		' argument text, expression text NOT NULL, PRIMARY KEY (dataset, argument))', home);
	PERFORM rfmseg._comment(home || '.sources', jsonb_build_object(
		'', format('The relations that deployment %s reads. Changed with rfmseg.map_transactions, map_customers, map_products.', deployment),
		'dataset', 'transactions, customers or products.',
		'source', 'The relation; it may be renamed.'));
	PERFORM rfmseg._comment(home || '.mappings', jsonb_build_object(
		'', 'How the sources are read, expression by expression.',
		'dataset', 'transactions, customers or products.',
		'argument', 'Column of the landing table, or filter or fx_rate.',
		'expression', 'SQL expression over the source''s columns.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_mappings(text) IS 'Internal: makes the tables of a deployment''s mappings.';

CREATE FUNCTION rfmseg._expression(source regclass, argument text, given text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	-- the name of a column, as it stands in the catalogue, needs no quotes
	expression text := coalesce((SELECT quote_ident(attname) FROM pg_attribute
		WHERE attrelid = source AND attname = given AND attnum > 0 AND NOT attisdropped), given);
	single boolean := false;
	failure text;
	state text;
BEGIN
	BEGIN
		single := rfmseg._check_expression(expression);
		IF single THEN
			-- in WHERE, so that aggregates and sets of rows are refused
			EXECUTE format(E'SELECT FROM %s AS source WHERE (%s\n) IS NULL LIMIT 0', source, expression);
		END IF;
	EXCEPTION
		WHEN connection_exception THEN
			RAISE;	-- a foreign source that is away says nothing of the expression
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
	END;
	IF failure IS NULL AND single THEN
		RETURN expression;
	END IF;
	RAISE EXCEPTION USING ERRCODE = coalesce(state, '42601'),
		MESSAGE = format('%s => %L cannot be read from %s', argument, given, source),
		DETAIL = coalesce(initcap(left(failure, 1)) || substr(failure, 2) || '.', 'It is not one SQL expression.'),
		HINT = format('%s has the columns %s. Functions, types and operators outside pg_catalog need their schema.', source,
			(SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
			 WHERE attrelid = source AND attnum > 0 AND NOT attisdropped));
END
$body$;
COMMENT ON FUNCTION rfmseg._expression(regclass, text, text) IS
'Internal: a mapped column name or expression as SQL; an error that names the argument if the source cannot give it.';

CREATE FUNCTION rfmseg._type_of(source text, expression text)
RETURNS regtype LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	actual regtype;
	base regtype;
BEGIN
	EXECUTE format(E'SELECT pg_typeof((SELECT (%s\n) FROM %s AS source LIMIT 0))', expression, source) INTO actual;
	LOOP
		SELECT typbasetype INTO base FROM pg_type WHERE oid = actual AND typtype = 'd';
		EXIT WHEN NOT FOUND;
		actual := base;
	END LOOP;
	RETURN actual;
END
$body$;
COMMENT ON FUNCTION rfmseg._type_of(text, text) IS 'Internal: the type of an expression over a source; of a domain, the type beneath.';

CREATE FUNCTION rfmseg._converted(meaning text, data_type text, argument text, expression text, source text, zone text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	actual regtype := rfmseg._type_of(source, expression);
	wanted text;
	value text := format(E'(%s\n)', expression);
BEGIN
	CASE meaning
	WHEN 'key' THEN
		BEGIN
			EXECUTE format('SELECT NULL::%s ORDER BY 1', actual);
			-- without a length, and text without a collation of its own, so that
			-- a column keeps its type when it is mapped again
			-- (by its name in the catalogue: "character" would be of length one)
			RETURN CASE WHEN actual = 'numeric'::regtype THEN format('trim_scale(%s)', value)
				ELSE (SELECT format('%s::%I.%I', value, n.nspname, t.typname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
					WHERE t.oid = actual) END
				|| CASE WHEN actual IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN ' COLLATE "default"' ELSE '' END;
		EXCEPTION WHEN undefined_function THEN
			wanted := 'a type whose values have an order';
		END;
	WHEN 'time' THEN
		IF actual = 'timestamptz'::regtype THEN
			RETURN value;
		ELSIF actual IN ('timestamp'::regtype, 'date'::regtype) THEN
			RETURN format('(%s::timestamp AT TIME ZONE %L)', value, zone);
		END IF;
		wanted := 'a timestamp or date';
	WHEN 'day' THEN
		IF actual = 'timestamptz'::regtype THEN
			RETURN format('(%s AT TIME ZONE %L)::date', value, zone);
		ELSIF actual IN ('timestamp'::regtype, 'date'::regtype) THEN
			RETURN format('%s::date', value);
		END IF;
		wanted := 'a timestamp or date';
	WHEN 'number', 'money' THEN
		IF actual = ANY ('{int2,int4,int8,numeric,float4,float8,money}'::regtype[]) THEN
			RETURN format('%s::%s', value, data_type);
		END IF;
		wanted := 'a number';
	WHEN 'flag' THEN
		IF actual = 'boolean'::regtype THEN
			RETURN value;
		END IF;
		wanted := 'a boolean';
	WHEN 'text' THEN
		RETURN format('%s::text COLLATE "default"', value);
	END CASE;
	RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
		MESSAGE = format('%s => %L is of type %s, not %s', argument, expression, actual, wanted),
		HINT = format('Map an expression that converts it, such as %L.',
			format('(%s)::%s', expression, CASE meaning WHEN 'key' THEN 'text' WHEN 'time' THEN 'timestamptz' ELSE data_type END));
END
$body$;
COMMENT ON FUNCTION rfmseg._converted(text, text, text, text, text, text) IS
'Internal: SQL that brings an expression to the type of a landing column; an error that names the argument if its type cannot be that.';

CREATE FUNCTION rfmseg._source_query(deployment text, dataset text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	source regclass;
	mapped jsonb;
	zone text;
	currency text;
	rate text;
	filter text;
	item record;
	argument text;
	value text;
	columns text[];
BEGIN
	EXECUTE format('SELECT source FROM %s.sources WHERE dataset = $1', home) INTO source USING dataset;
	IF NOT EXISTS (SELECT FROM pg_class WHERE oid = source) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table',
			MESSAGE = format('the source of %s was dropped', dataset),
			HINT = format('Map another with rfmseg.map_%s(%L, ...).', dataset, deployment);
	END IF;
	EXECUTE format('SELECT jsonb_object_agg(argument, expression) FROM %s.mappings WHERE dataset = $1', home) INTO mapped USING dataset;
	EXECUTE format('SELECT time_zone, currency FROM %s.settings', home) INTO zone, currency;
	IF mapped ? 'fx_rate' THEN
		rate := rfmseg._converted('number', 'numeric', 'fx_rate', mapped ->> 'fx_rate', source::text, zone);
		IF mapped ? 'currency' THEN		-- what is in the deployment's currency needs none
			rate := format(E'coalesce(%s, CASE WHEN (%s\n)::text = %L THEN 1 END)', rate, mapped ->> 'currency', currency);
		END IF;
	END IF;
	IF mapped ? 'filter' THEN
		filter := rfmseg._converted('flag', 'boolean', 'filter', mapped ->> 'filter', source::text, zone);
	END IF;

	FOR item IN SELECT * FROM rfmseg._landing_columns l WHERE l.dataset = _source_query.dataset ORDER BY l.place LOOP
		IF mapped ? item.column_name THEN
			argument := CASE item.column_name WHEN 'transaction_date' THEN 'event_at' WHEN 'total_amount' THEN 'amount' ELSE item.column_name END;
			value := rfmseg._converted(item.meaning, item.data_type, argument,
				rfmseg._expression(source, argument, mapped ->> item.column_name), source::text, zone);
		ELSE
			value := format('NULL::%s', item.data_type);
		END IF;
		IF rate IS NOT NULL AND item.meaning = 'money' THEN
			value := format('%s * %s', value, rate);
		ELSIF rate IS NOT NULL AND item.column_name = 'currency' THEN
			-- the refresh refuses rows without a rate by this word
			value := format('CASE WHEN %s IS NULL THEN coalesce(%s, ''?'') || '' without fx_rate'' ELSE %L END', rate, value, currency);
		END IF;
		columns := columns || format('%s AS %I', value, item.column_name);
	END LOOP;

	RETURN format('SELECT %s FROM %s AS source', array_to_string(columns, ', '), source) || coalesce(' WHERE ' || filter, '');
END
$body$;
COMMENT ON FUNCTION rfmseg._source_query(text, text) IS 'Internal: the query that gives a mapped source the form of its landing table.';

CREATE FUNCTION rfmseg._build_source(deployment text, dataset text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.%I', deployment || '_raw', dataset);
	query text := rfmseg._source_query(deployment, dataset);
	kind "char" := (SELECT relkind FROM pg_class WHERE oid = to_regclass(relation));
BEGIN
	BEGIN
		IF kind = 'v' THEN
			EXECUTE format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS %s', relation, query);
			RETURN;
		END IF;
	EXCEPTION WHEN invalid_table_definition THEN
		NULL;	-- a column changed its type: make the view anew
	END;

	PERFORM rfmseg._drop_clean_views(deployment);
	IF kind IS NOT NULL THEN
		EXECUTE format('DROP %s %s', CASE kind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relation);
	END IF;
	EXECUTE format('CREATE VIEW %s WITH (security_invoker = true) AS %s', relation, query);
	PERFORM rfmseg._comment(relation, rfmseg._landing_descriptions(dataset) || jsonb_build_object('', format('The mapped source of %s; see mappings in %I.', dataset, deployment || '_core')));
	PERFORM rfmseg._create_clean_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._build_source(text, text) IS 'Internal: puts the view of a mapped source in the place of its landing table.';

CREATE FUNCTION rfmseg._rebuild_sources(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	dataset text;
BEGIN
	FOR dataset IN EXECUTE format('SELECT dataset FROM %I.sources ORDER BY dataset', deployment || '_core') LOOP
		PERFORM rfmseg._build_source(deployment, dataset);
	END LOOP;
	PERFORM rfmseg._create_clean_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._rebuild_sources(text) IS 'Internal: makes the views of the mapped sources, and the clean views, by the present settings.';

CREATE FUNCTION rfmseg._check_key(deployment text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	old_key regtype;
	new_key regtype;
BEGIN
	SELECT atttypid INTO old_key FROM pg_attribute
		WHERE attrelid = to_regclass(home || '.scored_customers') AND attname = 'customer_id';
	SELECT atttypid INTO new_key FROM pg_attribute
		WHERE attrelid = to_regclass(home || '.transaction_lines') AND attname = 'customer_id';
	IF old_key <> new_key THEN
		RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
			MESSAGE = format('customer_id of "%s" is %s, not %s', deployment, old_key, new_key),
			DETAIL = 'The type of the key is that of the first refresh.',
			HINT = 'Map an expression of that type, or make another deployment.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_key(text) IS 'Internal: an error if the source''s customers have another type than the segmented ones.';

CREATE FUNCTION rfmseg._map(deployment text, dataset text, source regclass, given jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	landing text := format('%I.%I', deployment || '_raw', dataset);
	landed boolean := false;
	item record;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF source IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'source must not be NULL';
	END IF;
	IF (SELECT relpersistence FROM pg_class WHERE oid = source) = 't' THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('source %s is a temporary table', source),
			HINT = 'A deployment outlives the session: make it a table that does.';
	ELSIF (SELECT relnamespace FROM pg_class WHERE oid = source) IN (
		quote_ident(deployment)::regnamespace, home::regnamespace, quote_ident(deployment || '_raw')::regnamespace) THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('source %s is the deployment''s own', source),
			HINT = 'Rows in a landing table need no mapping.';
	END IF;
	IF (SELECT relkind FROM pg_class WHERE oid = to_regclass(landing)) = 'r' THEN
		landed := rfmseg._holds_rows(landing);
	END IF;
	IF landed THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('landing table %s holds rows', landing),
			HINT = 'Map another deployment, or delete the rows first: a mapped source takes the table''s place.';
	END IF;

	EXECUTE format('INSERT INTO %s.sources VALUES ($1, $2) ON CONFLICT (dataset) DO UPDATE SET source = excluded.source', home)
		USING dataset, source;
	EXECUTE format('DELETE FROM %s.mappings WHERE dataset = $1', home) USING dataset;
	FOR item IN SELECT key, value FROM jsonb_each_text(given) WHERE value IS NOT NULL LOOP
		EXECUTE format('INSERT INTO %s.mappings VALUES ($1, $2, $3)', home)
			USING dataset,
				CASE item.key WHEN 'event_at' THEN 'transaction_date' WHEN 'amount' THEN 'total_amount' ELSE item.key END,
				rfmseg._expression(source, item.key, item.value);
	END LOOP;
	-- Strangers' data are not ours to throw away: of a mapped source, who is too
	-- young is told of, unless the owner has said otherwise.
	EXECUTE format('UPDATE %s.expectations SET action = ''warn'' WHERE dataset = $1 AND name = ''age_18_or_over'' AND is_default', home)
		USING dataset;
	PERFORM rfmseg._build_source(deployment, dataset);
	PERFORM rfmseg._create_clean_views(deployment);
	PERFORM rfmseg._check_key(deployment);
	PERFORM rfmseg._grant_all(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._map(text, text, regclass, jsonb) IS 'Internal: records a mapping and puts it in place.';

CREATE FUNCTION rfmseg._required(argument text, given text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF given IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('%s must be mapped', argument),
			HINT = 'Give the name of a column of the source, or an expression over its columns.';
	END IF;
	RETURN given;
END
$body$;
COMMENT ON FUNCTION rfmseg._required(text, text) IS 'Internal: an error where an argument that must be given is NULL.';

CREATE FUNCTION rfmseg.map_transactions(
	deployment text,
	source regclass,
	customer_id text,
	event_at text,
	amount text,
	order_id text DEFAULT NULL,
	filter text DEFAULT NULL,
	is_return text DEFAULT NULL,
	currency text DEFAULT NULL,
	fx_rate text DEFAULT NULL,
	product_id text DEFAULT NULL,
	quantity text DEFAULT NULL,
	category text DEFAULT NULL,
	discount_amount text DEFAULT NULL,
	pre_discount_amount text DEFAULT NULL,
	per_unit_cost text DEFAULT NULL,
	per_unit_msrp text DEFAULT NULL,
	total_cost text DEFAULT NULL,
	channel text DEFAULT NULL,
	transaction_id text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._map(deployment, 'transactions', source, jsonb_build_object(
		'customer_id', rfmseg._required('customer_id', customer_id),
		'event_at', rfmseg._required('event_at', event_at),
		'amount', rfmseg._required('amount', amount),
		'order_id', order_id, 'filter', filter, 'is_return', is_return, 'currency', currency, 'fx_rate', fx_rate,
		'product_id', product_id, 'quantity', quantity, 'category', category,
		'discount_amount', discount_amount, 'pre_discount_amount', pre_discount_amount,
		'per_unit_cost', per_unit_cost, 'per_unit_msrp', per_unit_msrp, 'total_cost', total_cost,
		'channel', channel, 'transaction_id', transaction_id));
	IF order_id IS NULL THEN
		RAISE NOTICE 'no order_id is mapped: a purchase is a day on which a customer bought'
			USING HINT = 'Lines are not purchases. If the source has an order or invoice number, map it.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.map_transactions(text, regclass, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) IS
'Lets a deployment read its purchases from a table or view of yours. Each argument after source is the name of a column or an SQL expression over the columns. Required: customer_id (of any type that has an order), event_at (timestamptz, timestamp or date; without zone it is read in the deployment''s), amount (a number; negative for a return). filter: boolean, which rows count; is_return: boolean, default amount < 0, amounts of returns are taken as negative; fx_rate: what amounts are multiplied by to become the deployment''s currency, 1 where they are in it already. What is not mapped stays NULL. Errors: an expression the source cannot give, a wrong type, rows already in the landing table.';

CREATE FUNCTION rfmseg.map_customers(
	deployment text,
	source regclass,
	customer_id text,
	first_name text DEFAULT NULL,
	last_name text DEFAULT NULL,
	email text DEFAULT NULL,
	age text DEFAULT NULL,
	gender text DEFAULT NULL,
	income_bracket text DEFAULT NULL,
	city text DEFAULT NULL,
	state text DEFAULT NULL,
	latitude text DEFAULT NULL,
	longitude text DEFAULT NULL,
	signup_date text DEFAULT NULL,
	preferred_channel text DEFAULT NULL,
	marketing_consent text DEFAULT NULL,
	filter text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._map(deployment, 'customers', source, jsonb_build_object(
		'customer_id', rfmseg._required('customer_id', customer_id),
		'first_name', first_name, 'last_name', last_name, 'email', email, 'age', age, 'gender', gender,
		'income_bracket', income_bracket, 'city', city, 'state', state, 'latitude', latitude, 'longitude', longitude,
		'signup_date', signup_date, 'preferred_channel', preferred_channel, 'marketing_consent', marketing_consent,
		'filter', filter));
END
$body$;
COMMENT ON FUNCTION rfmseg.map_customers(text, regclass, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) IS
'Lets a deployment read what is known of its customers from a table or view of yours: names of columns or expressions, as for map_transactions. Purchases of customers who are not in it count all the same.';

CREATE FUNCTION rfmseg.map_products(
	deployment text,
	source regclass,
	product_id text,
	product_name text DEFAULT NULL,
	category text DEFAULT NULL,
	price text DEFAULT NULL,
	cost text DEFAULT NULL,
	brand text DEFAULT NULL,
	is_seasonal text DEFAULT NULL,
	filter text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._map(deployment, 'products', source, jsonb_build_object(
		'product_id', rfmseg._required('product_id', product_id),
		'product_name', product_name, 'category', category, 'price', price, 'cost', cost, 'brand', brand,
		'is_seasonal', is_seasonal, 'filter', filter));
END
$body$;
COMMENT ON FUNCTION rfmseg.map_products(text, regclass, text, text, text, text, text, text, text, text) IS
'Lets a deployment read its products from a table or view of yours: names of columns or expressions, as for map_transactions. Their category serves where the purchases'' lines have none.';

CREATE FUNCTION rfmseg.check_mapping(deployment text)
RETURNS TABLE (check_name text, value text, note text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	zone text;
	seen record;
	failure text;
	state text;
BEGIN
	PERFORM rfmseg._require(deployment);
	EXECUTE format('SELECT time_zone FROM %s.settings', home) INTO zone;
	BEGIN
		EXECUTE format($query$
			SELECT count(*) AS rows,
				count(customer_id) AS with_customer,
				count(DISTINCT customer_id) AS customers,
				min(transaction_date) AS first, max(transaction_date) AS last,
				count(*) FILTER (WHERE transaction_date IS NULL) AS undated,
				count(*) FILTER (WHERE NOT isfinite(transaction_date)) AS infinite,
				count(*) FILTER (WHERE transaction_date > now()) AS future,
				count(*) FILTER (WHERE total_amount IS NULL) AS unpriced,
				count(*) FILTER (WHERE total_amount IN ('NaN', 'Infinity', '-Infinity')) AS unnumbered,
				count(*) FILTER (WHERE is_return) AS returns,
				count(*) FILTER (WHERE total_amount < 0 AND NOT is_return) AS negative,
				sum(total_amount) FILTER (WHERE total_amount NOT IN ('NaN', 'Infinity', '-Infinity')) AS total,
				string_agg(DISTINCT currency, ', ') AS currencies,
				count(DISTINCT currency) AS n_currencies,
				count(order_id) AS lines, count(DISTINCT order_id) AS orders
			FROM %s.transaction_lines$query$, home) INTO seen;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
		RAISE EXCEPTION USING ERRCODE = state,
			MESSAGE = format('the transactions of "%s" cannot be read: %s', deployment, failure),
			HINT = format('%s.mappings holds the expressions; map again the one that fails.', home);
	END;

	RETURN QUERY SELECT c.check_name, c.value, c.note FROM (VALUES
		(1, 'rows', seen.rows::text, CASE WHEN seen.rows = 0 THEN 'nothing to segment' END),
		(2, 'customers', seen.customers::text, NULL),
		(3, 'first', to_char(seen.first AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS') || CASE WHEN seen.first < '0001-01-01 UTC' THEN ' BC' ELSE '' END, zone),
		(4, 'last', to_char(seen.last AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS'), zone),
		(5, 'total', seen.total::text, NULL),
		(6, 'currencies', seen.currencies, CASE WHEN seen.n_currencies > 1 THEN 'the refresh will refuse mixed currencies: map fx_rate' END),
		(7, 'lines per order', round(seen.lines::numeric / nullif(seen.orders, 0), 2)::text,
			CASE WHEN seen.orders = 0 THEN 'no order_id: a purchase is a day' ELSE format('%s lines, %s orders', seen.lines, seen.orders) END),
		(8, 'rows without customer', (seen.rows - seen.with_customer)::text,
			CASE WHEN seen.rows > seen.with_customer THEN 'reported as unattributed revenue' END),
		(9, 'rows without date', seen.undated::text, CASE WHEN seen.undated > 0 THEN 'left out, and reported' END),
		(10, 'rows without amount', seen.unpriced::text, CASE WHEN seen.unpriced > 0 THEN 'left out, and reported' END),
		(11, 'future dates', seen.future::text, CASE WHEN seen.future > 0 THEN 'they never set as_of, and wait until their time has come' END),
		(12, 'infinite dates', seen.infinite::text, CASE WHEN seen.infinite > 0 THEN 'the refresh will refuse them' END),
		(13, 'amounts NaN or infinite', seen.unnumbered::text, CASE WHEN seen.unnumbered > 0 THEN 'the refresh will refuse them' END),
		(14, 'returns', seen.returns::text, NULL),
		(15, 'negative, not returns', seen.negative::text, CASE WHEN seen.negative > 0 THEN 'left out, and reported' END)
	) AS c (place, check_name, value, note) ORDER BY c.place;
END
$body$;
COMMENT ON FUNCTION rfmseg.check_mapping(text) IS
'What the mapped transactions look like, before they are segmented: span, total, currencies, lines per order, rows without customer, date or amount, dates in the future. value is text; note says what follows from it. Error: an expression that fails on some row.';
