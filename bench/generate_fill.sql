-- The floor, but written as generate writes: a page at a time

CREATE TABLE written (LIKE shop_raw.transactions);
SELECT rfmseg._fill('written', 'SELECT * FROM computed');
