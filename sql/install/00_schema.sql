\echo Use "CREATE EXTENSION rfmseg" to load this file. \quit

-- The script makes its schema itself.  Were it named in the control file, the
-- installer would own it and could plant functions in it.
CREATE SCHEMA rfmseg;
GRANT USAGE ON SCHEMA rfmseg TO PUBLIC;
COMMENT ON SCHEMA rfmseg IS
'Customer segmentation: building blocks for any query, and deployments of a whole pipeline. Names that begin with an underscore are internal.';
