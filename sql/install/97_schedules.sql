-------------------------------------------------------------------------------
-- Schedules: refreshes at set times, on pg_cron where it is installed
-------------------------------------------------------------------------------
-- A schedule is a job of pg_cron's, which belongs to the role that asked for
-- it, and runs as that role.  Nothing of it is kept in the deployment.
--
-- Anybody may have made a schema "cron", or may have been allowed to put
-- functions of his own into pg_cron's.  So what is read and called here is what
-- belongs to the extension by pg_depend, and is called by its exact signature.
-- (The types matter to pg_cron too: its library, from 1.4 to 1.6.2, takes the
-- type name that schedule had in 1.3 for text, and reads what is not there.)

CREATE FUNCTION rfmseg._cron_table(relation text, with_column text)
RETURNS regclass LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT c.oid::regclass
	FROM pg_extension e
	JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		AND d.classid = 'pg_class'::regclass
	JOIN pg_class c ON c.oid = d.objid AND c.relname = relation AND c.relkind = 'r'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = with_column AND NOT a.attisdropped
	WHERE e.extname = 'pg_cron' AND has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
$body$;
COMMENT ON FUNCTION rfmseg._cron_table(text, text) IS
'Internal: a table of pg_cron''s, if this database has it, with that column, and the caller may read it; else NULL.';

CREATE FUNCTION rfmseg._cron_call(function text, signature text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('%I.%I(%s)', n.nspname, p.proname, string_agg(format('$%s::%s', a.place, a.type), ', ' ORDER BY a.place))
	FROM pg_extension e
	JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		AND d.classid = 'pg_proc'::regclass
	JOIN pg_proc p ON p.oid = d.objid AND p.proname = function AND oidvectortypes(p.proargtypes) ~ signature
	JOIN pg_namespace n ON n.oid = p.pronamespace
	CROSS JOIN LATERAL unnest(string_to_array(oidvectortypes(p.proargtypes), ', ')) WITH ORDINALITY AS a (type, place)
	WHERE e.extname = 'pg_cron'
	GROUP BY n.nspname, p.proname, p.oid
$body$;
COMMENT ON FUNCTION rfmseg._cron_call(text, text) IS
'Internal: the text of a call of a function of pg_cron''s whose types match, with $1, $2, ... for its arguments; NULL if there is none.';

CREATE FUNCTION rfmseg._job_name(deployment text)
RETURNS text LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $body$
	-- Unique in pg_cron's database, which may hold jobs of several databases.  In
	-- version 1.4 the column is of type name, which cuts off what is longer.
	SELECT CASE WHEN octet_length(plain) < 64 THEN plain ELSE 'rfmseg ' || md5(plain) END
	FROM (SELECT format('rfmseg %I.%I', current_database(), deployment)) AS n (plain)
$body$;
COMMENT ON FUNCTION rfmseg._job_name(text) IS 'Internal: the name of the job that refreshes a deployment of this database.';

CREATE FUNCTION rfmseg._refreshed_by(command text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE
		WHEN upper(m[1]) <> 'E' THEN replace(m[2], '''''', '''')
		WHEN position($$\$$ IN replace(m[2], $$\\$$, '')) = 0 THEN replace(replace(m[2], '''''', ''''), $$\\$$, $$\$$) END
	FROM regexp_match(command, $re$\mrfmseg\.refresh\s*\(\s*(?:deployment\s*=>\s*)?(E?)'((?:[^']|'')*)'$re$, 'i') AS m
$body$;
COMMENT ON FUNCTION rfmseg._refreshed_by(text) IS
'Internal: the deployment that a job''s command refreshes, if it says so by a plain literal; else NULL.';

CREATE FUNCTION rfmseg._crontab_line(schedule text, deployment text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	database text := current_database();
	role text := current_user;
	bytes bytea := convert_to(deployment, getdatabaseencoding());
	literal text := quote_literal(deployment);
BEGIN
	-- such a line would be another one, or more than one
	IF btrim(schedule) !~ '^(([0-9A-Za-z*/,-]+ +){4}[0-9A-Za-z*/,-]+|@[a-z]+)$' OR database || role ~ '[[:cntrl:]]' THEN
		RETURN NULL;
	END IF;

	-- Three readers, cron, the shell and PostgreSQL, have their own ideas of
	-- quotes, of the backslash and of %, and not every cron has the same.  So
	-- nothing that means something to the first two is left in the literal...
	IF deployment !~ '^[A-Za-z0-9_ .-]+$' THEN
		SELECT 'E''' || string_agg(
			CASE WHEN byte > 127 THEN $$\x$$ || to_hex(byte)
				WHEN chr(byte) ~ '[A-Za-z0-9_ .-]' THEN chr(byte)
				ELSE $$\x$$ || lpad(to_hex(byte), 2, '0') END,
			'' ORDER BY place) || ''''
		INTO literal
		FROM (SELECT place, get_byte(bytes, place) FROM generate_series(0, length(bytes) - 1) AS place) AS b (place, byte);
	END IF;
	-- ... and in other arguments each such character has a backslash, which
	-- either the one or the other takes off.
	IF database !~ '^[A-Za-z0-9_]+$' THEN
		database := format('dbname=''%s''', regexp_replace(database, $$([\\'])$$, $$\\\1$$, 'g'));
	END IF;
	RETURN format('%s psql -X -U %s -d %s -c "CALL rfmseg.refresh(%s)"', btrim(schedule),
		regexp_replace(role, '([^A-Za-z0-9_./=-])', $$\\\1$$, 'g'),
		regexp_replace(database, '([^A-Za-z0-9_./=-])', $$\\\1$$, 'g'), literal);
END
$body$;
COMMENT ON FUNCTION rfmseg._crontab_line(text, text) IS
'Internal: the line of an operating system''s crontab that refreshes a deployment as the caller; NULL if no line can.';

CREATE FUNCTION rfmseg._require_pg_cron(elsewhere text, nowhere text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text;
	schema record;
BEGIN
	SELECT n.oid, n.nspname AS name, e.extversion INTO schema
	FROM pg_extension e
	JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
	JOIN pg_namespace n ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid
	WHERE e.extname = 'pg_cron';

	IF NOT FOUND THEN
		BEGIN
			home := current_setting('cron.database_name', true);
		EXCEPTION WHEN insufficient_privilege THEN
			home := '';		-- it has one, which only some may know
		END;
		IF home IS NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
				MESSAGE = 'there is no pg_cron on this server',
				HINT = nowhere;
		ELSIF home = current_database() THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('pg_cron runs jobs from database "%s", but its extension is not created there', home),
				HINT = 'Have a superuser say CREATE EXTENSION pg_cron.';
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('pg_cron runs jobs from %s, not from "%s"',
				CASE home WHEN '' THEN 'another database' ELSE format('database "%s"', home) END, current_database()),
			DETAIL = 'Its setting cron.database_name says where its jobs are kept.',
			HINT = elsewhere;
	END IF;

	IF NOT has_schema_privilege(schema.oid, 'USAGE') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not use schema %I of pg_cron', current_user, schema.name),
			HINT = format('Have a superuser say GRANT USAGE ON SCHEMA %I TO %I;', schema.name, current_user);
	ELSIF rfmseg._cron_call('schedule', '^text, text, text$') IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = format('pg_cron has version %s, and 1.4 or newer is needed', schema.extversion),
			HINT = 'Have a superuser say ALTER EXTENSION pg_cron UPDATE.';
	ELSIF rfmseg._cron_table('job', 'jobname') IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not read table %I.job of pg_cron', current_user, schema.name),
			HINT = format('Have a superuser say GRANT SELECT ON %I.job TO %I;', schema.name, current_user);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._require_pg_cron(text, text) IS
'Internal: an error unless the caller can use the pg_cron of this database; its hint is what to do elsewhere if that is another one''s, and what to do if there is none.';

CREATE FUNCTION rfmseg._own_job(name text)
RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	jobs regclass := rfmseg._cron_table('job', 'jobname');
	job bigint;
BEGIN
	IF jobs IS NOT NULL THEN
		EXECUTE format('SELECT jobid FROM %s WHERE jobname::text = $1 AND username = current_user', jobs) INTO job USING name;
	END IF;
	RETURN job;
END
$body$;
COMMENT ON FUNCTION rfmseg._own_job(text) IS 'Internal: the caller''s job of that name; NULL if there is none.';

CREATE FUNCTION rfmseg._remove_job(job bigint)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE 'SELECT ' || rfmseg._cron_call('unschedule', '^bigint$') USING job;
END
$body$;
COMMENT ON FUNCTION rfmseg._remove_job(bigint) IS 'Internal: removes a job, which pg_cron lets its owner do.';

CREATE FUNCTION rfmseg.schedule(deployment text, schedule text)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	job_name text := rfmseg._job_name(deployment);
	command text := format('CALL rfmseg.refresh(%L)', deployment);
	replaced bigint;
	job bigint;
	job_database text;
	is_active boolean;
	mode text;
	message text;
	hint text;
BEGIN
	PERFORM rfmseg._require(deployment);
	IF schedule IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'the schedule must not be NULL';
	ELSIF schedule !~ '[^[:space:]]' OR schedule ~ E'[\r\n]' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the schedule must be one line that says when, not "%s"', schedule),
			HINT = 'For instance ''0 3 * * *'': minute, hour, day of the month, month, day of the week.';
	END IF;
	IF NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('role "%s" may not log in, so its jobs cannot run', current_user),
			HINT = format('ALTER ROLE %I LOGIN lets them; docs/schedules.md says how one of its members can have the job instead.', current_user);
	END IF;

	PERFORM rfmseg._require_pg_cron(
		format('There, let a superuser say SELECT cron.schedule_in_database(%L, %L, %L, %L, %L); without its last argument it schedules as the caller, if that one may execute it.',
			job_name, schedule, command, current_database(), current_user),
		coalesce('Install it, or put this line into the crontab of an operating system user who can connect like this: '
				|| rfmseg._crontab_line(schedule, deployment),
			'Install it, or use another scheduler. For a schedule such as ''0 3 * * *'' this hint has the line for a crontab.'));

	-- The deployment itself does not change, so this does not wait for a refresh.
	-- undeploy waits for the lock that reading its settings has taken, and looks
	-- for jobs afterwards.
	replaced := rfmseg._own_job(job_name);
	BEGIN
		EXECUTE 'SELECT ' || rfmseg._cron_call('schedule', '^text, text, text$') INTO job USING job_name, schedule, command;
	EXCEPTION WHEN invalid_parameter_value THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message,
			HINT = coalesce(nullif(hint, ''),
				'A schedule is minute, hour, day of the month, month and day of the week, such as ''0 3 * * *''; pg_cron knows ''10 seconds'' from version 1.5 on.');
	END;

	-- an extension left over from another cron.database_name takes jobs, which nobody runs
	EXECUTE format('SELECT database, active FROM %s WHERE jobid = $1', rfmseg._cron_table('job', 'jobname'))
		INTO job_database, is_active USING job;
	IF job_database <> current_database() THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('pg_cron runs jobs from database "%s", not from "%s"', job_database, current_database()),
			DETAIL = 'The extension pg_cron of this database is not in use.';
	END IF;

	IF replaced IS NOT NULL THEN
		RAISE NOTICE 'the schedule that "%" had is replaced', deployment;
	END IF;
	IF NOT is_active THEN
		RAISE NOTICE 'job % is not active, and stays so', job
			USING HINT = format('SELECT rfmseg.unschedule(%L) first makes the next one active.', deployment);
	END IF;
	EXECUTE format('SELECT as_of_mode FROM %I.settings', deployment || '_core') INTO mode;
	IF mode = 'data' THEN
		RAISE NOTICE 'recency in "%" counts from the last purchase, whenever a refresh runs', deployment
			USING HINT = format('SELECT rfmseg.configure(%L, as_of_mode => ''clock'') lets customers age on days without a purchase, too.', deployment);
	END IF;
	RETURN job;
END
$body$;
COMMENT ON FUNCTION rfmseg.schedule(text, text) IS
'Has pg_cron refresh a deployment at set times, as the caller; returns the number of the job. schedule: as in a crontab, such as ''0 3 * * *'', in pg_cron''s time zone, which is GMT unless its setting cron.timezone says otherwise. A schedule that the caller had for it is replaced, and a notice says so. Errors: no pg_cron in this database, with what to do instead as hint; no USAGE on its schema; a role that may not log in; a schedule that pg_cron does not understand.';

CREATE FUNCTION rfmseg.unschedule(deployment text)
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	job_name text := rfmseg._job_name(deployment);
	job bigint := rfmseg._own_job(job_name);
BEGIN
	-- One's own job is one's own, also where the deployment is gone, or belongs
	-- to another role now.
	IF job IS NULL THEN
		PERFORM rfmseg._require(deployment, layout => false);
		PERFORM rfmseg._require_pg_cron(
			format('There, say SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %L AND username = %L;', job_name, current_user),
			'So there is no schedule here. What runs elsewhere, from a crontab for instance, must be stopped there.');
		RETURN false;
	END IF;
	PERFORM rfmseg._remove_job(job);
	RETURN true;
END
$body$;
COMMENT ON FUNCTION rfmseg.unschedule(text) IS
'Removes the job that the caller made with schedule for a deployment; returns whether there was one. A refresh that is running goes on. Errors, where there was none: no such deployment, or another role''s; no pg_cron in this database; no USAGE on its schema.';

CREATE FUNCTION rfmseg.schedules()
RETURNS TABLE (job_id bigint, job_name text, deployment text, schedule text, time_zone text, command text, database text,
	username text, active boolean, last_status text, last_start timestamptz, last_end timestamptz, last_message text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	jobs regclass := rfmseg._cron_table('job', 'jobname');
	runs regclass := rfmseg._cron_table('job_run_details', 'status');
	zone text := (SELECT s.setting FROM pg_settings s WHERE s.name = 'cron.timezone');
BEGIN
	IF jobs IS NULL THEN
		RETURN;
	END IF;
	-- before version 1.5 there was no such setting, and the zone was GMT
	IF zone IS NULL AND pg_has_role('pg_read_all_settings', 'USAGE') THEN
		zone := 'GMT';
	END IF;
	RETURN QUERY EXECUTE format($query$
		SELECT j.jobid, j.jobname::text, rfmseg._refreshed_by(j.command), j.schedule, $1, j.command, j.database,
			j.username, j.active, r.status, r.start_time, r.end_time, r.return_message
		FROM %s j LEFT JOIN LATERAL (%s) r ON true
		WHERE j.command ~* '(^|[^[:alnum:]_])rfmseg[.]refresh[[:space:]]*[(]'
		ORDER BY j.jobid$query$, jobs,
		CASE WHEN runs IS NULL
			THEN 'SELECT NULL::text AS status, NULL::timestamptz AS start_time, NULL::timestamptz AS end_time, NULL::text AS return_message'
			ELSE format('SELECT d.status, d.start_time, d.end_time, d.return_message FROM %s d WHERE d.jobid = j.jobid ORDER BY d.runid DESC LIMIT 1', runs) END)
	USING zone;
END
$body$;
COMMENT ON FUNCTION rfmseg.schedules() IS
'The jobs of this database''s pg_cron that call rfmseg.refresh, of those that the caller may see: his own, a superuser all. deployment: NULL if the command does not say it by a plain literal; time_zone: of the schedule, NULL if the caller may not read the setting cron.timezone; last_...: of the latest run, NULL if there was none or pg_cron keeps no record. No row without pg_cron.';

CREATE FUNCTION rfmseg._drop_schedule(dropped text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	own_name text := rfmseg._job_name(dropped);
	job record;
BEGIN
	FOR job IN
		SELECT s.job_id AS id, s.username AS owner, s.job_name = own_name AND s.username = current_user AS is_ours
		FROM rfmseg.schedules() s
		WHERE s.database = current_database() AND (s.job_name = own_name OR s.deployment = dropped)
	LOOP
		IF job.is_ours THEN
			BEGIN
				PERFORM rfmseg._remove_job(job.id);
				RAISE NOTICE 'the schedule of "%" is removed, too', dropped;
				CONTINUE;
			EXCEPTION WHEN OTHERS THEN
				-- a pg_cron that is out of order must not keep a deployment alive
				RAISE NOTICE 'job % cannot be removed: %', job.id, SQLERRM;
			END;
		END IF;
		RAISE NOTICE 'job % of role "%" still refreshes "%"', job.id, job.owner, dropped
			USING HINT = format('SELECT cron.unschedule(%s) by that role, or by a superuser, ends this.', job.id);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_schedule(text) IS
'Internal: removes the caller''s schedule of a deployment that is gone, and tells of jobs that stay.';
