-------------------------------------------------------------------------------
-- Row filters: which customers a role sees
-------------------------------------------------------------------------------
-- A filter is a restrictive policy on the per-customer table, for the role and
-- its members.  Of all other tables of the deployment such a role sees no row,
-- but for those named below: they hold totals over all customers, or rows about
-- them.  The digests of who was forgotten it sees too, but not the secret: so
-- the clean views show it nothing, instead of all.  Row security is enabled and
-- not forced: the owner's refreshes and dumps see everything.
--
-- A policy asks for the current role.  Somebody who is bound by a filter and a
-- member of a role that is not could say SET ROLE: then one more policy, for
-- everybody, shows nothing.  A login that does not inherit is not bound as
-- itself, and may become one role or another.

CREATE FUNCTION rfmseg._create_row_filters(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.row_filters (role_name name PRIMARY KEY, predicate text NOT NULL)', home);
	PERFORM rfmseg._comment(home || '.row_filters', jsonb_build_object(
		'', 'Roles that see some customers only. Changed with rfmseg.add_row_filter and remove_row_filter.',
		'role_name', 'The role; its members are bound too.',
		'predicate', 'SQL condition over the columns of scored_customers: rows for which it is true are seen.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_row_filters(text) IS 'Internal: makes the table of a deployment''s row filters.';

CREATE FUNCTION rfmseg._close(relation regclass)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	grantee text;
BEGIN
	FOR grantee IN
		SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
		FROM pg_class c, aclexplode(c.relacl) acl WHERE c.oid = relation AND acl.grantee <> c.relowner
	LOOP
		EXECUTE format('REVOKE ALL ON %s FROM %s', relation, grantee);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._close(regclass) IS 'Internal: leaves a table to its owner alone.';

CREATE FUNCTION rfmseg._filtered_relations(deployment text)
RETURNS TABLE (relation regclass, holds_customers boolean, secured boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT o.oid::regclass, o.relation = 'scored_customers', c.relrowsecurity
	FROM rfmseg._own_relations(deployment) o JOIN pg_class c ON c.oid = o.oid
	WHERE o.kind IN ('r', 'p') AND NOT (o.schema, o.relation) IN (
		(deployment || '_core', 'current_run'), (deployment || '_core', 'current_segments'),
		(deployment || '_core', 'rulesets'), (deployment || '_core', 'segments'), (deployment || '_core', 'rules'),
		(deployment || '_core', 'suppressions'),
		(deployment || '_raw', 'products'))
$body$;
COMMENT ON FUNCTION rfmseg._filtered_relations(text) IS
'Internal: the tables of a deployment of which a role with a row filter sees its own customers, or nothing.';

CREATE FUNCTION rfmseg._drop_policy(relation regclass, policy name)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF EXISTS (SELECT FROM pg_policy WHERE polrelid = relation AND polname = policy) THEN
		EXECUTE format('DROP POLICY %I ON %s', policy, relation);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_policy(regclass, name) IS 'Internal: drops a policy, if there is one.';

CREATE FUNCTION rfmseg._set_row_filter(deployment text, relation regclass, role name, predicate text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	failure text;
	state text;
BEGIN
	PERFORM rfmseg._drop_policy(relation, role);
	EXECUTE format(E'CREATE POLICY %I ON %s AS RESTRICTIVE TO %I USING ((%s\n))', role, relation, role, predicate);
EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception THEN
	GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
	RAISE EXCEPTION USING ERRCODE = state,
		MESSAGE = format('the row filter of role "%s" cannot be applied: %s', role, failure),
		HINT = format('It is one condition over the columns of %s, %L here. Functions, types and operators outside pg_catalog need their schema. rfmseg.remove_row_filter(%L, %L) takes it away.',
			relation, predicate, deployment, role);
END
$body$;
COMMENT ON FUNCTION rfmseg._set_row_filter(text, regclass, name, text) IS 'Internal: makes, or makes anew, the policy of a row filter on one table.';

CREATE FUNCTION rfmseg._apply_row_filters(deployment text, changed name DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	everybody CONSTANT name := 'rfmseg: all rows';
	no_escape CONSTANT name := 'rfmseg: filters of the login';
	filters jsonb;
	item record;
	filter record;
BEGIN
	EXECUTE format('SELECT coalesce(jsonb_object_agg(f.role_name, f.predicate), ''{}'') FROM %I.row_filters f JOIN pg_roles r ON r.rolname = f.role_name',
		deployment || '_core') INTO filters;
	FOR item IN SELECT * FROM rfmseg._filtered_relations(deployment) ORDER BY relation LOOP
		IF NOT item.secured AND (item.holds_customers OR filters <> '{}') THEN
			EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', item.relation);
			PERFORM rfmseg._drop_policy(item.relation, everybody);
			EXECUTE format('CREATE POLICY %I ON %s USING (true)', everybody, item.relation);
		END IF;
		IF filters <> '{}' AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = item.relation AND p.polname = no_escape) THEN
			EXECUTE format($policy$
				CREATE POLICY %1$I ON %2$s AS RESTRICTIVE USING (
					NOT EXISTS (SELECT FROM pg_policy p
						WHERE p.polrelid = %2$L::regclass AND NOT p.polpermissive AND p.polroles <> '{0}'
							AND pg_has_role(session_user, p.polroles[1], 'USAGE') AND NOT pg_has_role(current_user, p.polroles[1], 'USAGE'))
					OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user))$policy$, no_escape, item.relation);
		END IF;
		IF changed IS NOT NULL AND NOT filters ? changed THEN
			PERFORM rfmseg._drop_policy(item.relation, changed);
		END IF;
		FOR filter IN
			SELECT f.key AS role, CASE WHEN item.holds_customers THEN f.value ELSE 'false' END AS predicate
			FROM jsonb_each_text(filters) f
			WHERE f.key = changed OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = item.relation AND p.polname = f.key)
		LOOP
			PERFORM rfmseg._set_row_filter(deployment, item.relation, filter.role, filter.predicate);
		END LOOP;
		IF filters = '{}' AND item.secured THEN
			PERFORM rfmseg._drop_policy(item.relation, no_escape);
			-- row security that binds nobody is in the way of COPY into a table
			IF NOT item.holds_customers THEN
				PERFORM rfmseg._drop_policy(item.relation, everybody);
				IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = item.relation) THEN
					EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', item.relation);
				END IF;
			END IF;
		END IF;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._apply_row_filters(text, name) IS
'Internal: brings the policies of a deployment''s tables up to its row filters; that of the role changed is made anew.';

CREATE FUNCTION rfmseg.add_row_filter(deployment text, role name, predicate text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	single boolean := false;
	failure text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF role IS NULL OR predicate IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role and predicate must not be NULL';
	ELSIF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('role "%s" does not exist', role), HINT = 'Give its name as it is in pg_roles, without quotes.';
	ELSIF role = current_user OR EXISTS (SELECT FROM pg_roles WHERE rolname = role AND (rolsuper OR rolbypassrls)) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('no row filter binds role "%s"', role),
			HINT = 'The owner, superusers and roles with BYPASSRLS see all rows.';
	END IF;
	BEGIN
		single := rfmseg._check_expression(predicate);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT;
	END;
	IF NOT single THEN
		RAISE EXCEPTION USING ERRCODE = 'syntax_error',
			MESSAGE = format('predicate %L is not one SQL expression', predicate),
			DETAIL = coalesce(initcap(left(failure, 1)) || substr(failure, 2) || '.', 'It is several, or more than that.'),
			HINT = 'Give a condition over the columns of scored_customers, such as state = ''CA''.';
	END IF;
	EXECUTE format('INSERT INTO %I.row_filters VALUES ($1, $2) ON CONFLICT (role_name) DO UPDATE SET predicate = excluded.predicate', deployment || '_core')
		USING role, predicate;
	PERFORM rfmseg._apply_row_filters(deployment, role);
	IF to_regclass(format('%I.scored_customers', deployment || '_core')) IS NULL THEN
		RAISE NOTICE 'the row filter of role "%" is checked against the columns by the first refresh', role
			USING HINT = 'That refresh fails if it does not fit them.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.add_row_filter(text, name, text) IS
'Lets a role, and its members, see those customers of a deployment alone for whom a condition over the columns of <name>_core.scored_customers is true; a second filter of the same role replaces the first, filters of several roles that somebody is a member of hold together. Totals over all customers are withheld from such a role: run and segment profiles, clusters, models, trend, reconciliation, holdouts show it no rows; performance_metrics counts the customers it sees. Landing tables show it no rows. The condition runs with the rights of who reads. Errors: no such role, or one that sees everything; not one expression; not a condition over those columns.';

CREATE FUNCTION rfmseg.remove_row_filter(deployment text, role name)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.row_filters WHERE role_name = $1 RETURNING true', deployment || '_core') INTO found_one USING role;
	IF found_one IS NULL THEN
		RAISE NOTICE 'role "%" has no row filter in "%"', role, deployment;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_row_filters(deployment, role);
END
$body$;
COMMENT ON FUNCTION rfmseg.remove_row_filter(text, name) IS
'Takes the row filter of a role away: it sees all customers again, and totals, as far as its grants go. A notice if there is none.';
