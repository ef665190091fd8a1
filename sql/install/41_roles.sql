-------------------------------------------------------------------------------
-- Levels of access, the group roles that have them, and the grants behind them
-------------------------------------------------------------------------------
-- The published views run with their reader's rights.  So a level is a set of
-- grants on the views and on exactly the columns behind them, which are read
-- from the catalogue and not listed here.  A role has a level because the table
-- "access" says so; whatever makes relations calls _grant_all afterwards.

CREATE FUNCTION rfmseg._create_access(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.access ('
		'role_name name, level text CHECK (level IN (''viewer'', ''analyst'', ''steward'', ''marketer'', ''engineer'')),'
		' is_group boolean NOT NULL, PRIMARY KEY (role_name, level))', home);
	PERFORM rfmseg._comment(home || '.access', jsonb_build_object(
		'', format('Roles that hold the grants of a level of deployment %s. Changed with rfmseg.grant_access and revoke_access; members of group roles are not listed.', deployment),
		'role_name', 'The role.',
		'level', 'viewer, analyst, steward, marketer or engineer.',
		'is_group', 'Whether it is the group role of the level, made by deploy.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_access(text) IS 'Internal: makes the table of the roles that have access to a deployment.';

CREATE FUNCTION rfmseg._levels()
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT '{viewer,analyst,steward,marketer,engineer}'::text[]
$body$;
COMMENT ON FUNCTION rfmseg._levels() IS 'Internal: the levels of access.';

CREATE FUNCTION rfmseg._levels_within(level text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE level WHEN 'engineer' THEN rfmseg._levels()
		WHEN 'viewer' THEN '{viewer}' ELSE ARRAY['viewer', level] END
$body$;
COMMENT ON FUNCTION rfmseg._levels_within(text) IS 'Internal: the levels whose grants a level has.';

-- Group roles

CREATE FUNCTION rfmseg._role_mark(deployment text, level text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('rfmseg: %s of deployment %I', level, deployment)
$body$;
COMMENT ON FUNCTION rfmseg._role_mark(text, text) IS 'Internal: the comment by which a group role is known to be a deployment''s.';

CREATE FUNCTION rfmseg._is_marked(role_id oid, deployment text, level text)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce(shobj_description(role_id, 'pg_authid') = rfmseg._role_mark(deployment, level), false)
$body$;
COMMENT ON FUNCTION rfmseg._is_marked(oid, text, text) IS 'Internal: whether a role says of itself that it is the group role of a level of a deployment.';

CREATE FUNCTION rfmseg._administers(role oid)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- before 16, whoever could create roles could grant all but superusers'
	SELECT pg_has_role(role, 'MEMBER WITH ADMIN OPTION')
		OR (current_setting('server_version_num')::int < 160000
			AND (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user)
			AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = role))
$body$;
COMMENT ON FUNCTION rfmseg._administers(oid) IS 'Internal: whether the caller may grant membership in a role.';

CREATE FUNCTION rfmseg._group_role(deployment text, level text)
RETURNS name LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_role name;
BEGIN
	EXECUTE format('SELECT a.role_name FROM %I.access a JOIN pg_roles r ON r.rolname = a.role_name'
		' WHERE a.is_group AND a.level = $2 AND rfmseg._is_marked(r.oid, $1, $2)', deployment || '_core')
		INTO found_role USING deployment, level;
	RETURN found_role;
END
$body$;
COMMENT ON FUNCTION rfmseg._group_role(text, text) IS 'Internal: the group role of a level of a deployment; NULL if there is none.';

-- Roles are the cluster's, and anybody who may create roles can have made one
-- of such a name, with such a comment.  So an existing one counts only if its
-- members are the caller's to decide, and nobody else's.
CREATE FUNCTION rfmseg._why_no_group_roles(deployment text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce((
		SELECT CASE WHEN NOT rfmseg._is_marked(r.oid, deployment, l.level) THEN format('role "%s" exists, and is not its own', r.rolname)
			WHEN NOT rfmseg._administers(r.oid) THEN format('role "%s" exists, and role "%s" does not administer it', r.rolname, current_user)
			ELSE format('role "%s" exists, and others administer it too', r.rolname) END
		FROM unnest(rfmseg._levels()) WITH ORDINALITY AS l (level, place)
		JOIN pg_roles r ON r.rolname = deployment || '_' || l.level
		WHERE NOT rfmseg._is_marked(r.oid, deployment, l.level) OR NOT rfmseg._administers(r.oid)
			OR EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles other ON other.oid = m.member
				WHERE m.roleid = r.oid AND m.admin_option AND NOT other.rolsuper
					AND other.rolname NOT IN (current_user, deployment || '_engineer'))
		ORDER BY l.place LIMIT 1),
		CASE WHEN NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
			THEN format('role "%s" may not create roles', current_user) END)
$body$;
COMMENT ON FUNCTION rfmseg._why_no_group_roles(text) IS
'Internal: what keeps the caller from making, or using, the group roles of a deployment; NULL if nothing does.';

CREATE FUNCTION rfmseg._make_group_roles(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	problem text;
	group_level text;
	group_role text;
BEGIN
	PERFORM rfmseg._require(deployment);
	problem := rfmseg._why_no_group_roles(deployment);
	IF problem IS NULL THEN
		BEGIN
			FOREACH group_level IN ARRAY rfmseg._levels() LOOP
				group_role := deployment || '_' || group_level;
				IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = group_role) THEN
					EXECUTE format('CREATE ROLE %I NOLOGIN', group_role);
					EXECUTE format('COMMENT ON ROLE %I IS %L', group_role, rfmseg._role_mark(deployment, group_level));
				END IF;
				EXECUTE format('INSERT INTO %I.access VALUES ($1, $2, true)', deployment || '_core') USING group_role, group_level;
			END LOOP;
			EXECUTE format('GRANT %1$I TO %2$I, %3$I, %4$I; GRANT %2$I TO %5$I', deployment || '_viewer',
				deployment || '_analyst', deployment || '_steward', deployment || '_marketer', deployment || '_engineer');
			FOREACH group_level IN ARRAY rfmseg._levels() LOOP
				PERFORM rfmseg._grant_role(deployment, deployment || '_' || group_level, ARRAY[group_level], true);
			END LOOP;
		EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation OR undefined_object THEN
			-- another session was faster, or something here forbids it
			GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
		END;
	END IF;
	IF problem IS NULL THEN
		RAISE NOTICE 'deployment "%" has group roles: %_viewer, %_analyst, %_steward, %_marketer and %_engineer',
			deployment, deployment, deployment, deployment, deployment, deployment
			USING HINT = format('Grant them with rfmseg.grant_access(%1$L, <role>, <level>). SELECT rfmseg.hand_over(%1$L) lets the members of %2$I run the deployment.',
				deployment, deployment || '_engineer');
	ELSE
		RAISE NOTICE 'deployment "%" has no group roles: %', deployment, problem
			USING HINT = format('rfmseg.grant_access(%L, <role>, <level>) gives a level to a role directly.', deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._make_group_roles(text) IS
'Internal: makes the group roles of a deployment, or takes those that are its own; a notice where that cannot be.';

CREATE FUNCTION rfmseg._drop_group_roles(deployment text, roles name[])
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	reason text;
	remaining text[] := '{}';
BEGIN
	FOR item IN
		SELECT r.oid, r.rolname FROM unnest(roles) AS name JOIN pg_roles r ON r.rolname = name
		WHERE rfmseg._is_marked(r.oid, deployment, substr(r.rolname, length(deployment) + 2))
		-- engineers last: memberships that they granted depend on them
		ORDER BY r.rolname = deployment || '_engineer', r.rolname
	LOOP
		BEGIN
			-- refused where it still has grants or objects, in any database
			EXECUTE format('DROP ROLE %I', item.rolname);
		EXCEPTION WHEN dependent_objects_still_exist OR object_in_use OR insufficient_privilege THEN
			GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
			remaining := remaining || item.rolname::text;
		END;
	END LOOP;
	IF remaining <> '{}' THEN
		RAISE NOTICE 'group roles of "%" remain: %', deployment, array_to_string(remaining, ', ')
			USING DETAIL = initcap(left(reason, 1)) || substr(reason, 2) || '.',
			HINT = 'Another database may use them. If none does, a role that administers them can drop them with DROP ROLE.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_group_roles(text, name[]) IS
'Internal: drops the group roles of a deployment that is no more, but for those still in use; a notice names them.';

-- Grants

CREATE FUNCTION rfmseg._columns_behind(relations oid[])
RETURNS TABLE (relation oid, column_name name)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- through the views that run with their reader's rights; what lies behind
	-- another view is read by its owner
	WITH RECURSIVE views AS (
		SELECT unnest(relations) AS view
		UNION
		SELECT d.refobjid
		FROM views v
		JOIN pg_rewrite r ON r.ev_class = v.view
		JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
		JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'v' AND c.reloptions @> '{security_invoker=true}'
	)
	SELECT DISTINCT d.refobjid, a.attname
	FROM views v
	JOIN pg_rewrite r ON r.ev_class = v.view
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
		AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.view
	-- a relation of which no column is named needs a grant on some column
	JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum > 0 AND NOT a.attisdropped
		AND (a.attnum = d.refobjsubid OR d.refobjsubid = 0)
$body$;
COMMENT ON FUNCTION rfmseg._columns_behind(oid[]) IS
'Internal: the columns that a reader of views needs rights on, besides those on the views.';

CREATE FUNCTION rfmseg._own_relations(deployment text)
RETURNS TABLE (schema text, relation text, oid oid, kind "char")
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT d.schema, d.relation, c.oid, c.relkind
	FROM rfmseg._deployed_relations(deployment) d
	JOIN pg_namespace n ON n.nspname = d.schema
	JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.relation
$body$;
COMMENT ON FUNCTION rfmseg._own_relations(text) IS 'Internal: the relations of a deployment that there are.';

CREATE FUNCTION rfmseg._level_grants(deployment text, wanted_level text)
RETURNS TABLE (relation oid, columns text, privileges text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	WITH own AS (
		SELECT * FROM rfmseg._own_relations(deployment)
	), whole AS (
		-- all that is published
		SELECT 'viewer' AS level, o.oid, 'SELECT' AS privileges FROM own o WHERE o.schema = deployment
	UNION ALL
		SELECT 'analyst', o.oid, 'SELECT' FROM own o
		WHERE o.schema = deployment || '_core' AND o.relation = ANY ('{scored_customers,current_run,current_segments,cut_points,
			run_segments,run_checks,run_clusters,model_metrics,model_versions,model_promotions,champions,holdouts,holdout_results,
			campaigns,campaign_members,campaign_arms,audience_exports,expectations,expectation_results,segment_history,run_migrations,run_values,run_grid,run_demographics,run_cohorts,behavioral_actions,roi_assumptions,
			rulesets,segments,rules,customers_clean,products,transactions,transaction_lines}'::text[])
	UNION ALL
		SELECT 'steward', o.oid, 'SELECT' FROM own o
		WHERE o.schema = deployment || '_raw'
			OR (o.schema = deployment || '_core' AND o.relation = ANY ('{customers_clean,products,transactions,transaction_lines,quarantine,
				audience_exports,audience_members}'::text[]))
	UNION ALL
		SELECT 'marketer', o.oid, 'SELECT' FROM own o
		WHERE o.schema = deployment || '_core' AND o.relation = ANY ('{campaigns,campaign_members,contactable_customers,contacts,audience_exports,audience_members}'::text[])
	UNION ALL
		-- whoever could write to settings, mappings or rules would have the owner run what he wrote
		SELECT 'engineer', o.oid, CASE WHEN o.schema = deployment || '_raw' AND o.kind = 'r' THEN 'SELECT, INSERT, UPDATE, DELETE' ELSE 'SELECT' END
		FROM own o
	), partial AS (
		SELECT 'viewer' AS level, b.relation AS oid, b.column_name
		FROM rfmseg._columns_behind((SELECT array_agg(o.oid) FROM own o WHERE o.schema = deployment)) b
	UNION
		-- what the clean views read: no names, no contacts
		SELECT l.level, b.relation, b.column_name
		FROM (VALUES ('analyst'), ('steward')) AS l (level),
			LATERAL rfmseg._columns_behind((SELECT array_agg(w.oid) FROM whole w WHERE w.level = l.level)) b
	UNION
		-- an error message may quote the source
		SELECT 'analyst', a.attrelid, a.attname
		FROM own o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE o.schema = deployment || '_core' AND o.relation IN ('runs', 'model_runs') AND a.attname NOT IN ('error_message', 'error_hint')
	UNION
		-- what an audience is chosen by, and tells
		SELECT 'marketer', a.attrelid, a.attname
		FROM own o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attname = ANY (rfmseg._audience_columns() || 'run_id'::name)
		WHERE o.schema = deployment || '_core' AND o.relation = 'scored_customers'
	)
	SELECT w.oid, NULL, w.privileges FROM whole w WHERE w.level = wanted_level
	UNION ALL
	-- puts exports on record, but not in somebody else's name, nor at another time
	SELECT o.oid, v.columns, 'INSERT' FROM own o
	JOIN (VALUES ('audience_exports', 'run_id, criteria, customers'), ('audience_members', 'export_id, customer_id')) AS v (relation, columns) USING (relation)
	WHERE wanted_level = 'marketer' AND o.schema = deployment || '_core'
	UNION ALL
	SELECT p.oid, string_agg(quote_ident(p.column_name), ', ' ORDER BY p.column_name), 'SELECT'
	FROM partial p JOIN own o USING (oid)
	WHERE p.level = wanted_level AND p.oid NOT IN (SELECT w.oid FROM whole w WHERE w.level = wanted_level)
	GROUP BY p.oid
$body$;
COMMENT ON FUNCTION rfmseg._level_grants(text, text) IS
'Internal: the grants that a level adds to those of the levels within it; columns NULL: on the whole relation.';

CREATE FUNCTION rfmseg._revoke_all(deployment text, role name)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	holder oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = role);
	item record;
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	FOR item IN
		SELECT format('TABLE %s', c.oid::regclass) AS object
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw') AND c.relowner <> holder
			AND (EXISTS (SELECT FROM aclexplode(c.relacl) acl WHERE acl.grantee = holder)
				OR EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl) acl WHERE a.attrelid = c.oid AND NOT a.attisdropped AND acl.grantee = holder))
	UNION ALL
		SELECT format('SCHEMA %I', n.nspname)
		FROM pg_namespace n
		WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw') AND n.nspowner <> holder
			AND EXISTS (SELECT FROM aclexplode(n.nspacl) acl WHERE acl.grantee = holder)
	LOOP
		EXECUTE format('REVOKE ALL ON %s FROM %I', item.object, role);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._revoke_all(text, name) IS 'Internal: takes all that a role was granted on a deployment''s schemas and relations.';

CREATE FUNCTION rfmseg._grant_role(deployment text, role name, levels text[], is_group boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	IF role = (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = deployment || '_core') THEN
		RETURN;		-- an owner's own rights need no grants, and are not to be cut
	END IF;
	PERFORM rfmseg._revoke_all(deployment, role);
	IF levels IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %I, %I TO %I', deployment, deployment || '_core', role);
	IF levels && '{analyst,steward,engineer}' THEN
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', deployment || '_raw', role);
	END IF;
	FOR item IN
		WITH wanted AS (
			SELECT DISTINCT g.*
			-- a group role is a member of those of the levels within its own
			FROM (SELECT DISTINCT unnest(CASE WHEN is_group THEN ARRAY[l] ELSE rfmseg._levels_within(l) END) AS level FROM unnest(levels) AS l) AS w,
				LATERAL rfmseg._level_grants(deployment, w.level) AS g
		)
		SELECT g.privileges || coalesce(' (' || g.columns || ')', '') AS what, string_agg(g.relation::regclass::text, ', ') AS relations
		FROM wanted g
		WHERE g.columns IS NULL OR NOT EXISTS (SELECT FROM wanted w
			WHERE w.relation = g.relation AND w.columns IS NULL AND g.privileges = ANY (string_to_array(w.privileges, ', ')))
		GROUP BY g.privileges, g.columns, CASE WHEN g.columns IS NOT NULL THEN g.relation END
	LOOP
		EXECUTE format('GRANT %s ON %s TO %I', item.what, item.relations, role);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._grant_role(text, name, text[], boolean) IS
'Internal: gives a role the grants of its levels on a deployment, and takes all others; levels NULL: all of them.';

CREATE FUNCTION rfmseg._grant_all(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	-- A role that may not even use the schema has been dropped, or lost its
	-- rights by somebody's REVOKE: another of its name must not inherit them.
	FOR item IN EXECUTE format($query$
		SELECT a.role_name, array_agg(a.level ORDER BY a.level) AS levels, bool_and(a.is_group) AS is_group
		FROM %I.access a JOIN pg_roles r ON r.rolname = a.role_name
		WHERE EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) acl WHERE n.nspname = $1 AND acl.grantee = r.oid)
		GROUP BY a.role_name$query$, deployment || '_core') USING deployment
	LOOP
		PERFORM rfmseg._grant_role(deployment, item.role_name, item.levels, item.is_group);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._grant_all(text) IS
'Internal: brings the grants of all roles with access to a deployment up to the relations that it now has.';

CREATE FUNCTION rfmseg._check_level(role name, level text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF role IS NULL OR level IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role and level must not be NULL';
	END IF;
	PERFORM rfmseg._check_choice('level', level, rfmseg._levels());
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('role "%s" does not exist', role), HINT = 'Give its name as it is in pg_roles, without quotes. PUBLIC has no level.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_level(name, text) IS 'Internal: an error unless there is such a role and such a level.';

CREATE FUNCTION rfmseg._must_administer(group_role name)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF NOT rfmseg._administers((SELECT oid FROM pg_roles WHERE rolname = group_role)) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" does not administer role "%s"', current_user, group_role),
			HINT = format('Whoever does says GRANT or REVOKE %I.', group_role);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._must_administer(name) IS 'Internal: an error unless the caller may grant membership in a role.';

CREATE FUNCTION rfmseg.grant_access(deployment text, role name, level text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	group_role name;
	levels text[];
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	PERFORM rfmseg._check_level(role, level);
	IF role = current_user THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_grant_operation',
			MESSAGE = format('role "%s" owns deployment "%s"', role, deployment), HINT = 'An owner may do everything, and needs no level.';
	END IF;

	group_role := rfmseg._group_role(deployment, level);
	IF group_role IS NOT NULL THEN
		PERFORM rfmseg._must_administer(group_role);
		EXECUTE format('GRANT %I TO %I', group_role, role);
		RETURN;
	END IF;
	EXECUTE format('INSERT INTO %s.access VALUES ($1, $2, false) ON CONFLICT DO NOTHING', home) USING role, level;
	EXECUTE format('SELECT array_agg(a.level ORDER BY a.level) FROM %s.access a WHERE a.role_name = $1', home) INTO levels USING role;
	PERFORM rfmseg._grant_role(deployment, role, levels);
END
$body$;
COMMENT ON FUNCTION rfmseg.grant_access(text, name, text) IS
'Gives a role a level of access to a deployment. viewer: what is published, and the columns behind it. analyst: also the per-customer table, clean views, runs without error messages, models. steward: as viewer, and the landing tables with personal data. marketer: as viewer, and audiences: the contacts of those who agreed, once their export is on record. engineer: may read everything, and fill the landing tables. Where the deployment has group roles, the role becomes a member; else it is granted the same directly, and again whenever relations are added; then its grants on the deployment are those of its levels, and no others. Errors: no such role or level; the owner itself; a group role that the caller does not administer.';

CREATE FUNCTION rfmseg.revoke_access(deployment text, role name, level text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	group_role name;
	levels text[];
	had boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	PERFORM rfmseg._check_level(role, level);
	group_role := rfmseg._group_role(deployment, level);
	had := EXISTS (SELECT FROM pg_auth_members WHERE roleid::regrole = quote_ident(group_role)::regrole AND member::regrole = quote_ident(role)::regrole);
	IF had THEN
		PERFORM rfmseg._must_administer(group_role);
		EXECUTE format('REVOKE %I FROM %I', group_role, role);
		-- since 16 a membership can have been granted by several
		IF EXISTS (SELECT FROM pg_auth_members WHERE roleid::regrole = quote_ident(group_role)::regrole AND member::regrole = quote_ident(role)::regrole) THEN
			RAISE EXCEPTION USING ERRCODE = 'invalid_grant_operation',
				MESSAGE = format('role "%s" is a member of "%s" by another role''s grant', role, group_role),
				HINT = format('Whoever granted it, or a superuser with REVOKE %I FROM %I GRANTED BY ..., takes it back.', group_role, role);
		END IF;
	END IF;

	EXECUTE format('DELETE FROM %s.access a WHERE a.role_name = $1 AND a.level = $2 AND NOT a.is_group RETURNING true', home)
		INTO had USING role, level;
	IF had THEN
		EXECUTE format('SELECT array_agg(a.level ORDER BY a.level) FROM %s.access a WHERE a.role_name = $1', home) INTO levels USING role;
		PERFORM rfmseg._grant_role(deployment, role, levels);
	ELSIF group_role IS NULL THEN
		RAISE NOTICE 'role "%" has not been given level % of "%"', role, level, deployment;
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.revoke_access(text, name, text) IS
'Takes a level of access to a deployment from a role: its membership in the group role, or the grants themselves, but for those of other levels that it keeps. Other group roles that it is a member of go on giving what they give: see rfmseg.grants. Errors: no such role or level; a membership that the caller cannot revoke.';

CREATE FUNCTION rfmseg.grants(deployment text)
RETURNS TABLE (role_name name, via name, level text, relation text, columns text[], privileges text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	PERFORM rfmseg._require(grants.deployment);
	RETURN QUERY EXECUTE format($query$
		WITH RECURSIVE schemas AS (
			SELECT n.oid, n.nspname, n.nspacl, n.nspowner FROM pg_namespace n WHERE n.nspname IN ($1, $1 || '_core', $1 || '_raw')
		), held AS (
			SELECT 'schema ' || quote_ident(s.nspname) AS relation, NULL::text AS column_name, acl.grantee, acl.privilege_type, s.nspowner AS owner
			FROM schemas s, aclexplode(s.nspacl) acl
		UNION ALL
			SELECT format('%%I.%%I', s.nspname, c.relname), NULL, acl.grantee, acl.privilege_type, c.relowner
			FROM schemas s JOIN pg_class c ON c.relnamespace = s.oid, aclexplode(c.relacl) acl
		UNION ALL
			SELECT format('%%I.%%I', s.nspname, c.relname), a.attname::text, acl.grantee, acl.privilege_type, c.relowner
			FROM schemas s JOIN pg_class c ON c.relnamespace = s.oid JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped, aclexplode(a.attacl) acl
		), grantee AS (
			SELECT DISTINCT h.grantee AS holder, h.grantee AS role FROM held h
		UNION
			SELECT g.holder, m.member FROM grantee g JOIN pg_auth_members m ON m.roleid = g.role
		), level AS (
			SELECT a.role_name, string_agg(a.level, ', ' ORDER BY a.level) AS level FROM %I.access a GROUP BY a.role_name
		), one AS (
			SELECT h.grantee, h.owner, h.relation, h.column_name, array_agg(h.privilege_type ORDER BY h.privilege_type) AS privileges
			FROM held h WHERE h.grantee <> h.owner GROUP BY 1, 2, 3, 4
		)
		SELECT CASE g.role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.role) END,
			CASE WHEN g.holder <> g.role THEN pg_get_userbyid(g.holder) END, l.level, o.relation,
			array_agg(o.column_name ORDER BY o.column_name) FILTER (WHERE o.column_name IS NOT NULL), o.privileges
		FROM one o JOIN grantee g ON g.holder = o.grantee LEFT JOIN level l ON l.role_name = pg_get_userbyid(g.holder)
		WHERE g.role <> o.owner
		GROUP BY g.role, g.holder, l.level, o.relation, o.privileges, o.column_name IS NULL
		ORDER BY 1, 2 NULLS FIRST, 4, 5 NULLS FIRST, 6$query$, grants.deployment || '_core') USING grants.deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg.grants(text) IS
'Who but the owner may do what with a deployment''s schemas and relations: one row a role and relation, or set of its columns, PUBLIC and members of granted roles too. via: the role that holds the grant, NULL if it is the role itself; level: that holder''s levels, NULL for grants that rfmseg did not make; columns: NULL for the whole relation. Superusers and members of the owner''s role may do everything, and are not listed for it. Errors: not the owner.';

-- Ownership

CREATE FUNCTION rfmseg._missing_for_sources(deployment text, role name)
RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	WITH raw AS (
		SELECT o.oid FROM rfmseg._own_relations(deployment) o WHERE o.schema = deployment || '_raw' AND o.kind = 'v'
	), direct AS (
		SELECT DISTINCT d.refclassid, d.refobjid
		FROM raw JOIN pg_rewrite r ON r.ev_class = raw.oid
		JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refobjid <> raw.oid
	), schema AS (
		SELECT c.relnamespace AS oid FROM direct d JOIN pg_class c ON c.oid = d.refobjid WHERE d.refclassid = 'pg_class'::regclass
		UNION SELECT p.pronamespace FROM direct d JOIN pg_proc p ON p.oid = d.refobjid WHERE d.refclassid = 'pg_proc'::regclass
	), missing AS (
		SELECT 1 AS place, format('GRANT USAGE ON SCHEMA %s TO %I', s.oid::regnamespace, role) AS statement
		FROM schema s WHERE NOT has_schema_privilege(role, s.oid, 'USAGE')
	UNION ALL
		SELECT DISTINCT 2, format('GRANT SELECT ON %s TO %I', b.relation::regclass, role)
		FROM rfmseg._columns_behind((SELECT array_agg(raw.oid) FROM raw)) b
		WHERE NOT has_column_privilege(role, b.relation, b.column_name, 'SELECT')
	UNION ALL
		SELECT 3, format('GRANT EXECUTE ON FUNCTION %s TO %I', d.refobjid::regprocedure, role)
		FROM direct d WHERE d.refclassid = 'pg_proc'::regclass AND NOT has_function_privilege(role, d.refobjid, 'EXECUTE')
	)
	SELECT array_agg(statement ORDER BY place, statement) FROM missing
$body$;
COMMENT ON FUNCTION rfmseg._missing_for_sources(text, name) IS
'Internal: the grants that a role lacks to read a deployment''s mapped sources; NULL if none.';

CREATE FUNCTION rfmseg.hand_over(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	engineer name;
	missing text[];
	item record;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	engineer := rfmseg._group_role(deployment, 'engineer');
	IF engineer IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no group roles', deployment),
			HINT = 'They are made by deploy, if the caller may create roles. See docs/security.md for a group of your own.';
	ELSIF engineer = current_user THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" belongs to role "%s" already', deployment, engineer),
			HINT = 'A member of that role can run it.';
	END IF;
	PERFORM rfmseg._must_administer(engineer);
	IF NOT has_database_privilege(current_database(), 'CREATE') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not create schemas in database "%s"', current_user, current_database()),
			HINT = format('To give schemas away takes that: GRANT CREATE ON DATABASE %I TO %I. Role %I does not need it.', current_database(), current_user, engineer);
	END IF;
	missing := rfmseg._missing_for_sources(deployment, engineer);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('role "%s" could not read the sources of "%s"', engineer, deployment),
			HINT = format('Say first: %s.', array_to_string(missing, '; '));
	END IF;

	-- who gives an object to a role must be able to become it
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		EXECUTE format('GRANT %I TO CURRENT_USER', engineer);
	END IF;
	EXECUTE format('GRANT %I, %I, %I, %I TO %I WITH ADMIN OPTION', deployment || '_viewer', deployment || '_analyst', deployment || '_steward',
		deployment || '_marketer', engineer);

	-- schemas first: their owner must be allowed to have relations in them
	FOR item IN
		SELECT format('SCHEMA %I', n.nspname) AS object, 1 AS place
		FROM pg_namespace n WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw')
	UNION ALL
		SELECT format('TABLE %I.%I', n.nspname, c.relname), 2
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
		ORDER BY place, object
	LOOP
		EXECUTE format('ALTER %s OWNER TO %I', item.object, engineer);
	END LOOP;
	RAISE NOTICE 'deployment "%" belongs to role "%"', deployment, engineer
		USING HINT = format('A member of it says SET ROLE %I, and then CALL rfmseg.refresh(%L).', engineer, deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.hand_over(text) IS
'Gives a deployment, its schemas and relations, to its group role of engineers: a member can then say SET ROLE <name>_engineer and run it, and the caller is one. Nobody''s code runs as somebody else for it: see docs/security.md. Errors: not the owner; no group roles, or one that the caller does not administer; the caller may not create schemas; engineers could not read a mapped source, then the hint is the GRANT statements to say first.';
