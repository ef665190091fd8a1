--
-- schedule(), unschedule(), schedules(): what needs no pg_cron; what does is in test/t/011_schedules.pl
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'
-- such servers have their own answers, and this is about those without
SELECT current_setting('cron.database_name', true) IS NOT NULL AS has_pg_cron \gset
\if :has_pg_cron
\echo skipped: this server has pg_cron
\quit
\endif
CREATE ROLE regress_schedules LOGIN;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_schedules', current_database()) \gexec
SET ROLE regress_schedules;
SET client_min_messages = warning;
SELECT rfmseg.deploy('timed');
SELECT rfmseg.deploy($$it's %odd$$);
RESET client_min_messages;

-- without pg_cron the hint has the line for a crontab
SELECT rfmseg.schedule('timed', '0 3 * * *');
\echo :SQLSTATE
SELECT rfmseg.schedule(deployment => $$it's %odd$$, schedule => '@daily');
\echo :SQLSTATE
-- but not where a crontab does not know such a schedule
SELECT rfmseg.schedule('timed', '10 seconds');
SELECT rfmseg.schedule('timed', '0 3 $ * *; rm');
-- nothing is scheduled
SELECT rfmseg.unschedule('timed');
\echo :SQLSTATE
SELECT * FROM rfmseg.schedules();

-- arguments
SELECT rfmseg.schedule(NULL, '0 3 * * *');
\echo :SQLSTATE
SELECT rfmseg.schedule('timed', NULL);
\echo :SQLSTATE
SELECT rfmseg.schedule('timed', '');
\echo :SQLSTATE
SELECT rfmseg.schedule('timed', E' \t');
\echo :SQLSTATE
SELECT rfmseg.schedule('timed', E'0 3 * * *\n* * * * *');
\echo :SQLSTATE
SELECT rfmseg.schedule('nowhere', '0 3 * * *');
\echo :SQLSTATE
SELECT rfmseg.unschedule(NULL);
\echo :SQLSTATE
SELECT rfmseg.unschedule('nowhere');
\echo :SQLSTATE

-- a role that may not log in could not run a job
RESET ROLE;
ALTER ROLE regress_schedules NOLOGIN;
SET ROLE regress_schedules;
SELECT rfmseg.schedule('timed', '0 3 * * *');
\echo :SQLSTATE
RESET ROLE;
ALTER ROLE regress_schedules LOGIN;
SET ROLE regress_schedules;

-- a schema of that name that is somebody else's
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint, jobname text, schedule text, command text, database text, username text, active boolean);
INSERT INTO cron.job VALUES (1, rfmseg._job_name('timed'), '0 3 * * *', $$CALL rfmseg.refresh('timed')$$, current_database(), current_user, true);
CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE FUNCTION cron.unschedule(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
SELECT rfmseg.schedule('timed', '0 3 * * *');
SELECT rfmseg.unschedule('timed');
SELECT * FROM rfmseg.schedules();

-- which deployment a command refreshes
SELECT command, rfmseg._refreshed_by(command) AS deployment
FROM unnest(ARRAY[$$CALL rfmseg.refresh('shop')$$, $$call RFMSEG.Refresh( deployment => 'shop', as_of => now())$$,
	$$SET ROLE shop_owner; CALL rfmseg.refresh('shop')$$, $$CALL rfmseg.refresh(E'a\x62')$$, 'CALL rfmseg.refresh(chr(65))',
	$$CALL myrfmseg.refresh('shop')$$, 'VACUUM', NULL]) AS command;
-- names of every kind come back from the commands that are made of them
SELECT name, format('CALL rfmseg.refresh(%L)', name) AS command, rfmseg._refreshed_by(format('CALL rfmseg.refresh(%L)', name)) = name AS same
FROM unnest(ARRAY['shop', $$it's %odd$$, $$'$$, $$''$$, $$\$$, $$\'$$, $$a\\'b$$, 'x"y', 'With Space', $$'); DROP TABLE x; --$$]) AS name;

-- names of jobs differ where deployments do, and fit into 63 bytes
SELECT replace(rfmseg._job_name(name), current_database(), '<database>') AS job_name
FROM unnest(ARRAY['shop', 'With Space', 'a"b', 'a.b', NULL]) AS name;
SELECT rfmseg._job_name(repeat('x', 50)) ~ '^rfmseg [0-9a-f]{32}$' AS digest, rfmseg._job_name(repeat('x', 50)) <> rfmseg._job_name(repeat('x', 49) || 'y') AS differ;

-- undeploy has no schedule to remove, and says nothing of any
SELECT rfmseg.undeploy('timed');
SELECT rfmseg.undeploy($$it's %odd$$);

SET client_min_messages = warning;
DROP SCHEMA cron CASCADE;
RESET ROLE;
DROP OWNED BY regress_schedules;
DROP ROLE regress_schedules;
