-------------------------------------------------------------------------------
-- Generators: made-up customers, products and purchases
-------------------------------------------------------------------------------
-- Their rows have the columns of the landing tables (rfmseg._landing_columns).

CREATE FUNCTION rfmseg._draw(seed bigint, stream int, "row" bigint)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_draw'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._draw(bigint, int, bigint) IS
'Internal: a random number from 0 to 2^63 - 1 that follows from the seed, the stream and the row alone.';

CREATE FUNCTION rfmseg.generate_customers(
	n bigint,
	seed bigint,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	population jsonb DEFAULT NULL,
	first_customer bigint DEFAULT 1,
	OUT customer_id bigint,
	OUT first_name text,
	OUT last_name text,
	OUT email text,
	OUT age int,
	OUT gender text,
	OUT income_bracket text,
	OUT city text,
	OUT state text,
	OUT latitude float8,
	OUT longitude float8,
	OUT signup_date date,
	OUT preferred_channel text,
	OUT marketing_consent boolean
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_customers'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_customers(bigint, bigint, date, date, jsonb, bigint) IS
'n made-up customers, numbered from first_customer, with the columns of the landing table. They follow from the arguments alone, and none from how many are asked for; with equal seed, dates and population they are those of generate_transactions. Names, cities and coordinates are real in their frequency (US Census, SSA), people are not; addresses end in example.com, .net or .org, which reach nobody. See docs/generators.md. Errors: NULL, n below 0, end_date before start_date, an impossible population.';

CREATE FUNCTION rfmseg.generate_products(
	n bigint,
	seed bigint,
	OUT product_id bigint,
	OUT product_name text,
	OUT category text,
	OUT price numeric,
	OUT cost numeric,
	OUT brand text,
	OUT is_seasonal boolean
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_products'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_products(bigint, bigint) IS
'n made-up products, numbered from 1, with the columns of the landing table; with the same seed they are those that generate_transactions sells. Brands are invented. Errors: NULL, n below 0.';

CREATE FUNCTION rfmseg.generate_transactions(
	customers bigint,
	seed bigint,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	products bigint DEFAULT 100,
	time_zone text DEFAULT 'UTC',
	currency text DEFAULT 'USD',
	population jsonb DEFAULT NULL,
	first_customer bigint DEFAULT 1,
	OUT transaction_id bigint,
	OUT order_id bigint,
	OUT customer_id bigint,
	OUT transaction_date timestamptz,
	OUT product_id bigint,
	OUT quantity numeric,
	OUT category text,
	OUT per_unit_cost numeric,
	OUT per_unit_msrp numeric,
	OUT total_cost numeric,
	OUT pre_discount_amount numeric,
	OUT discount_amount numeric,
	OUT total_amount numeric,
	OUT channel text,
	OUT is_return boolean,
	OUT currency text
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_transactions'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_transactions(bigint, bigint, date, date, bigint, text, text, jsonb, bigint) IS
'The purchases of so many made-up customers, numbered from first_customer, from start_date to end_date (both included), with the columns of the landing table: a row for each line of an order, and for each line sent back. Hours, weekdays and holidays are those of time_zone. They follow from the arguments alone, and no customer''s from how many are asked for. population, such as {"model": "bgnbd", "r": 0.25, "alpha": 30, "a": 0.8, "b": 2.5, "p": 6, "q": 4, "v": 15}, makes one population without seasons and products, whose rates by day are drawn as that model assumes. See docs/generators.md. Errors: NULL, customers below 0, products outside of 1 to 100000, end_date before start_date, an unknown time zone, an impossible population.';

CREATE FUNCTION rfmseg._generate_transactions_into(
	customers bigint,
	seed bigint,
	start_date date,
	end_date date,
	products bigint,
	time_zone text,
	currency text,
	population jsonb,
	first_customer bigint,
	target regclass
)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_generate_transactions_into'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION rfmseg._generate_transactions_into(bigint, bigint, date, date, bigint, text, text, jsonb, bigint, regclass) IS
'Internal: puts the rows of generate_transactions into a table as _fill does; how many.';

CREATE FUNCTION rfmseg.generate_ground_truth(
	customers bigint,
	seed bigint,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	population jsonb DEFAULT NULL,
	first_customer bigint DEFAULT 1,
	OUT customer_id bigint,
	OUT archetype text,
	OUT purchase_rate float8,
	OUT dropout_probability float8,
	OUT dropout_rate float8,
	OUT mean_order_value float8,
	OUT mean_order_lines float8,
	OUT discount_rate float8,
	OUT return_rate float8,
	OUT favorite_category text,
	OUT category_affinity float8,
	OUT rhythm text,
	OUT orders int,
	OUT is_active boolean
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_ground_truth'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_ground_truth(bigint, bigint, date, date, jsonb, bigint) IS
'What generate_transactions, with the same arguments, made its customers of: archetype; purchase_rate, orders a day of average demand while active; dropout_probability after an order (model bgnbd: after any but the first), or dropout_rate a day (model pnbd); mean_order_value (population alone); mean_order_lines, discount_rate, return_rate, favorite_category, category_affinity, rhythm; orders made; is_active, whether the customer would still buy after end_date. To score segments, clusters and predictions against. Errors: as generate_transactions.';
