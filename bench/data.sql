-- The benchmark's table of order lines: :customers customers, ten lines each on
-- average. Every value is a hash of the row's number, so that the same size
-- gives the same rows everywhere.
--
--   customers   the cubic bends the hash: 3 to 4 lines at one end, about 100 at
--               the other; 1 % of the lines have no customer
--   orders      mostly one line; every sixth line belongs to the line before
--   returns     2 % of the lines, half of those in an order with a sale undo it
--   time        rises evenly over two years

CREATE TABLE orders (
	customer_id bigint,
	ordered_at timestamptz NOT NULL,
	amount numeric(12,2) NOT NULL,
	order_id bigint NOT NULL,
	product_id int NOT NULL,
	category text NOT NULL,
	quantity int NOT NULL,
	discount numeric(12,2) NOT NULL
);

-- A number from 0 to 2^31 - 1
CREATE FUNCTION pg_temp.hashed(n bigint, seed bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN hashint8extended(n, seed) & 2147483647;

-- Up to 400, small ones more often
CREATE FUNCTION pg_temp.price(n bigint) RETURNS numeric LANGUAGE sql IMMUTABLE
RETURN round((1 + (pg_temp.hashed(n, 10) % 20000) * (pg_temp.hashed(n, 11) % 20000) / 10000) / 100.0, 2);

INSERT INTO orders
SELECT
	CASE WHEN pg_temp.hashed(o, 1) % 100 > 0 THEN
		least(:customers, 1 + floor(:customers * u * (0.1 + 0.9 * u * u))::bigint) END,
	timestamptz '2023-01-01 00:00+00' + (o * 730 * 86400.0 / (10 * :customers) + (n - o)) * interval '1 second',
	CASE WHEN pg_temp.hashed(n, 3) % 100 >= 2 THEN pg_temp.price(n)
		WHEN o < n AND pg_temp.hashed(n, 4) % 2 = 0 THEN -pg_temp.price(o)
		ELSE -pg_temp.price(n) / 2 END,
	o, 1 + product, (ARRAY['Bakery', 'Books', 'Clothing', 'Dairy', 'Drinks', 'Electronics', 'Fruit', 'Garden', 'Home',
		'Pets', 'Sports', 'Toys'])[1 + product % 12],
	1 + pg_temp.hashed(n, 6) % 5,
	CASE WHEN pg_temp.hashed(n, 7) % 10 < 3 THEN (1 + pg_temp.hashed(n, 8) % 500) / 100.0 ELSE 0 END
FROM (
	SELECT n, o, pg_temp.hashed(o, 2) / 2147483648.0::float8 AS u, (pg_temp.hashed(n, 5) % 5000)::int AS product
	FROM (
		SELECT n, CASE WHEN pg_temp.hashed(n, 9) % 5 = 0 AND pg_temp.hashed(n - 1, 9) % 5 > 0 AND n > 1 THEN n - 1 ELSE n END AS o
		FROM generate_series(1, 10 * :customers::bigint) AS n
	) AS line
) AS line;

VACUUM (ANALYZE) orders;

SELECT rfmseg.deploy('shop') \g /dev/null
SELECT rfmseg.configure('shop', time_zone => 'UTC', currency => 'USD') \g /dev/null
SELECT rfmseg.map_transactions('shop',
	source          => 'orders',
	customer_id     => 'customer_id',
	event_at        => 'ordered_at',
	amount          => 'amount',
	order_id        => 'order_id',
	product_id      => 'product_id',
	quantity        => 'quantity',
	category        => 'category',
	discount_amount => 'discount') \g /dev/null
