-------------------------------------------------------------------------------
-- refresh(): from the source to published segments, in one transaction
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._begin_step(deployment text, step int, what text)
RETURNS timestamptz LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	-- other sessions see this in pg_stat_activity while the transaction runs
	PERFORM set_config('application_name', format('rfmseg %s: step %s/7 %s', deployment, step, what), true);
	RETURN clock_timestamp();
END
$body$;
COMMENT ON FUNCTION rfmseg._begin_step(text, int, text) IS 'Internal: shows others what a refresh is doing; the time.';

CREATE FUNCTION rfmseg._end_step(deployment text, step int, what text, since timestamptz, rows bigint)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RAISE NOTICE '%: step %/7 %: % rows, % ms', deployment, step, what, rows,
		round(1000 * extract(epoch FROM clock_timestamp() - since));
END
$body$;
COMMENT ON FUNCTION rfmseg._end_step(text, int, text, timestamptz, bigint) IS 'Internal: reports what a step of a refresh took.';

CREATE FUNCTION rfmseg._start_run(deployment text, as_of timestamptz)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	run int;
BEGIN
	EXECUTE format('INSERT INTO %I.runs (extension_version, as_of) VALUES ($1, $2) RETURNING run_id', deployment || '_core')
		INTO run USING (SELECT extversion FROM pg_extension WHERE extname = 'rfmseg'), as_of;
	RETURN run;
END
$body$;
COMMENT ON FUNCTION rfmseg._start_run(text, timestamptz) IS 'Internal: puts a new run on record.';

CREATE FUNCTION rfmseg._fail_run(deployment text, journal text, run int, code text, message text, hint text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format('UPDATE %I.%I SET status = ''failed'', finished_at = clock_timestamp(),'
		' error_code = $2, error_message = $3, error_hint = nullif($4, '''') WHERE run_id = $1', deployment || '_core', journal)
		USING run, code, message, hint;
EXCEPTION WHEN undefined_table THEN
	NULL;	-- undeployed meanwhile: the error itself is what matters
END
$body$;
COMMENT ON FUNCTION rfmseg._fail_run(text, text, int, text, text, text) IS 'Internal: puts the failure of a run on record, in runs or model_runs.';

CREATE FUNCTION rfmseg._mark_interrupted(deployment text, journal text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format('UPDATE %I.%I SET status = ''interrupted'' WHERE status = ''running'' AND run_id IS DISTINCT FROM $1'
		' AND (pid NOT IN (SELECT pid FROM pg_stat_activity WHERE pid IS NOT NULL) OR started_at < pg_postmaster_start_time())',
		deployment || '_core', journal) USING run;
END
$body$;
COMMENT ON FUNCTION rfmseg._mark_interrupted(text, text, int) IS 'Internal: other runs whose session is gone run no more.';

CREATE FUNCTION rfmseg._drop_superseded(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	old record;
BEGIN
	IF to_regclass(home || '.scored_customers') IS NULL THEN
		RETURN;
	END IF;
	FOR old IN EXECUTE format($query$
		SELECT c.oid::regclass AS relation
		FROM %1$s.runs r JOIN pg_class c ON c.relname = 'scored_customers_' || r.run_id AND c.relnamespace = %1$L::regnamespace
		WHERE rfmseg._is_past_all(r.superseded_by, %2$L::regclass)
		ORDER BY r.run_id$query$, home, home || '.scored_customers')
	LOOP
		BEGIN
			-- Nobody waits for this: whoever reads the table now is let finish,
			-- and the next refresh tries again.
			EXECUTE format('LOCK TABLE %s.scored_customers, %s IN ACCESS EXCLUSIVE MODE NOWAIT', home, old.relation);
			EXECUTE format('DROP TABLE %s', old.relation);
		EXCEPTION WHEN lock_not_available OR undefined_table OR dependent_objects_still_exist THEN
			NULL;	-- in use, or another refresh was faster
		END;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_superseded(text) IS
'Internal: drops the partitions of replaced runs that no snapshot can see any more.';

CREATE FUNCTION rfmseg._read_sources(deployment text, run int)
RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
SET quote_all_identifiers = off
SET jit = off	-- each query comes once, and what takes time is not what JIT compiles
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	since timestamptz;
	seen record;
BEGIN
	-- A second refresh, or a change of settings, waits here; readers do not.
	PERFORM set_config('application_name', format('rfmseg %s: waiting for its turn', deployment), true);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('LOCK TABLE %1$s.rulesets, %1$s.segments, %1$s.rules, %1$s.settings IN SHARE ROW EXCLUSIVE MODE', home);
	PERFORM rfmseg._mark_interrupted(deployment, 'runs', run);
	PERFORM rfmseg._mark_interrupted(deployment, 'model_runs', NULL);

	since := rfmseg._begin_step(deployment, 1, 'plan');
	PERFORM rfmseg._end_step(deployment, 1, 'plan', since, rfmseg._plan_run(deployment, run));
	since := rfmseg._begin_step(deployment, 2, 'summarize');
	seen := rfmseg._summarize(deployment, run);
	PERFORM rfmseg._end_step(deployment, 2, 'summarize', since, seen.rows);
	RETURN seen.results;
END
$body$;
COMMENT ON FUNCTION rfmseg._read_sources(text, int) IS
'Internal: the first two steps of a refresh, after which it is known how the expectations fared.';

CREATE FUNCTION rfmseg._announce(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	news text;
BEGIN
	-- Whoever may connect may listen: so numbers, and nothing of anybody.  It is
	-- sent when the transaction commits, or never.
	EXECUTE format($query$
		SELECT json_build_object('deployment', $2, 'run_id', run_id, 'as_of', as_of, 'is_current', is_current, 'customers', customers, 'changed',
			(SELECT coalesce(sum(customer_count), 0) FROM %1$s.run_migrations m WHERE m.run_id = r.run_id AND m.from_segment IS DISTINCT FROM m.to_segment))
		FROM %1$s.runs r WHERE run_id = $1$query$, quote_ident(deployment || '_core')) INTO news USING run, deployment;
	PERFORM pg_notify('rfmseg_' || deployment, news);
END
$body$;
COMMENT ON FUNCTION rfmseg._announce(text, int) IS
'Internal: tells those who LISTEN to rfmseg_<deployment> of a run, once it is committed.';

CREATE FUNCTION rfmseg._refresh(deployment text, run int, results jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
SET quote_all_identifiers = off
SET jit = off
AS $body$
DECLARE
	since timestamptz;
BEGIN
	PERFORM rfmseg._judge(deployment, results);
	PERFORM rfmseg._put_results(deployment, run, results);
	since := rfmseg._begin_step(deployment, 3, 'cut');
	PERFORM rfmseg._end_step(deployment, 3, 'cut', since, rfmseg._cut(deployment, run));
	since := rfmseg._begin_step(deployment, 4, 'fit');
	PERFORM rfmseg._end_step(deployment, 4, 'fit', since, rfmseg._fit(deployment, run));
	since := rfmseg._begin_step(deployment, 5, 'score');
	PERFORM rfmseg._end_step(deployment, 5, 'score', since, rfmseg._score(deployment, run));
	since := rfmseg._begin_step(deployment, 6, 'record');
	PERFORM rfmseg._end_step(deployment, 6, 'record', since, rfmseg._record(deployment, run));
	since := rfmseg._begin_step(deployment, 7, 'publish');
	PERFORM rfmseg._end_step(deployment, 7, 'publish', since, rfmseg._publish(deployment, run));
	PERFORM rfmseg._announce(deployment, run);
END
$body$;
COMMENT ON FUNCTION rfmseg._refresh(text, int, jsonb) IS 'Internal: the other five steps of a refresh, unless an expectation has failed.';

-- A procedure that commits can have no SET clause; it sets the search_path
-- itself, again after each COMMIT, and puts the caller's back in the end.  What
-- comes before, the types of its variables too, is found by the caller's path
-- and so must be qualified.
CREATE PROCEDURE rfmseg.refresh(deployment text, as_of timestamptz DEFAULT NULL)
LANGUAGE plpgsql
AS $body$
DECLARE
	callers_path pg_catalog.text := pg_catalog.current_setting('search_path');
	callers_name pg_catalog.text := pg_catalog.current_setting('application_name');
	may_commit pg_catalog.bool;
	run pg_catalog.int4;
	results pg_catalog.jsonb;
	state pg_catalog.text;
	message pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	PERFORM rfmseg._require(deployment);
	CALL rfmseg._may_commit(may_commit);
	run := rfmseg._start_run(deployment, as_of);
	IF may_commit THEN
		COMMIT;
		-- who waits for another refresh must see what it did
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		SET LOCAL search_path = pg_catalog, pg_temp;
	END IF;

	BEGIN
		results := rfmseg._read_sources(deployment, run);
		PERFORM rfmseg._refresh(deployment, run, results);
	EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
			detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	END;

	IF state IS NOT NULL THEN
		IF may_commit THEN
			-- the variable has kept what the tables have lost
			PERFORM rfmseg._put_results(deployment, run, results);
			PERFORM rfmseg._fail_run(deployment, 'runs', run, state, message, hint);
			COMMIT;
			SET LOCAL search_path = pg_catalog, pg_temp;
		END IF;
		-- an empty detail or hint would be shown as such
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message,
			DETAIL = coalesce(nullif(detail, ''), 'The published segments are as they were.'),
			HINT = coalesce(nullif(hint, ''), CASE WHEN may_commit
				THEN format('It is on record as run %s in %I.runs.', run, deployment || '_core')
				ELSE 'The transaction that the refresh was part of is rolled back as a whole.' END);
	END IF;

	IF may_commit THEN
		COMMIT;
		SET LOCAL search_path = pg_catalog, pg_temp;
		PERFORM rfmseg._drop_superseded(deployment);
		COMMIT;		-- its locks must not wait for the caller's next step
		SET LOCAL search_path = pg_catalog, pg_temp;
	END IF;
	PERFORM set_config('application_name', callers_name, true);
	PERFORM set_config('search_path', callers_path, true);
END
$body$;
COMMENT ON PROCEDURE rfmseg.refresh(text, timestamptz) IS
'Computes the segments of a deployment from its source and publishes them at once: readers see the old ones or the new. as_of: the instant from which recency counts; by default the midnight after the last purchase, in the deployment''s zone. If given and earlier than that of the published segments, only history is written. One NOTICE a step, with rows and time; and one NOTIFY on channel rfmseg_<name> when it is committed, whose payload is a JSON object with deployment, run_id, as_of, is_current (false if only history was written), customers and changed (customers in another segment than at the as_of before; those of small groups not counted where min_cell_size hides them). A failed refresh leaves the old segments, and a row in runs that says why; inside a transaction block both are rolled back. A second refresh of the same deployment waits.';
