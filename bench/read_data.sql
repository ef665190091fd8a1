-- A deployment of so many made-up customers, with clusters and two runs before
-- the one that is published; and each published relation's rows in a table, which
-- is the floor of reading it. The same size gives the same rows everywhere.

SET client_min_messages = warning;
SELECT rfmseg.deploy('shop') \g /dev/null
SELECT rfmseg.generate('shop', :customers) \g /dev/null
CALL rfmseg.refresh('shop', as_of => '2025-11-01 UTC');
CALL rfmseg.train('shop', k => 6);
CALL rfmseg.refresh('shop', as_of => '2025-12-01 UTC');
CALL rfmseg.refresh('shop');
CREATE SCHEMA floor;
SELECT format('CREATE TABLE floor.%I AS SELECT * FROM shop.%1$I', relname)
FROM pg_class WHERE relnamespace = 'shop'::regnamespace ORDER BY relname \gexec
VACUUM (ANALYZE);
