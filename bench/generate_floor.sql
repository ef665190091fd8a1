-- The least that making rows can take: writing them

CREATE TABLE written (LIKE shop_raw.transactions);
INSERT INTO written SELECT * FROM computed;
