-- Clusters as a user makes them: the model in a table, then the label of each point

CREATE TABLE kmeans_model AS SELECT rfmseg.kmeans(ARRAY[:features], :k, :'options') AS model FROM points;
SELECT 'aggregate', extract(epoch FROM clock_timestamp()) - :began;
SELECT 'aggregate_cpu', :cpu - :cpu_began;
CREATE TABLE labels AS
SELECT id, rfmseg.kmeans_predict((SELECT model FROM kmeans_model), ARRAY[:features]) AS label FROM points;
