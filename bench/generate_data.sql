-- What the generators' part starts from: the purchases of :customers made-up
-- customers, already computed, in a table as deploy makes it

SELECT rfmseg.deploy('shop') \g /dev/null
CREATE TABLE computed (LIKE shop_raw.transactions);
INSERT INTO computed SELECT * FROM rfmseg.generate_transactions(:customers, 1);
VACUUM (ANALYZE) computed;
