-- One iteration. Not INSERT ... SELECT, which has no parallel plan

\i bench/kmeans_sql_nearest.sql
CREATE TABLE sql_moved AS
SELECT :nearest AS cluster, ARRAY[:means] AS centre FROM (SELECT :features, :distances FROM points OFFSET 0) AS row GROUP BY 1;
DROP TABLE sql_centres;
ALTER TABLE sql_moved RENAME TO sql_centres;
