-------------------------------------------------------------------------------
-- History: in which segment each customer was when, and who went where
-------------------------------------------------------------------------------
-- segment_history holds changes only, by as_of: a row says which segment a
-- customer came to, and a NULL that the customer was no more.  A run may also
-- look back, between two that were before; what came after it stays true.
-- run_migrations counts the ways from one as_of to the next, and segment_changes
-- shows who went them and why.

CREATE FUNCTION rfmseg._history_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg._published_descriptions() || $json${
		"as_of": "The as_of from which the customer was in the segment.",
		"as_of_to": "The as_of at which that ended; NULL: it lasts.",
		"segment_name": "The segment; NULL: the customer was no more, as no purchase of theirs was left.",
		"previous_segment": "The segment before; NULL: none.",
		"cause": "purchase: they bought, or are new; refund: what they bought became less; time: nothing but days went by; recut: cut points, rules or settings changed; removed: the source has them no more. NULL: not known, as the run is the first one, or lies before or behind one that looked back.",
		"revenue_at_risk": "What the customer has spent a year so far: what stops if they stop; NULL where cause is, and of new customers.",
		"refreshed_at": "When the run's result was ready to publish.",
		"from_as_of": "The as_of before; NULL for the first one.",
		"to_as_of": "The as_of after.",
		"from_segment": "The segment at from_as_of; NULL: no customer then.",
		"to_segment": "The segment at to_as_of; NULL: no customer any more.",
		"customer_count": "Customers who went that way, or stayed.",
		"revenue": "Their monetary value at to_as_of; NULL where it is not known any more."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._history_descriptions() IS 'Internal: what the columns of history say, by name.';

CREATE FUNCTION rfmseg._create_migrations(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %1$s.run_migrations (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		from_as_of timestamptz,
		from_segment text,
		to_segment text,
		customer_count bigint,
		revenue numeric,
		UNIQUE NULLS NOT DISTINCT (run_id, from_segment, to_segment)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.run_migrations', rfmseg._history_descriptions()
		|| '{"": "How many customers went from which segment to which, from the as_of before to that of the run."}');
	PERFORM rfmseg._create_migration_view(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_migrations(text) IS 'Internal: makes the table of the ways between segments.';

CREATE FUNCTION rfmseg._create_migration_view(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.segment_migration WITH (security_invoker = true) AS
	SELECT r.run_id, m.from_as_of, r.as_of AS to_as_of, m.from_segment, m.to_segment, m.customer_count, m.revenue, r.currency, r.as_of, r.refreshed_at
	FROM (SELECT DISTINCT ON (as_of) run_id, as_of, finished_at AS refreshed_at, currency
		FROM %1$s.runs WHERE status = 'succeeded' ORDER BY as_of, run_id DESC) r
	JOIN %1$s.run_migrations m USING (run_id)
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.segment_migration', rfmseg._history_descriptions()
		|| '{"": "Who went from which segment to which, from one as_of to the next, those who stayed too: each customer is counted once for each as_of.",
			"as_of": "The as_of after, once more."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_migration_view(text) IS 'Internal: makes the view of the ways between segments.';

-- Its key is of the customers' own type, so it is made with the first run.
CREATE FUNCTION rfmseg._create_history(deployment text, key_type regtype)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.segment_history', deployment || '_core');
BEGIN
	IF to_regclass(relation) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format($ddl$
	CREATE TABLE %1$s (
		customer_id %2$s,
		as_of timestamptz,
		as_of_to timestamptz,
		segment_name text,
		previous_segment text,
		cause text,
		revenue_at_risk numeric,
		PRIMARY KEY (customer_id, as_of)
	)$ddl$, relation, format_type(key_type, -1));	-- of any length
	EXECUTE format('CREATE INDEX segment_history_as_of ON %s (as_of)', relation);
	PERFORM rfmseg._comment(relation, rfmseg._history_descriptions() || '{"": "When each customer came to which segment: changes only."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_history(text, regtype) IS 'Internal: makes the table of when each customer was in which segment, unless there is one.';

CREATE FUNCTION rfmseg._write_history(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	history text := home || '.segment_history';
	changes text := home || '.' || quote_ident('changes_' || run);
	mine text := home || '.' || quote_ident('scored_customers_' || run);
	r record;
	neighbours record;
	n bigint;
BEGIN
	EXECUTE format('SELECT as_of, (settings ->> ''history_keep'')::interval AS keep FROM %s.runs WHERE run_id = $1', home) INTO r USING run;
	EXECUTE format('SELECT max(as_of) FILTER (WHERE as_of < $1) AS before, min(as_of) FILTER (WHERE as_of > $1) AS after'
		' FROM %s.runs WHERE status = ''succeeded''', home) INTO neighbours USING r.as_of;
	PERFORM rfmseg._create_audiences(deployment, rfmseg._type_of_column(mine, 'customer_id'));

	-- Whose segment is another one than before, or was so in an earlier run of
	-- the same as_of; with the one they were in at the as_of that follows.  What
	-- is known already stays as it is, where nothing follows: a refresh of the
	-- same as_of, every hour perhaps, writes no row anew.
	EXECUTE format($query$
		CREATE UNLOGGED TABLE %1$s AS
		SELECT customer_id, b.segment_name AS before, c.segment_name AS now, c.monetary,
			CASE WHEN f.customer_id IS NOT NULL THEN f.segment_name WHEN s.customer_id IS NOT NULL THEN s.segment_name ELSE b.segment_name END AS after,
			s.customer_id IS NOT NULL AND s.segment_name IS NOT DISTINCT FROM c.segment_name AS is_known, s.cause, s.revenue_at_risk,
			%5$L::timestamptz IS NULL AND s.customer_id IS NOT NULL
				AND (s.previous_segment, s.segment_name) IS NOT DISTINCT FROM (b.segment_name, c.segment_name) AS stays
		FROM (SELECT customer_id, segment_name FROM %2$s WHERE as_of < %4$L AND (as_of_to IS NULL OR as_of_to >= %4$L)) AS b
		FULL JOIN (SELECT customer_id, segment_name, previous_segment, cause, revenue_at_risk FROM %2$s WHERE as_of = %4$L) AS s USING (customer_id)
		FULL JOIN %3$s AS c USING (customer_id)
		LEFT JOIN (SELECT customer_id, segment_name FROM %2$s WHERE as_of = %5$L) AS f USING (customer_id)
		WHERE c.segment_name IS DISTINCT FROM b.segment_name OR s.customer_id IS NOT NULL
		$query$, changes, history, mine, r.as_of, neighbours.after);
	GET DIAGNOSTICS n = ROW_COUNT;
	EXECUTE format('ANALYZE %s', changes);
	PERFORM rfmseg._find_causes(deployment, run);

	EXECUTE format('DELETE FROM %s h USING %s c WHERE NOT c.stays AND h.customer_id = c.customer_id AND h.as_of IN ($1, $2)', history, changes)
		USING r.as_of, neighbours.after;
	EXECUTE format('INSERT INTO %s (customer_id, as_of, segment_name, previous_segment, cause, revenue_at_risk)'
		' SELECT customer_id, $1, now, before, cause, revenue_at_risk FROM %s WHERE now IS DISTINCT FROM before AND NOT stays', history, changes)
		USING r.as_of;
	IF neighbours.after IS NULL THEN
		EXECUTE format($query$
			UPDATE %1$s h SET as_of_to = CASE WHEN c.now IS DISTINCT FROM c.before THEN $1 END
			FROM %2$s c
			WHERE NOT c.stays AND h.customer_id = c.customer_id AND h.as_of < $1 AND (h.as_of_to IS NULL OR h.as_of_to >= $1)
				AND h.as_of_to IS DISTINCT FROM CASE WHEN c.now IS DISTINCT FROM c.before THEN $1 END$query$, history, changes)
			USING r.as_of;
	ELSE
		EXECUTE format('INSERT INTO %s (customer_id, as_of, segment_name) SELECT customer_id, $1, after FROM %s WHERE after IS DISTINCT FROM now', history, changes)
			USING neighbours.after;
		EXECUTE format($query$
			UPDATE %1$s h SET as_of_to = l.as_of_to, previous_segment = l.previous_segment
			FROM (SELECT customer_id, as_of, lead(as_of) OVER w AS as_of_to, lag(segment_name) OVER w AS previous_segment
				FROM %1$s JOIN (SELECT customer_id FROM %2$s) c USING (customer_id) WINDOW w AS (PARTITION BY customer_id ORDER BY as_of)) AS l
			WHERE h.customer_id = l.customer_id AND h.as_of = l.as_of
				AND (h.as_of_to, h.previous_segment) IS DISTINCT FROM (l.as_of_to, l.previous_segment)$query$, history, changes);
	END IF;
	IF rfmseg._is_late(deployment, run) THEN
		-- what is published tells its customers' last change, which may be another one now
		EXECUTE format($query$
			UPDATE %1$s.scored_customers c SET previous_segment = h.previous_segment, segment_since = h.as_of
			FROM %2$s x, %3$s h, %1$s.runs p
			WHERE p.is_current AND c.run_id = p.run_id AND c.customer_id = x.customer_id
				AND h.customer_id = x.customer_id AND h.as_of <= p.as_of AND (h.as_of_to IS NULL OR h.as_of_to > p.as_of)
				AND (c.previous_segment, c.segment_since) IS DISTINCT FROM (h.previous_segment, h.as_of)$query$, home, changes, history);
	END IF;
	IF r.keep IS NOT NULL THEN
		EXECUTE format('DELETE FROM %s WHERE as_of_to < (SELECT max(as_of) FROM %s.runs WHERE status = ''succeeded'' OR run_id = $1) - $2', history, home) USING run, r.keep;
	END IF;
	PERFORM rfmseg._count_migrations(deployment, run, r.as_of, neighbours.before, neighbours.after);
	EXECUTE format('DROP TABLE %s', changes);
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._write_history(text, int) IS
'Internal: puts the segments of a run into history; customers whose segment is another one than at the as_of before.';

CREATE FUNCTION rfmseg._find_causes(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	new record;
	old record;
	same_rules boolean;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO new USING run;
	EXECUTE format('SELECT * FROM %s.runs WHERE is_current', home) INTO old;
	-- what an earlier run of the same as_of found out holds where it saw the same
	EXECUTE format('UPDATE %s.%I SET cause = NULL, revenue_at_risk = NULL WHERE NOT is_known AND cause IS NOT NULL', home, 'changes_' || run);
	IF old.run_id IS NULL OR new.as_of < old.as_of THEN
		RETURN;		-- there are no customers of before to compare with
	END IF;

	-- Without other rules, whoever has the same history has moved by time alone.
	-- With others it is asked where the old ones would have put them now.
	same_rules := (old.cut_version, old.ruleset, old.settings) IS NOT DISTINCT FROM (new.cut_version, new.ruleset, new.settings);
	EXECUTE format($query$
		UPDATE %1$s.%2$I h SET cause = m.cause,
			revenue_at_risk = CASE WHEN h.before IS NOT NULL THEN round(m.spent / greatest(m.t_age / 365.25, 1)::numeric, 2) END
		FROM (
			SELECT customer_id, coalesce(c.lifetime_monetary, o.lifetime_monetary) AS spent, coalesce(c.t_age, o.t_age) AS t_age,
				CASE WHEN c.customer_id IS NULL THEN 'removed'
					WHEN o.customer_id IS NULL OR c.lifetime_frequency > o.lifetime_frequency OR c.last_purchase_at > o.last_purchase_at THEN 'purchase'
					WHEN %5$s THEN 'recut'
					WHEN c.lifetime_frequency < o.lifetime_frequency OR c.lifetime_monetary < o.lifetime_monetary THEN 'refund'
					WHEN c.lifetime_monetary > o.lifetime_monetary THEN 'purchase'
					ELSE 'time' END AS cause
			FROM (SELECT customer_id, before FROM %1$s.%2$I WHERE now IS DISTINCT FROM before AND NOT is_known) AS h
			LEFT JOIN %1$s.%3$I AS c USING (customer_id) LEFT JOIN %1$s.%4$I AS o USING (customer_id)
		) AS m
		WHERE m.customer_id = h.customer_id$query$, home, 'changes_' || run, 'scored_customers_' || run, 'scored_customers_' || old.run_id,
		CASE WHEN same_rules THEN 'c.recency_days = o.recency_days AND c.lifetime_monetary = o.lifetime_monetary'
			ELSE format('rfmseg.segment(rfmseg.score(c.recency_days, %L, false, %L), rfmseg.score(c.frequency, %L, true, %L),'
				' rfmseg.score(rfmseg._as_float8(c.monetary), %L, true, %L), c.lifetime_frequency, %L, %L) IS DISTINCT FROM c.segment_name',
				old.r_cuts, old.r_closed, old.f_cuts, old.f_closed, old.m_cuts, old.m_closed, old.ruleset, deployment) END);
END
$body$;
COMMENT ON FUNCTION rfmseg._find_causes(text, int) IS
'Internal: why customers changed segments in a run, by what the published run says of them.';

CREATE FUNCTION rfmseg._create_changes_view(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.segment_changes WITH (security_invoker = true) AS
	SELECT r.run_id, r.as_of, r.refreshed_at, %3$s AS customer_id, h.previous_segment AS from_segment, h.segment_name AS to_segment,
		h.cause, h.revenue_at_risk, r.currency
	FROM (SELECT DISTINCT ON (as_of) run_id, as_of, finished_at AS refreshed_at, currency
		FROM %1$s.runs WHERE status = 'succeeded' ORDER BY as_of, run_id DESC) r
	JOIN %1$s.segment_history h USING (as_of)
	$view$, home, shown, CASE WHEN rfmseg._masks_customers(deployment)
		THEN format('NULL::%s', format_type(rfmseg._type_of_column(home || '.segment_history', 'customer_id'), -1)) ELSE 'h.customer_id' END);
	PERFORM rfmseg._comment(shown || '.segment_changes', rfmseg._history_descriptions() || $json${
		"": "Who changed segments at each as_of, and why: one row a customer and change, those who came or went too. Counted by its segments it is segment_migration, but for those who stayed.",
		"as_of": "The as_of at which the customer was in another segment than at the one before.",
		"customer_id": "The customer, in the source's own type; NULL where a mask hides it in another published relation.",
		"from_segment": "The segment before; NULL: no customer then.",
		"to_segment": "The segment after; NULL: no customer any more."
	}$json$);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_changes_view(text) IS 'Internal: makes the view of who changed segments.';

CREATE FUNCTION rfmseg._count_migrations(deployment text, run int, as_of timestamptz, before timestamptz, after timestamptz)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	follower record;
BEGIN
	-- Those who changed are counted; of each segment the others have stayed.
	EXECUTE format($query$
		INSERT INTO %1$s.run_migrations
		WITH changed AS (
			SELECT before, now, count(*) AS customers, sum(monetary) AS revenue FROM %1$s.%2$I WHERE now IS DISTINCT FROM before GROUP BY before, now
		)
		SELECT $1, $2, before, now, customers, revenue FROM changed
		UNION ALL
		SELECT $1, $2, g.segment_name, g.segment_name, g.customer_count - coalesce(c.customers, 0), g.total_revenue - coalesce(c.revenue, 0)
		FROM %1$s.run_segments g
		LEFT JOIN (SELECT now, sum(customers) AS customers, sum(revenue) AS revenue FROM changed GROUP BY now) AS c ON c.now = g.segment_name
		WHERE g.run_id = $1 AND g.customer_count > coalesce(c.customers, 0)$query$, home, 'changes_' || run)
	USING run, before;
	IF after IS NULL THEN
		RETURN;
	END IF;

	-- The as_of that follows has another one before it now.
	EXECUTE format('SELECT run_id, is_current, (settings ->> ''min_cell_size'')::int AS min_cell_size FROM %s.runs WHERE status = ''succeeded'' AND as_of = $1 ORDER BY run_id DESC LIMIT 1', home)
		INTO follower USING after;
	EXECUTE format('DELETE FROM %s.run_migrations WHERE run_id = $1', home) USING follower.run_id;
	EXECUTE format($query$
		INSERT INTO %1$s.run_migrations
		SELECT $1, $2, b.segment_name, a.segment_name, count(*), %3$s
		FROM %1$s.%2$I AS b
		FULL JOIN (SELECT customer_id, segment_name FROM %1$s.segment_history
			WHERE as_of <= $3 AND (as_of_to IS NULL OR as_of_to > $3) AND segment_name IS NOT NULL) AS a USING (customer_id)
		%4$s
		GROUP BY b.segment_name, a.segment_name$query$, home, 'scored_customers_' || run,
		CASE WHEN follower.is_current THEN 'coalesce(sum(c.monetary), 0)' ELSE 'NULL' END,
		CASE WHEN follower.is_current THEN format('LEFT JOIN %s.%I AS c USING (customer_id)', home, 'scored_customers_' || follower.run_id) END)
	USING follower.run_id, as_of, after;
	PERFORM rfmseg._leave_out_small(home || '.run_migrations', 'run_id', follower.run_id, 'customer_count', 'from_segment, to_segment',
		'{from_as_of,from_segment,to_segment}', follower.min_cell_size);
END
$body$;
COMMENT ON FUNCTION rfmseg._count_migrations(text, int, timestamptz, timestamptz, timestamptz) IS
'Internal: counts the ways from the as_of before a run to the run, and from it to the as_of after.';
