-------------------------------------------------------------------------------
-- Audiences: whom a campaign may reach, and who was told so
-------------------------------------------------------------------------------
-- Contacts are read as they are at that moment, so that a consent withdrawn, or
-- a customer forgotten, is out of every audience, those drawn up before too.
-- The view "contacts" runs with its owner's rights and shows those persons alone
-- whom an export of the same transaction and login has put on record.

CREATE FUNCTION rfmseg._create_audiences(deployment text, key_type regtype)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	key text := format_type(key_type, -1);	-- of any length
BEGIN
	IF to_regclass(home || '.audience_members') IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format($ddl$
	CREATE TABLE %1$s.audience_exports (
		export_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		exported_by name NOT NULL DEFAULT session_user,
		as_role name NOT NULL DEFAULT current_user,
		exported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		run_id int NOT NULL,
		criteria jsonb NOT NULL,
		customers bigint NOT NULL,
		transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()
	);
	CREATE TABLE %1$s.audience_members (
		export_id bigint REFERENCES %1$s.audience_exports ON DELETE CASCADE,
		customer_id %2$s,
		PRIMARY KEY (export_id, customer_id)
	);
	CREATE INDEX audience_members_customer ON %1$s.audience_members (customer_id);
	CREATE TABLE %1$s.campaign_members (
		campaign_id int REFERENCES %1$s.campaigns ON DELETE CASCADE,
		customer_id %2$s,
		arm text NOT NULL CHECK (arm IN ('control', 'treated')),
		stratum int NOT NULL,
		PRIMARY KEY (campaign_id, customer_id)
	);
	CREATE INDEX campaign_members_customer ON %1$s.campaign_members (customer_id)$ddl$, home, key);
	PERFORM rfmseg._comment(home || '.audience_exports', jsonb_build_object(
		'', 'Every export of contacts by rfmseg.audience. Delete old rows when nobody needs them any more.',
		'export_id', 'Number of the export.', 'exported_by', 'Login of who exported.', 'as_role', 'The role they acted as.',
		'exported_at', 'When.', 'run_id', 'The run whose segments it went by.', 'criteria', 'Arguments of rfmseg.audience.',
		'customers', 'How many customers.', 'transaction_id', 'Transaction of the export, in which it may read contacts.'));
	PERFORM rfmseg._comment(home || '.audience_members', jsonb_build_object(
		'', 'Who was in which export.', 'export_id', 'The export.', 'customer_id', 'The customer.'));
	PERFORM rfmseg._comment(home || '.campaign_members', jsonb_build_object(
		'', 'The frozen audience of each campaign.', 'campaign_id', 'The campaign.', 'customer_id', 'The customer.',
		'arm', 'treated: is contacted; control: is not, so that there is something to compare with.',
		'stratum', 'Customers of about equal expected value, 1 the greatest; each arm has its share of each.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_audiences(text, regtype) IS
'Internal: makes the tables of who is in an audience, unless they are there.';

CREATE FUNCTION rfmseg._audience_columns()
RETURNS name[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT '{customer_id,segment_name,behavioral_segment,cluster_id,cluster_name,recency_days,frequency,monetary,p_alive,clv_12m,last_purchase_at}'::name[]
$body$;
COMMENT ON FUNCTION rfmseg._audience_columns() IS
'Internal: the columns of the per-customer table that an audience is chosen by, and tells.';

CREATE FUNCTION rfmseg._create_contact_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
BEGIN
	IF to_regclass(home || '.audience_members') IS NULL THEN
		RETURN;		-- the first refresh makes them
	END IF;

	-- Whoever a row filter binds, as the login or by SET ROLE, sees nobody.
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.contactable_customers WITH (security_barrier = true) AS
	SELECT customer_id FROM %2$s.customers AS source
	WHERE customer_id IS NOT NULL AND (
		NOT EXISTS (SELECT FROM %1$s.row_filters f JOIN pg_roles r ON r.rolname = f.role_name
			WHERE pg_has_role(session_user, r.oid, 'USAGE') OR pg_has_role(current_user, r.oid, 'USAGE'))
		OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user))
		AND %4$s
	GROUP BY customer_id HAVING bool_and(coalesce(marketing_consent, false) AND %3$s)
	$view$, home, raw, rfmseg._kept_condition(deployment, 'customers'), rfmseg._remembered(deployment, 'customers'));
	PERFORM rfmseg._comment(home || '.contactable_customers', $json${
		"": "Customers who may be contacted: all their rows consent to marketing, break no expectation that drops, and were not forgotten. Nobody for roles with a row filter.",
		"customer_id": "Identifies the customer."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.contacts WITH (security_barrier = true) AS
	SELECT DISTINCT ON (customer_id) customer_id, email, first_name, last_name, preferred_channel, city, state
	FROM %2$s.customers AS source
	WHERE customer_id IN (SELECT customer_id FROM %1$s.contactable_customers)
		AND EXISTS (SELECT FROM %1$s.audience_members m JOIN %1$s.audience_exports e USING (export_id)
			WHERE %3$s AND e.transaction_id = pg_current_xact_id_if_assigned() AND e.exported_by = session_user
				AND e.exported_at >= transaction_timestamp())
	ORDER BY customer_id, email, first_name, last_name, preferred_channel, city, state
	$view$, home, raw, rfmseg._same_key('m', home || '.audience_members', 'source', raw || '.customers', 'customer_id'));
	PERFORM rfmseg._comment(home || '.contacts', rfmseg._landing_descriptions('customers')
		|| '{"": "How to reach the customers of an export that the reader has put on record in the same transaction: see rfmseg.audience. Personal."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_contact_views(text) IS
'Internal: makes the views of whom may be contacted, and how, once there are customers.';

CREATE FUNCTION rfmseg._must_market(deployment text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	contacts regclass;
	is_bound boolean;
BEGIN
	-- who has the level may, and an owner; nobody else lends the owner's views rights
	IF deployment IS NULL OR NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = deployment || '_core' AND has_schema_privilege(n.oid, 'USAGE'))
		OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		PERFORM rfmseg._require(deployment);
	END IF;
	contacts := to_regclass(home || '.contacts');
	IF contacts IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no customers yet', deployment),
			HINT = format('CALL rfmseg.refresh(%L) first.', deployment);
	ELSIF NOT has_table_privilege(contacts, 'SELECT') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not see the audiences of deployment "%s"', current_user, deployment),
			HINT = format('Its owner says SELECT rfmseg.grant_access(%L, %L, ''marketer'').', deployment, current_user);
	END IF;
	-- as the policies of its tables have it, which do not bind their owner
	SELECT EXISTS (SELECT FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
		WHERE c.oid = to_regclass(home || '.audience_exports') AND pg_get_userbyid(c.relowner) <> current_user AND NOT p.polpermissive AND p.polroles <> '{0}'
			AND (pg_has_role(current_user, p.polroles[1], 'USAGE') OR pg_has_role(session_user, p.polroles[1], 'USAGE'))) INTO is_bound;
	IF is_bound THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" has a row filter in deployment "%s", so contacts are withheld from it', current_user, deployment),
			HINT = 'A role without one can export an audience for it.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._must_market(text) IS 'Internal: an error unless the caller may export audiences of a deployment.';

CREATE FUNCTION rfmseg._audience_condition(deployment text, segment text, behavioral_segment text, cluster_id int, min_clv numeric, min_p_alive float8)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	known text[];
	method text;
BEGIN
	EXECUTE format('SELECT array_agg(segment_name ORDER BY segment_order) FROM %s.current_segments', home) INTO known;
	PERFORM rfmseg._check_choice('segment', segment, known);
	EXECUTE format('SELECT array_agg(segment_name ORDER BY segment_order) FROM %I.recommendations WHERE kind = ''behavioral''', deployment) INTO known;
	PERFORM rfmseg._check_choice('behavioral_segment', behavioral_segment, known);
	IF min_clv IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('min_clv must be an amount of money, not %s', min_clv);
	ELSIF NOT min_p_alive BETWEEN 0 AND 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('min_p_alive must be from 0 to 1, not %s', min_p_alive),
			HINT = 'It is a probability: 0.8 is eighty per cent.';
	END IF;
	EXECUTE format('SELECT lifetime_method FROM %s.current_run', home) INTO method;
	IF method IS NULL AND num_nonnulls(min_clv, min_p_alive) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no lifetime values', deployment),
			HINT = format('SELECT lifetime_fit FROM %I.runs WHERE is_current says why; choose without min_clv and min_p_alive.', deployment);
	END IF;
	RETURN concat_ws(' AND ', format('c.run_id = (SELECT run_id FROM %s.current_run)', home),
		'c.segment_name = ' || quote_literal(segment), 'c.behavioral_segment = ' || quote_literal(behavioral_segment),
		'c.cluster_id = ' || cluster_id, 'c.clv_12m >= ' || quote_literal(min_clv), 'c.p_alive >= ' || quote_literal(min_p_alive));
END
$body$;
COMMENT ON FUNCTION rfmseg._audience_condition(text, text, text, int, numeric, float8) IS
'Internal: SQL for which customers, of the per-customer table c, are in an audience; an error for what cannot be.';

CREATE FUNCTION rfmseg.audience(
	deployment text,
	segment text DEFAULT NULL,
	behavioral_segment text DEFAULT NULL,
	min_clv numeric DEFAULT NULL,
	min_p_alive float8 DEFAULT NULL,
	cluster_id int DEFAULT NULL,
	campaign text DEFAULT NULL,
	max_customers bigint DEFAULT NULL,
	include_holdouts boolean DEFAULT false)
RETURNS TABLE (
	customer_id text, email text, first_name text, last_name text, preferred_channel text, city text, state text,
	segment_name text, behavioral_segment_name text, cluster_name text, recency_days int, frequency bigint, monetary numeric, currency text,
	p_alive float8, clv_12m float8, last_purchase_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off	-- nothing is known yet of members that were put on record just now
SET jit = off
AS $body$
#variable_conflict use_column
DECLARE
	home text := quote_ident(deployment || '_core');
	chosen text;
	key_met text;
	used_campaign int;
	export bigint;
	members bigint;
	withheld bigint;
BEGIN
	PERFORM rfmseg._must_market(deployment);
	chosen := rfmseg._audience_condition(deployment, segment, behavioral_segment, cluster_id, min_clv, min_p_alive);
	IF NOT max_customers > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('max_customers must be one or more, not %s', max_customers);
	ELSIF include_holdouts IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'include_holdouts must not be NULL';
	END IF;
	IF campaign IS NOT NULL THEN
		used_campaign := rfmseg._campaign_id(deployment, campaign);
		chosen := chosen || format(' AND EXISTS (SELECT FROM %s.campaign_members m WHERE m.campaign_id = %s AND m.customer_id = c.customer_id AND m.arm = ''treated'')',
			home, used_campaign);
	END IF;
	key_met := rfmseg._same_key('k', home || '.contacts', 'c', home || '.scored_customers', 'customer_id');

	-- First the record, then the contacts of those who are on it.
	EXECUTE format($query$
		WITH may AS MATERIALIZED (
			SELECT c.customer_id, c.clv_12m, c.monetary, EXISTS (
				SELECT FROM %1$s.campaign_members m JOIN %1$s.campaigns p USING (campaign_id)
				WHERE m.customer_id = c.customer_id AND m.arm = 'control' AND p.ends_at > (SELECT as_of FROM %1$s.current_run)) AS is_holdout
			FROM %1$s.scored_customers c JOIN %1$s.contactable_customers k ON %2$s
			WHERE %3$s
		), picked AS MATERIALIZED (
			SELECT customer_id FROM may WHERE $1 OR NOT is_holdout
			ORDER BY clv_12m DESC NULLS LAST, monetary DESC, customer_id LIMIT $2
		), recorded AS (
			INSERT INTO %1$s.audience_exports (run_id, criteria, customers)
			SELECT (SELECT run_id FROM %1$s.current_run), $3, (SELECT count(*) FROM picked) RETURNING export_id, customers
		), kept AS (
			INSERT INTO %1$s.audience_members (export_id, customer_id) SELECT r.export_id, p.customer_id FROM recorded r, picked p
		)
		SELECT r.export_id, r.customers, (SELECT count(*) FROM may WHERE is_holdout AND NOT $1) FROM recorded r$query$, home, key_met, chosen)
	INTO export, members, withheld
	USING include_holdouts, max_customers, jsonb_strip_nulls(jsonb_build_object('segment', segment, 'behavioral_segment', behavioral_segment,
		'min_clv', min_clv, 'min_p_alive', min_p_alive, 'cluster_id', cluster_id, 'campaign', campaign, 'max_customers', max_customers,
		'include_holdouts', include_holdouts));
	-- the server's log keeps it even if the caller rolls back
	RAISE LOG 'audience of deployment "%" exported by "%": % customers, export %', deployment, session_user, members, export;
	IF withheld > 0 THEN
		RAISE NOTICE '% customers are left out, as running campaigns hold them out', withheld
			USING HINT = 'include_holdouts => true takes them in, and spoils the comparison of those campaigns.';
	END IF;
	IF members = 0 AND rfmseg._is_empty(home || '.contactable_customers') THEN
		RAISE NOTICE 'nobody of deployment "%" may be contacted', deployment
			USING HINT = 'Customers need a row with marketing_consent true: see rfmseg.map_customers.';
	END IF;

	RETURN QUERY EXECUTE format($query$
		SELECT c.customer_id::text, k.email::text, k.first_name::text, k.last_name::text, k.preferred_channel::text, k.city::text, k.state::text,
			c.segment_name, c.behavioral_segment, c.cluster_name, c.recency_days, c.frequency, c.monetary, r.currency, c.p_alive, c.clv_12m, c.last_purchase_at
		FROM %1$s.audience_members m
		JOIN %1$s.current_run r ON true
		JOIN %1$s.scored_customers c ON c.run_id = r.run_id AND c.customer_id = m.customer_id
		JOIN %1$s.contacts k ON %2$s
		WHERE m.export_id = $1
		ORDER BY c.clv_12m DESC NULLS LAST, c.monetary DESC, c.customer_id$query$, home, key_met) USING export;
END
$body$;
COMMENT ON FUNCTION rfmseg.audience(text, text, text, numeric, float8, int, text, bigint, boolean) IS
'Customers of a deployment who may be contacted, with what a campaign tool needs, most valuable first: those of a segment, a behavioral_segment, a cluster_id, with a clv_12m of at least min_clv (money), a p_alive of at least min_p_alive (0 to 1), in the treated arm of a campaign, and at most max_customers of them; all conditions hold together, and none is all customers. May be contacted: marketing_consent is true in all rows of theirs, none breaks an expectation that drops, and they are not forgotten; as of now, also for an audience frozen before. Customers whom a running campaign holds out are left out unless include_holdouts. Every call puts on record, in <name>_core.audience_exports and audience_members, who exported whom and when; if the transaction is rolled back only the server''s log tells. For level marketer, see grant_access, and the owner. COPY (SELECT ...) TO STDOUT writes it to a file. Errors: no right to it, a row filter; no refresh yet; no such segment or campaign; no lifetime values; arguments out of range.';
