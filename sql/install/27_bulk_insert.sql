-------------------------------------------------------------------------------
-- Rows into a plain table, many at a time
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._fill(target regclass, query text)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_fill'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION rfmseg._fill(regclass, text) IS
'Internal: puts a query''s rows into a table that the caller owns and that has no index, trigger, rule, constraint, default or row security; how many.';
