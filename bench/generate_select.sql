-- As anybody can do it

CREATE TABLE written (LIKE shop_raw.transactions);
INSERT INTO written SELECT * FROM rfmseg.generate_transactions(:customers, 1);
