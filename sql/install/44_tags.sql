-------------------------------------------------------------------------------
-- Tags: what is said of columns, and masks that follow from it
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._apply_tag(deployment text, key text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	masks boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.tag_masks k WHERE k.key = $1)', deployment || '_core') INTO masks USING key;
	IF masks THEN
		PERFORM rfmseg._apply_masks(deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._apply_tag(text, text) IS 'Internal: brings views and grants up to a tag that was given or taken, where such tags mask.';

CREATE FUNCTION rfmseg.tag(deployment text, relation text, column_name text, key text, value text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	name := rfmseg._relation_of(deployment, relation);
	IF num_nulls(column_name, key, value) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'column_name, key and value must not be NULL';
	ELSIF to_regclass(name) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a
		WHERE a.attrelid = to_regclass(name) AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('column "%s" of relation %s does not exist', column_name, name), HINT = 'Give its name as it is in the catalogue, without quotes.';
	END IF;
	EXECUTE format('INSERT INTO %I.tags VALUES ($1, $2, $3, $4) ON CONFLICT ON CONSTRAINT tags_pkey DO UPDATE SET value = excluded.value', deployment || '_core')
		USING name, column_name, key, value;
	PERFORM rfmseg._apply_tag(deployment, key);
END
$body$;
COMMENT ON FUNCTION rfmseg.tag(text, text, text, text, text) IS
'Says something of a column of a deployment: key and value, such as personal and location. One value a key; another replaces it. relation: a published one, or one with its schema. deploy tags personal data of the landing tables, the clean view and the per-customer table with key personal and value name, contact, demographic or location. A tag of a published column, or of the column of scored_customers that it shows, masks it if mask_tag says so. Errors: no such relation or column.';

CREATE FUNCTION rfmseg.untag(deployment text, relation text, column_name text, key text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.tags t WHERE t.relation = $1 AND t.column_name = $2 AND t.key = $3 RETURNING true', deployment || '_core')
		INTO found_one USING rfmseg._relation_of(deployment, relation), column_name, key;
	IF found_one IS NULL THEN
		RAISE NOTICE '%.% has no tag "%"', relation, column_name, key;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_tag(deployment, key);
END
$body$;
COMMENT ON FUNCTION rfmseg.untag(text, text, text, text) IS 'Takes a tag of a column away, and the mask that followed from it. A notice if there is none.';

CREATE FUNCTION rfmseg.mask_tag(deployment text, key text, value text, method text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF num_nulls(key, value, method) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'key, value and method must not be NULL',
			HINT = 'A method is null, hash, partial or bucket, each as text.';
	END IF;
	PERFORM rfmseg._check_choice('method', method, '{"null",hash,partial,bucket}');
	EXECUTE format('INSERT INTO %I.tag_masks VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT tag_masks_pkey DO UPDATE SET method = excluded.method', deployment || '_core')
		USING key, value, method;
	PERFORM rfmseg._apply_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.mask_tag(text, text, text, text) IS
'Masks every published column of customers that has a tag, now or later, as mask_column does. A column''s own mask goes before; of several tags the strictest holds: null, hash, partial, bucket. Errors: as of mask_column, of any column that has the tag; nothing is changed then.';

CREATE FUNCTION rfmseg.unmask_tag(deployment text, key text, value text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.tag_masks t WHERE t.key = $1 AND t.value = $2 RETURNING true', deployment || '_core')
		INTO found_one USING key, value;
	IF found_one IS NULL THEN
		RAISE NOTICE 'tag "%" with value "%" masks nothing', key, value;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.unmask_tag(text, text, text) IS 'Takes away what mask_tag said of a tag. A notice if it said nothing.';
