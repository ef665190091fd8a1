-- Lloyd's algorithm in plain SQL: three iterations from the centres in
-- sql_centres, then the label of each point

\i bench/kmeans_sql_step.sql
\i bench/kmeans_sql_step.sql
\i bench/kmeans_sql_step.sql
SELECT 'iterations', extract(epoch FROM clock_timestamp()) - :began;
\i bench/kmeans_sql_nearest.sql
CREATE TABLE labels AS SELECT id, :nearest AS label FROM (SELECT id, :distances FROM points OFFSET 0) AS row;
