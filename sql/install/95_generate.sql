-------------------------------------------------------------------------------
-- generate() and demo(): a deployment with made-up data
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._check_landing_is_empty(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	raw text := deployment || '_raw';
	landing record;
BEGIN
	FOR landing IN
		SELECT dataset, format('%I.%I', raw, dataset) AS relation, c.relkind
		FROM unnest('{customers,ground_truth,products,transactions}'::text[]) dataset
		LEFT JOIN pg_class c ON c.relname = dataset AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = raw)
		WHERE c.oid IS NOT NULL OR dataset <> 'ground_truth'
		ORDER BY dataset
	LOOP
		IF landing.relkind IS NULL OR landing.relkind NOT IN ('r', 'p') THEN
			RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
				MESSAGE = format('%s is no table', landing.relation),
				DETAIL = 'Made-up rows go into the landing tables, and a mapped source is read through a view in their place.',
				HINT = 'Deploy another one for made-up data, such as SELECT rfmseg.deploy(''demo'').';
		ELSIF rfmseg._holds_rows(landing.relation, 'SHARE ROW EXCLUSIVE') THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('landing table %s already holds rows', landing.relation),
				DETAIL = 'Made-up rows are never mixed with others.',
				HINT = format('Deploy another one for made-up data; or, if these rows may go: TRUNCATE %s.',
					(SELECT string_agg(format('%I.%I', raw, relname), ', ' ORDER BY relname) FROM pg_class
						WHERE relnamespace = raw::regnamespace AND relkind IN ('r', 'p')
							AND relname IN ('customers', 'ground_truth', 'products', 'transactions')));
		END IF;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_landing_is_empty(text) IS
'Internal: an error unless a deployment''s landing tables are tables and hold no rows; keeps others from filling them.';

CREATE FUNCTION rfmseg._is_as_deployed(relation text, dataset text)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT c.relkind = 'r' AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
		AND NOT (c.relhasindex OR c.relhastriggers OR c.relhasrules OR c.relrowsecurity OR c.relchecks > 0)
		AND (SELECT bool_and(NOT (a.attnotnull OR a.atthasdef OR a.attisdropped)) AND
				array_agg(a.attname::text || ' ' || a.atttypid::regtype ORDER BY a.attnum)
				= (SELECT array_agg(l.column_name || ' ' || l.data_type::regtype ORDER BY l.place)
					FROM rfmseg._landing_columns l WHERE l.dataset = $2)
			FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
	FROM pg_class c WHERE c.oid = $1::regclass
$body$;
COMMENT ON FUNCTION rfmseg._is_as_deployed(text, text) IS
'Internal: whether a landing table has the columns that deploy gave it, and nothing else to mind, so that rows can be put into it many at a time.';

CREATE FUNCTION rfmseg._land(deployment text, dataset text, query text)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	columns text := (SELECT string_agg(quote_ident(column_name), ', ' ORDER BY place)
		FROM rfmseg._landing_columns l WHERE l.dataset = _land.dataset);
	landed bigint;
BEGIN
	EXECUTE format('INSERT INTO %I.%I (%s) SELECT %s FROM (%s) AS made', deployment || '_raw', dataset, columns, columns, query);
	GET DIAGNOSTICS landed = ROW_COUNT;
	RETURN landed;
END
$body$;
COMMENT ON FUNCTION rfmseg._land(text, text, text) IS
'Internal: inserts a query''s rows, which have the landing columns by name, into a landing table; how many.';

-- What dirty rows are made: copies of good ones, each broken in one way.
-- Duplicates come last, as they look like good ones.
CREATE TABLE rfmseg._dirt (
	dataset text NOT NULL,
	stream int NOT NULL,
	kind text NOT NULL,
	changes jsonb NOT NULL,
	PRIMARY KEY (dataset, kind),
	UNIQUE (stream)
);
GRANT SELECT ON rfmseg._dirt TO PUBLIC;
COMMENT ON TABLE rfmseg._dirt IS 'Internal: the kinds of dirty rows that generate() makes.';
COMMENT ON COLUMN rfmseg._dirt.dataset IS 'transactions, customers or products.';
COMMENT ON COLUMN rfmseg._dirt.stream IS 'Number of the stream of random numbers that picks the good rows; the order in which kinds are made.';
COMMENT ON COLUMN rfmseg._dirt.kind IS 'What is wrong with them.';
COMMENT ON COLUMN rfmseg._dirt.changes IS 'Expressions over the good row, by column; duplicates have none and keep their id too.';

INSERT INTO rfmseg._dirt (dataset, stream, kind, changes) VALUES
	('transactions', 101, 'missing_transaction_id', '{"transaction_id": "NULL::bigint"}'),
	('transactions', 102, 'missing_customer_id', '{"customer_id": "NULL::bigint"}'),
	('transactions', 103, 'future_date', '{"transaction_date": "(transaction_date AT TIME ZONE ''UTC'' + interval ''100 years'') AT TIME ZONE ''UTC''"}'),
	('transactions', 104, 'negative_total', '{"total_amount": "-total_amount"}'),
	('transactions', 105, 'duplicate_transaction_id', '{}'),
	('customers', 111, 'missing_customer_id', '{"customer_id": "NULL::bigint"}'),
	('customers', 112, 'under_age', '{"age": "13 + draw % 5"}'),
	('customers', 113, 'duplicate_customer_id', '{}'),
	('products', 121, 'missing_product_id', '{"product_id": "NULL::bigint"}'),
	('products', 122, 'zero_price', '{"price": "0.00"}'),
	('products', 123, 'duplicate_product_id', '{}');

CREATE FUNCTION rfmseg._land_dirt(deployment text, seed bigint, dataset text, dirty numeric, last_id bigint, first_free_id bigint)
RETURNS TABLE (kind text, row_count bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_variable
DECLARE
	raw text := quote_ident(deployment || '_raw') || '.' || quote_ident(dataset);
	key text := rtrim(dataset, 's') || '_id';
	good text := format('%I <= %s', key, last_id);
	step int := CASE dataset WHEN 'transactions' THEN 100 ELSE 1 END;	-- each in an order of its own
	next_id bigint := first_free_id;
	wanted bigint;
	dirt record;
	columns text;
BEGIN
	IF dataset = 'transactions' THEN
		good := good || ' AND NOT is_return';
	END IF;
	EXECUTE format('SELECT ceil(count(*) * $1) FROM %s WHERE %s', raw, good) INTO wanted USING dirty;

	FOR dirt IN SELECT d.* FROM rfmseg._dirt d WHERE d.dataset = dataset ORDER BY d.stream LOOP
		SELECT string_agg(format('%s AS %I', CASE
				WHEN dirt.changes ? l.column_name THEN dirt.changes ->> l.column_name
				WHEN dirt.changes = '{}' THEN quote_ident(l.column_name)
				WHEN l.column_name = key THEN format('%s + (place - 1) * %s', next_id, step)
				WHEN l.column_name = 'order_id' THEN format('%s + (place - 1)', next_id / step)
				ELSE quote_ident(l.column_name) END, l.column_name), ', ' ORDER BY l.place)
		INTO columns FROM rfmseg._landing_columns l WHERE l.dataset = dataset;

		kind := dirt.kind;
		row_count := rfmseg._land(deployment, dataset, format($query$
			SELECT %1$s
			FROM (SELECT *, row_number() OVER (ORDER BY draw, %2$I) AS place
				FROM (SELECT *, rfmseg._draw(%3$L, %4$s, %2$I) AS draw FROM %5$s WHERE %6$s) AS drawn
				ORDER BY draw, %2$I LIMIT %7$s) AS picked$query$,
			columns, key, seed, dirt.stream, raw, good, wanted));
		next_id := next_id + row_count * step;
		RETURN NEXT;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._land_dirt(text, bigint, text, numeric, bigint, bigint) IS
'Internal: adds dirty rows of each kind to a landing table, made of the good ones with ids up to last_id; how many of each.';

CREATE FUNCTION rfmseg.generate(
	deployment text,
	customers bigint DEFAULT 1000,
	seed bigint DEFAULT 42,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	dirty numeric DEFAULT 0,
	products bigint DEFAULT 100,
	population jsonb DEFAULT NULL
)
RETURNS TABLE (dataset text, kind text, row_count bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_variable
DECLARE
	raw text := quote_ident(deployment || '_raw');
	zone text;
	money text;
	arguments text;
	ids_of_a_customer CONSTANT bigint := 10000000;	-- 100,000 orders of 100 lines
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF dirty IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'dirty must not be NULL';
	ELSIF NOT dirty BETWEEN 0 AND 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('dirty is %s', dirty),
			HINT = 'It is a share of the good rows, from 0 to 1; 0.01 adds one dirty row of each kind for each hundred good ones.';
	END IF;
	PERFORM rfmseg._check_landing_is_empty(deployment);
	EXECUTE format('SELECT time_zone, currency FROM %I.settings', deployment || '_core') INTO zone, money;

	dataset := 'transactions';
	kind := 'good';
	IF rfmseg._is_as_deployed(raw || '.transactions', dataset) THEN
		row_count := rfmseg._generate_transactions_into(customers, seed, start_date, end_date, products, zone, money, population, 1, raw || '.transactions');
	ELSE
		row_count := rfmseg._land(deployment, dataset, format('SELECT * FROM rfmseg.generate_transactions(%L, %L, %L, %L, %L, %L, %L, %L)',
			customers, seed, start_date, end_date, products, zone, money, population));
	END IF;
	RETURN NEXT;

	dataset := 'customers';
	arguments := format('%L, %L, %L, %L, %L', customers, seed, start_date, end_date, population);
	row_count := rfmseg._land(deployment, dataset, format('SELECT * FROM rfmseg.generate_customers(%s)', arguments));
	RETURN NEXT;

	-- a population buys no products
	dataset := 'products';
	row_count := rfmseg._land(deployment, dataset, format('SELECT * FROM rfmseg.generate_products(%L, %L)',
		CASE WHEN population IS NULL THEN products ELSE 0 END, seed));
	RETURN NEXT;

	IF dirty > 0 THEN
		dataset := 'transactions';
		FOR kind, row_count IN SELECT * FROM rfmseg._land_dirt(deployment, seed, dataset, dirty,
			(customers + 1) * ids_of_a_customer - 1, (customers + 1) * ids_of_a_customer + 101)
		LOOP
			RETURN NEXT;
		END LOOP;
		dataset := 'customers';
		FOR kind, row_count IN SELECT * FROM rfmseg._land_dirt(deployment, seed, dataset, dirty, customers, customers + 1) LOOP
			RETURN NEXT;
		END LOOP;
		dataset := 'products';
		FOR kind, row_count IN SELECT * FROM rfmseg._land_dirt(deployment, seed, dataset, dirty, products, products + 1) LOOP
			RETURN NEXT;
		END LOOP;
	END IF;

	PERFORM rfmseg._create_ground_truth(deployment);
	EXECUTE format('INSERT INTO %s.ground_truth SELECT * FROM rfmseg.generate_ground_truth(%s)', raw, arguments);
	dataset := 'ground_truth';
	kind := 'truth';
	GET DIAGNOSTICS row_count = ROW_COUNT;
	RETURN NEXT;
END
$body$;
COMMENT ON FUNCTION rfmseg.generate(text, bigint, bigint, date, date, numeric, bigint, jsonb) IS
'Fills the empty landing tables of a deployment with made-up customers, products and purchases, in its zone and currency, and <name>_raw.ground_truth with what they were made of; says how many rows of each kind. The same arguments make the same rows. dirty: for each kind of dirt, how many rows are added for each good one, from 0 to 1, rounded up to a whole row; the good rows stay the same. population: one of known rates instead of archetypes, see generate_transactions. Errors: landing tables that hold rows or are views on a mapped source, arguments out of range.';

CREATE FUNCTION rfmseg._create_ground_truth(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.ground_truth', deployment || '_raw');
BEGIN
	IF to_regclass(relation) IS NOT NULL THEN
		RETURN;		-- emptied by its owner
	END IF;
	EXECUTE format('CREATE TABLE %s AS SELECT * FROM rfmseg.generate_ground_truth(0, 0)', relation);
	PERFORM rfmseg._comment(relation, $json${
		"": "What the made-up customers of rfmseg.generate were made of: to score segments, clusters and predictions against.",
		"customer_id": "The customer.",
		"archetype": "How the customer was made to buy: big spender, frequent, regular, discount hunter, gift buyer, specialist, bulk buyer, one-time, never buyer; pure for a customer of a population.",
		"purchase_rate": "Orders a day of average demand, while active.",
		"dropout_probability": "Probability of dropping out after an order.",
		"dropout_rate": "Rate of dropping out, a day; population of model pnbd.",
		"mean_order_value": "Mean value of an order; population.",
		"mean_order_lines": "Mean number of lines of an order.",
		"discount_rate": "Share of orders at a discount, on days without a sale.",
		"return_rate": "Share of lines sent back, in a category of average returns.",
		"favorite_category": "The category preferred.",
		"category_affinity": "Share of lines of it, beside those that chance adds.",
		"rhythm": "When the customer buys: steady, at weekends, or for gifts.",
		"orders": "Orders made from start_date to end_date.",
		"is_active": "Whether the customer would still buy after end_date."
	}$json$);
	PERFORM rfmseg._apply_row_filters(deployment);
	PERFORM rfmseg._grant_all(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_ground_truth(text) IS 'Internal: makes the table of the truth behind made-up data, unless there is one.';

-- As refresh, a procedure that commits: qualified names, and a search_path of its own.
CREATE PROCEDURE rfmseg.demo(deployment text DEFAULT 'rfm', customers bigint DEFAULT 1000, seed bigint DEFAULT 42)
LANGUAGE plpgsql
AS $body$
DECLARE
	callers_path pg_catalog.text := pg_catalog.current_setting('search_path');
	made pg_catalog.text;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	PERFORM rfmseg._deploy(deployment);
	RAISE NOTICE 'deployment "%" is made: schemas %_raw, %_core and %', deployment, deployment, deployment, deployment;
	PERFORM rfmseg._make_group_roles(deployment);

	SELECT string_agg(format('%s %s', row_count, dataset), ', ' ORDER BY dataset) INTO made
	FROM rfmseg.generate(deployment, customers, seed) WHERE kind = 'good';
	RAISE NOTICE 'generated with seed %: %', seed, made
		USING HINT = format('%I.ground_truth tells what the customers were made of.', deployment || '_raw');

	CALL rfmseg.refresh(deployment);
	CALL rfmseg.train(deployment);
	CALL rfmseg.refresh(deployment);
	PERFORM set_config('search_path', callers_path, true);
	RAISE NOTICE 'deployment "%" is ready', deployment
		USING HINT = format('SELECT * FROM %1$I.segment_profiles; SELECT * FROM %1$I.customer_segments; SELECT rfmseg.undeploy(%2$L, with_data => true) removes it.',
			deployment, deployment);
END
$body$;
COMMENT ON PROCEDURE rfmseg.demo(text, bigint, bigint) IS
'Everything at once, with made-up data: deploy, generate, refresh, train, and refresh once more, which puts customers into clusters. One NOTICE a stage. Errors: those of the four; a deployment or schema of that name is never touched.';
