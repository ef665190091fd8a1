-- :lines purchases in plain SQL, with random() and the same columns: two lines an
-- order, at a time and in a channel of their own; 100 products, whose categories
-- and prices stay the same; a discount on every fourth line, and every 25th is
-- sent back. A customer is like any other, and so is a day. Subqueries rather than
-- WITH, which would put the rows of each into a file.

CREATE TABLE written (LIKE shop_raw.transactions);

INSERT INTO written (transaction_id, order_id, customer_id, transaction_date, product_id, quantity, category, per_unit_cost,
	per_unit_msrp, total_cost, pre_discount_amount, discount_amount, total_amount, channel, is_return, currency)
SELECT transaction_id, order_id, customer_id, transaction_date, product_id, quantity, category, cost, price, quantity * cost,
	full_amount, discount, full_amount - discount, channel, is_return, 'USD'
FROM (
	SELECT line.*, category, cost, price, quantity * price AS full_amount,
		CASE WHEN is_discounted THEN round(0.15 * quantity * price, 2) ELSE 0.00 END AS discount
	FROM (
		SELECT part.*, 100 * order_id + place AS transaction_id,
			1 + floor(100 * random())::bigint AS product_id,
			(1 + floor(2 * random() ^ 2)::int)::numeric AS quantity,
			random() < 0.25 AS is_discounted,
			random() < 0.04 AS is_return
		FROM (
			SELECT orders.*, generate_series(1, 2) AS place
			FROM (
				SELECT order_id,
					1 + floor(:customers * random())::bigint AS customer_id,
					timestamptz '2024-01-01 00:00+00' + floor(731 * 86400 * random()) * interval '1 second' AS transaction_date,
					('{In-Store,Mobile App,Web}'::text[])[1 + floor(3 * random())::int] AS channel
				FROM generate_series(1, (:lines + 1) / 2) AS order_id
			) AS orders
			LIMIT :lines
		) AS part
	) AS line
	JOIN (
		SELECT product_id, category, price, round(0.6 * price, 2) AS cost
		FROM (
			SELECT product_id, round((4 + 150 * random() ^ 3)::numeric, 2) AS price,
				('{Beauty,Books,Clothing,Electronics,Food & Grocery,Home & Garden,Sports}'::text[])[1 + product_id % 7] AS category
			FROM generate_series(1, 100) AS product_id
		) AS product
	) AS product USING (product_id)
) AS line;
