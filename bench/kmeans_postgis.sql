-- ST_ClusterKMeans chooses its first centres itself, once, and has no more options

CREATE TABLE labels AS SELECT id, ST_ClusterKMeans(ST_MakePoint(:features), :k) OVER () AS label FROM points;
