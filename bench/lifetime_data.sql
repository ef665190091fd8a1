-- The benchmark's table of customers: so many, of an MBG/NBD population of two
-- years, with what rfm() says of them. The same size gives the same rows everywhere.

CREATE TABLE customers AS
SELECT customer_id, (m).frequency_repeat AS x, (m).recency_btyd AS t_x, (m).t_age AS t, (m).monetary_value AS money
FROM (
	SELECT customer_id, rfmseg.rfm(transaction_date, total_amount, '2026-01-01 00:00 UTC') AS m
	FROM rfmseg.generate_transactions(:customers, 42, '2024-01-01', '2025-12-31',
		population => '{"model": "mbgnbd", "r": 0.5, "alpha": 60, "a": 0.9, "b": 3, "p": 6, "q": 4, "v": 50}')
	GROUP BY customer_id
) AS c;

CREATE TABLE lifetime_models AS
SELECT rfmseg.mbgnbd_fit(x, t_x, t) AS mbgnbd, rfmseg.bgnbd_fit(x, t_x, t) AS bgnbd, rfmseg.pnbd_fit(x, t_x, t) AS pnbd,
	rfmseg.gamma_gamma_fit(x, money) AS gamma_gamma
FROM customers;

VACUUM (ANALYZE) customers, lifetime_models;
