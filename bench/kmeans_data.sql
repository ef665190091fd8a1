-- The benchmark's table of points: :points customers with eight features, each
-- of mean 0 and standard deviation 1. Every value comes from hashes of the row's
-- number, so that the same size gives the same rows everywhere. No logarithm is
-- taken, of which systems differ in the last bits.
--
--   kinds      six kinds of customer, of 30, 25, 18, 12, 10 and 5 %, that overlap
--   activity   of a customer, about normal within the kind; what the features have
--              in common, so that they are correlated
--   features   1 recency: skewed, long for the inactive   5 gap between orders: skewed
--              2 frequency, as a logarithm                6 discount share: skewed
--              3 spend, as a logarithm                    7 evening share
--              4 products, as a logarithm                 8 age of the account: even
--
-- Values are continuous: no two points are equal.

-- From 0 to 1, evenly
CREATE FUNCTION pg_temp.even(n bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(n, seed) & 9007199254740991) / 9007199254740992.0::float8;

-- The sum of three such numbers of 21 bits each, about normal: mean 0, standard deviation 1
CREATE FUNCTION pg_temp.bell(n bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN 2 * (((hashint8extended(n, seed) & 2097151) + (hashint8extended(n, seed) >> 21 & 2097151)
	+ (hashint8extended(n, seed) >> 42 & 2097151)) / 2097152.0::float8 - 1.5);

CREATE TABLE raw_points AS
SELECT n AS id,
	(0.15 + pg_temp.even(n, 2) ^ 3) * (3 - 0.8 * activity) * (ARRAY[1, 2, 1.5, 3.5, 1, 5])[kind]::float8 AS x1,
	activity + 0.4 * pg_temp.bell(n, 3) AS x2,
	0.8 * activity + (ARRAY[0, 0.5, -0.5, 1.5, 0, 2])[kind]::float8 + 0.6 * pg_temp.bell(n, 4) AS x3,
	0.7 * activity + 0.5 * pg_temp.bell(n, 5) AS x4,
	(0.2 + pg_temp.even(n, 6) ^ 2) * (3 - activity) AS x5,
	pg_temp.even(n, 7) ^ 3 + (ARRAY[0, 0.3, 0, 0, 0.6, 0.1])[kind]::float8 AS x6,
	(ARRAY[0, 0, 1.5, 0.5, -1, 1])[kind]::float8 + pg_temp.bell(n, 8) AS x7,
	pg_temp.even(n, 9) AS x8
FROM (
	SELECT n, kind, (ARRAY[-1.2, 0, 0.6, 1.4, -0.5, 2])[kind]::float8 + 0.6 * pg_temp.bell(n, 1) AS activity
	FROM (
		SELECT n, 1 + (u >= 0.3)::int + (u >= 0.55)::int + (u >= 0.73)::int + (u >= 0.85)::int + (u >= 0.95)::int AS kind
		FROM (SELECT n, pg_temp.even(n, 0) AS u FROM generate_series(1, :points::bigint) AS n) AS row
	) AS row
) AS row;

CREATE TABLE points AS
SELECT id, (x1 - m1) / s1 AS x1, (x2 - m2) / s2 AS x2, (x3 - m3) / s3 AS x3, (x4 - m4) / s4 AS x4,
	(x5 - m5) / s5 AS x5, (x6 - m6) / s6 AS x6, (x7 - m7) / s7 AS x7, (x8 - m8) / s8 AS x8
FROM raw_points, (
	SELECT avg(x1) AS m1, avg(x2) AS m2, avg(x3) AS m3, avg(x4) AS m4, avg(x5) AS m5, avg(x6) AS m6, avg(x7) AS m7, avg(x8) AS m8,
		stddev_pop(x1) AS s1, stddev_pop(x2) AS s2, stddev_pop(x3) AS s3, stddev_pop(x4) AS s4,
		stddev_pop(x5) AS s5, stddev_pop(x6) AS s6, stddev_pop(x7) AS s7, stddev_pop(x8) AS s8
	FROM raw_points
) AS of_all;

DROP TABLE raw_points;
VACUUM (ANALYZE) points;
