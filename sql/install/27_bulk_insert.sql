-------------------------------------------------------------------------------
-- Rows into a new table, many at a time
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._fill(target regclass, query text)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_fill'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION rfmseg._fill(regclass, text) IS
'Internal: puts a query''s rows into a plain table that the caller owns and has made in this transaction; how many.';
