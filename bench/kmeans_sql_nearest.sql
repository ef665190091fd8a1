-- The squared distances from the centres as columns d1, d2, ..., and the nearest
-- of them, with the centres written out. A join with the centres and a sort of
-- each point's distances takes several times as long.

SELECT string_agg(distance || ' AS d' || cluster, ', ' ORDER BY cluster) AS distances,
	'CASE least(' || string_agg('d' || cluster, ', ' ORDER BY cluster) || ')'
		|| string_agg(format(' WHEN d%s THEN %s', cluster, cluster), '' ORDER BY cluster) || ' END' AS nearest
FROM (
	SELECT cluster, string_agg(format('(x%s - %L::float8) * (x%s - %L::float8)', j, centre[j], j, centre[j]), ' + ' ORDER BY j) AS distance
	FROM sql_centres, generate_subscripts(centre, 1) AS j
	GROUP BY cluster
) AS centre \gset
