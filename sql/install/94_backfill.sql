-------------------------------------------------------------------------------
-- backfill(): history of the time before the first refresh
-------------------------------------------------------------------------------

-- As refresh, a procedure that commits: qualified names, and a search_path of its own.
CREATE PROCEDURE rfmseg.backfill(deployment text, from_as_of timestamptz, to_as_of timestamptz DEFAULT NULL, step interval DEFAULT '1 month')
LANGUAGE plpgsql
AS $body$
DECLARE
	callers_path pg_catalog.text := pg_catalog.current_setting('search_path');
	published pg_catalog.timestamptz;
	zone pg_catalog.text;
	instant pg_catalog.timestamptz;
	n pg_catalog.int4 := 0;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	PERFORM rfmseg._require(deployment);
	IF from_as_of IS NULL OR step IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('%s must not be NULL', CASE WHEN step IS NULL THEN 'step' ELSE 'from_as_of' END);
	END IF;
	EXECUTE format('SELECT as_of FROM %I.runs WHERE is_current', deployment || '_core') INTO published;
	IF published IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no customers yet', deployment),
			HINT = format('CALL rfmseg.refresh(%L) first.', deployment);
	ELSIF step < interval '1 day' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('step is %s', step), HINT = 'It must be a day or more, such as ''1 month''.';
	ELSIF NOT isfinite(from_as_of) OR NOT isfinite(to_as_of) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'from_as_of and to_as_of must not be infinite';
	ELSIF from_as_of >= published OR to_as_of < from_as_of THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is nothing to fill from %s to %s', from_as_of, least(to_as_of, published)),
			HINT = 'History is filled from from_as_of to to_as_of, before the as_of of the published segments.';
	END IF;

	-- steps are local ones, so that months begin at midnight in summer too
	EXECUTE format('SELECT time_zone FROM %I.settings', deployment || '_core') INTO zone;
	LOOP
		instant := ((from_as_of AT TIME ZONE zone) + n * step) AT TIME ZONE zone;
		EXIT WHEN instant >= published OR instant > to_as_of;
		CALL rfmseg.refresh(deployment, instant);
		n := n + 1;
	END LOOP;
	PERFORM set_config('search_path', callers_path, true);
	RAISE NOTICE '%: history has % more runs, from % on', deployment, n, from_as_of;
END
$body$;
COMMENT ON PROCEDURE rfmseg.backfill(text, timestamptz, timestamptz, interval) IS
'Fills history with what segments were before: a refresh for each as_of from from_as_of to to_as_of, step apart, in the deployment''s zone, up to that of the published segments, which stay as they are. With frozen cut points it is by those that are in force. What is then there are segment_trend, segment_migration, and the past of each customer. It takes a refresh each; if one fails, those before are kept. Errors: not the owner; no refresh yet; a step of less than a day; nothing to fill.';
