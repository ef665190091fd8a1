-------------------------------------------------------------------------------
-- Deployments: making, finding and removing them
-------------------------------------------------------------------------------
-- A deployment "shop" is made of ordinary schemas, tables and views of its
-- owner: shop_raw, shop_core and shop.  Nothing of it belongs to the extension,
-- so that DROP EXTENSION and dumps treat it as the user's data that it is.

CREATE FUNCTION rfmseg._layout()
RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'SELECT 1';
COMMENT ON FUNCTION rfmseg._layout() IS
'Internal: number of the present form of deployments'' objects; each is marked with the one it has.';

CREATE FUNCTION rfmseg.deployments()
RETURNS TABLE (deployment text, owner name)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT left(n.nspname, -length('_core')), pg_get_userbyid(n.nspowner)
	FROM pg_namespace n
	JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'settings' AND c.relkind = 'r'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'rfmseg_layout' AND NOT a.attisdropped
	WHERE n.nspname LIKE '%\_core' AND has_schema_privilege(n.oid, 'USAGE')
	ORDER BY 1
$body$;
COMMENT ON FUNCTION rfmseg.deployments() IS
'The deployments whose core schema the caller may use. They are known by the column rfmseg_layout of their settings, which dumps keep.';

CREATE FUNCTION rfmseg._require(deployment text, layout boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	owner oid;
	found_layout int;
BEGIN
	IF deployment IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'the name of the deployment must not be NULL';
	END IF;

	SELECT n.nspowner INTO owner
	FROM pg_namespace n
	JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'settings' AND c.relkind = 'r'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'rfmseg_layout' AND NOT a.attisdropped
	WHERE n.nspname = deployment || '_core';
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('deployment "%s" does not exist', deployment),
			HINT = format('SELECT rfmseg.deploy(%L) makes it; rfmseg.deployments() lists those there are.', deployment);
	END IF;

	-- Mapped expressions are code of the owner's.  Whoever else ran them, a
	-- superuser above all, would lend the owner all rights he has.
	IF owner <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('deployment "%s" belongs to role "%s"', deployment, pg_get_userbyid(owner)),
			DETAIL = 'What a deployment runs is its owner''s code, so nobody else runs or changes it.',
			HINT = format('A member of that role can say SET ROLE %I first; see docs/security.md before you do so as a superuser.', pg_get_userbyid(owner));
	END IF;

	IF layout THEN
		EXECUTE format('SELECT rfmseg_layout FROM %I.settings', deployment || '_core') INTO found_layout;
		IF found_layout < rfmseg._layout() THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('deployment "%s" has layout %s, this version of rfmseg needs %s', deployment, found_layout, rfmseg._layout()),
				HINT = format('Run SELECT rfmseg.upgrade_deployment(%L).', deployment);
		ELSIF found_layout > rfmseg._layout() THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('deployment "%s" has layout %s, this version of rfmseg knows only %s', deployment, found_layout, rfmseg._layout()),
				HINT = 'Run ALTER EXTENSION rfmseg UPDATE, with the newer version installed.';
		END IF;
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._require(text, boolean) IS
'Internal: an error unless the deployment exists, belongs to the caller and, if asked, has the present layout.';

CREATE FUNCTION rfmseg._lock(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	-- conflicts with itself, and with neither reads nor writes of the table
	EXECUTE format('LOCK TABLE %I.runs IN SHARE UPDATE EXCLUSIVE MODE', deployment || '_core');
END
$body$;
COMMENT ON FUNCTION rfmseg._lock(text) IS
'Internal: whatever changes a deployment does so one at a time, to the end of its transaction.';

CREATE FUNCTION rfmseg._comment(relation text, descriptions jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, '' AS part,
			descriptions ->> '' AS description
		FROM pg_class c WHERE c.oid = relation::regclass
	UNION ALL
		SELECT 'COLUMN', '.' || quote_ident(a.attname), descriptions ->> a.attname::text
		FROM pg_attribute a
		WHERE a.attrelid = relation::regclass AND a.attnum > 0 AND NOT a.attisdropped AND descriptions ? a.attname::text
	LOOP
		EXECUTE format('COMMENT ON %s %s%s IS %L', item.kind, relation, item.part, item.description);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._comment(text, jsonb) IS
'Internal: comments on a relation (key '''') and those of its columns that are described.';

CREATE FUNCTION rfmseg._create_landing(deployment text, dataset text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.%I', deployment || '_raw', dataset);
BEGIN
	EXECUTE format('CREATE TABLE %s (%s)', relation, (
		SELECT string_agg(format('%I %s', column_name, data_type), ', ' ORDER BY place)
		FROM rfmseg._landing_columns l WHERE l.dataset = _create_landing.dataset));
	PERFORM rfmseg._comment(relation, rfmseg._landing_descriptions(dataset) || jsonb_build_object('', format('Landing table for %s: fill it, or put a view on your own table in its place with rfmseg.map_%s.', dataset, dataset)));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_landing(text, text) IS 'Internal: makes one landing table.';

-- The landing tables' columns, which are also those of mapped sources.
CREATE TABLE rfmseg._landing_columns (
	dataset text NOT NULL,
	place int NOT NULL,
	column_name text NOT NULL,
	data_type text NOT NULL,
	meaning text NOT NULL CHECK (meaning IN ('key', 'time', 'day', 'number', 'money', 'flag', 'text')),
	description text NOT NULL,
	PRIMARY KEY (dataset, column_name),
	UNIQUE (dataset, place)
);
GRANT SELECT ON rfmseg._landing_columns TO PUBLIC;
COMMENT ON TABLE rfmseg._landing_columns IS 'Internal: the columns of the landing tables, and so of mapped sources.';
COMMENT ON COLUMN rfmseg._landing_columns.dataset IS 'transactions, customers or products.';
COMMENT ON COLUMN rfmseg._landing_columns.place IS 'Place of the column in its relation.';
COMMENT ON COLUMN rfmseg._landing_columns.column_name IS 'Name of the column.';
COMMENT ON COLUMN rfmseg._landing_columns.data_type IS 'Its type in the landing table; a mapped key keeps its own.';
COMMENT ON COLUMN rfmseg._landing_columns.meaning IS 'What a mapped expression must be: key, any type that has an order; money, a number that fx_rate converts; ...';
COMMENT ON COLUMN rfmseg._landing_columns.description IS 'What the column says.';

INSERT INTO rfmseg._landing_columns (dataset, place, column_name, data_type, meaning, description) VALUES
	('transactions', 1, 'transaction_id', 'bigint', 'key', 'Identifies the line.'),
	('transactions', 2, 'order_id', 'bigint', 'key', 'Identifies the purchase that the line belongs to; without it a purchase is a day.'),
	('transactions', 3, 'customer_id', 'bigint', 'key', 'Who bought; NULL for a guest.'),
	('transactions', 4, 'transaction_date', 'timestamptz', 'time', 'When.'),
	('transactions', 5, 'product_id', 'bigint', 'key', 'What was bought.'),
	('transactions', 6, 'quantity', 'numeric', 'number', 'How many of it.'),
	('transactions', 7, 'category', 'text', 'text', 'Its category.'),
	('transactions', 8, 'per_unit_cost', 'numeric', 'money', 'What one costs the seller.'),
	('transactions', 9, 'per_unit_msrp', 'numeric', 'money', 'The list price of one.'),
	('transactions', 10, 'total_cost', 'numeric', 'money', 'What the line costs the seller.'),
	('transactions', 11, 'pre_discount_amount', 'numeric', 'money', 'The line''s price before discount.'),
	('transactions', 12, 'discount_amount', 'numeric', 'money', 'The discount on the line.'),
	('transactions', 13, 'total_amount', 'numeric', 'money', 'What the customer paid for the line; negative for a return.'),
	('transactions', 14, 'channel', 'text', 'text', 'Where it was bought.'),
	('transactions', 15, 'is_return', 'boolean', 'flag', 'Whether the line is a return; NULL: it is if total_amount is negative.'),
	('transactions', 16, 'currency', 'text', 'text', 'Currency of the amounts.'),
	('customers', 1, 'customer_id', 'bigint', 'key', 'Identifies the customer.'),
	('customers', 2, 'first_name', 'text', 'text', 'First name. Personal.'),
	('customers', 3, 'last_name', 'text', 'text', 'Last name. Personal.'),
	('customers', 4, 'email', 'text', 'text', 'E-mail address. Personal.'),
	('customers', 5, 'age', 'int', 'number', 'Age in years.'),
	('customers', 6, 'gender', 'text', 'text', 'Gender.'),
	('customers', 7, 'income_bracket', 'text', 'text', 'Bracket of income.'),
	('customers', 8, 'city', 'text', 'text', 'City.'),
	('customers', 9, 'state', 'text', 'text', 'State or region.'),
	('customers', 10, 'latitude', 'float8', 'number', 'Latitude in degrees.'),
	('customers', 11, 'longitude', 'float8', 'number', 'Longitude in degrees.'),
	('customers', 12, 'signup_date', 'date', 'day', 'Day of registration.'),
	('customers', 13, 'preferred_channel', 'text', 'text', 'Channel the customer prefers.'),
	('customers', 14, 'marketing_consent', 'boolean', 'flag', 'Whether the customer may be contacted.'),
	('products', 1, 'product_id', 'bigint', 'key', 'Identifies the product.'),
	('products', 2, 'product_name', 'text', 'text', 'Its name.'),
	('products', 3, 'category', 'text', 'text', 'Its category.'),
	('products', 4, 'price', 'numeric', 'number', 'Its price.'),
	('products', 5, 'cost', 'numeric', 'number', 'What it costs the seller.'),
	('products', 6, 'brand', 'text', 'text', 'Its brand.'),
	('products', 7, 'is_seasonal', 'boolean', 'flag', 'Whether it sells in a season only.');

CREATE FUNCTION rfmseg._landing_descriptions(dataset text)
RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT jsonb_object_agg(l.column_name, l.description) FROM rfmseg._landing_columns l WHERE l.dataset = $1
$body$;
COMMENT ON FUNCTION rfmseg._landing_descriptions(text) IS 'Internal: what the columns of a landing table say, by name.';

CREATE FUNCTION rfmseg._deploy(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	taken text;
	dataset text;
	zone text := current_setting('TimeZone');
BEGIN
	IF deployment IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'the name of the deployment must not be NULL';
	ELSIF deployment = '' OR octet_length(deployment) > 50 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_name',
			MESSAGE = format('"%s" cannot name a deployment', deployment),
			HINT = 'Its name is that of a schema, of 1 to 50 bytes.';
	END IF;
	SELECT string_agg(quote_ident(nspname), ' and ' ORDER BY nspname) INTO taken
	FROM pg_namespace WHERE nspname IN (deployment, deployment || '_core', deployment || '_raw');
	IF taken IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'duplicate_schema',
			MESSAGE = format('deployment "%s" cannot be made: there already is schema %s', deployment, taken),
			HINT = 'Choose another name; nothing that exists is overwritten.';
	END IF;

	PERFORM rfmseg._check_time_zone(zone);

	EXECUTE format('CREATE SCHEMA %I', deployment || '_raw');
	EXECUTE format('CREATE SCHEMA %I', deployment || '_core');
	EXECUTE format('CREATE SCHEMA %I', deployment);
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', deployment || '_raw',
		format('Landing of deployment %s: customers, products, transactions. Personal data.', deployment));
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', deployment || '_core',
		format('Engine room of deployment %s: clean data, the per-customer table, settings, rules, runs.', deployment));
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', deployment,
		format('Published by deployment %s, for people and dashboards. No names, no contacts.', deployment));

	FOREACH dataset IN ARRAY '{transactions,customers,products}'::text[] LOOP
		PERFORM rfmseg._create_landing(deployment, dataset);
	END LOOP;
	PERFORM rfmseg._create_settings(deployment, zone);
	PERFORM rfmseg._create_suppressions(deployment);
	PERFORM rfmseg._create_rulesets(deployment);
	PERFORM rfmseg._copy_ruleset(deployment, 'standard');
	PERFORM rfmseg._create_mappings(deployment);
	PERFORM rfmseg._create_expectations(deployment);
	PERFORM rfmseg._create_runs(deployment);
	PERFORM rfmseg._create_models(deployment);
	PERFORM rfmseg._create_holdouts(deployment);
	PERFORM rfmseg._create_migrations(deployment);
	PERFORM rfmseg._create_campaigns(deployment);
	PERFORM rfmseg._create_insights(deployment);
	PERFORM rfmseg._create_clean_views(deployment);
	PERFORM rfmseg._create_access(deployment);
	PERFORM rfmseg._create_row_filters(deployment);
	PERFORM rfmseg._create_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._deploy(text) IS 'Internal: makes a deployment without group roles, and says nothing of it.';

CREATE FUNCTION rfmseg.deploy(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._deploy(deployment);
	RAISE NOTICE 'deployment "%" is made: schemas %_raw, %_core and %', deployment, deployment, deployment, deployment
		USING HINT = format('Name your purchases with rfmseg.map_transactions(%1$L, ...), or fill %2$I.transactions; then CALL rfmseg.refresh(%1$L).',
			deployment, deployment || '_raw');
	PERFORM rfmseg._make_group_roles(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.deploy(text) IS
'Makes a deployment: schemas <name>_raw (landing), <name>_core (engine room) and <name> (published), which belong to the caller, who must be allowed to create schemas; and group roles <name>_viewer, _analyst, _steward, _marketer and _engineer, if the caller may create roles. Roles of these names that exist are used only if they are the deployment''s own and the caller alone administers them. Zone and currency are the session''s zone and USD: see configure. Errors: a name of more than 50 bytes, a schema that already exists.';

CREATE FUNCTION rfmseg._create_rulesets(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text;
BEGIN
	EXECUTE format('CREATE TABLE %1$s.rulesets (LIKE rfmseg.rulesets INCLUDING ALL)', home);
	EXECUTE format('CREATE TABLE %1$s.segments (LIKE rfmseg.segments INCLUDING ALL,'
		' FOREIGN KEY (ruleset) REFERENCES %1$s.rulesets ON DELETE CASCADE ON UPDATE CASCADE)', home);
	EXECUTE format('CREATE TABLE %1$s.rules (LIKE rfmseg.rules INCLUDING ALL,'
		' FOREIGN KEY (ruleset, segment_name) REFERENCES %1$s.segments ON DELETE CASCADE ON UPDATE CASCADE)', home);
	EXECUTE format('ALTER TABLE %1$s.rules ALTER rule_id ADD GENERATED BY DEFAULT AS IDENTITY (START 1001)', home);
	FOREACH relation IN ARRAY '{rulesets,segments,rules}'::text[] LOOP
		EXECUTE format('COMMENT ON TABLE %s.%I IS %L', home, relation,
			format('The deployment''s own %s: edit them, and check with rfmseg.lint_ruleset(<ruleset>, %L).', relation, deployment));
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._create_rulesets(text) IS 'Internal: makes the tables of a deployment''s own rulesets.';

CREATE FUNCTION rfmseg._copy_ruleset(deployment text, ruleset text)
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text;
	known boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s.rulesets WHERE ruleset = $1)', home) INTO known USING ruleset;
	IF known THEN
		RETURN true;
	END IF;
	FOREACH relation IN ARRAY '{rulesets,segments,rules}'::text[] LOOP
		EXECUTE format('INSERT INTO %s.%I SELECT * FROM rfmseg.%I WHERE ruleset = $1', home, relation, relation) USING ruleset;
	END LOOP;
	RETURN EXISTS (SELECT FROM rfmseg.rulesets s WHERE s.ruleset = _copy_ruleset.ruleset);
END
$body$;
COMMENT ON FUNCTION rfmseg._copy_ruleset(text, text) IS
'Internal: copies a shipped ruleset into a deployment that has none of that name; false where there is none to copy.';

CREATE FUNCTION rfmseg._deployed_relations(deployment text)
RETURNS TABLE (schema text, relation text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT deployment || '_raw', unnest('{customers,ground_truth,products,transactions}'::text[])
	UNION ALL
	SELECT deployment || '_core', unnest('{settings,rulesets,segments,rules,sources,mappings,
		expectations,expectation_results,quarantine,suppressions,
		access,row_filters,column_masks,tags,tag_masks,runs,current_run,current_segments,cut_points,run_segments,run_checks,run_clusters,
		model_runs,model_metrics,model_versions,model_promotions,champions,holdouts,holdout_results,run_migrations,segment_history,
		run_values,run_grid,run_demographics,run_cohorts,behavioral_actions,roi_assumptions,
		campaigns,campaign_members,campaign_arms,contactable_customers,contacts,audience_exports,audience_members,
		customers_clean,products,transactions,transaction_lines,scored_customers}'::text[])
	UNION ALL
	SELECT deployment, unnest('{customer_segments,customer_summary,rfm_analysis,segment_profiles,
		customer_distribution,revenue_distribution,performance_metrics,value_distribution,rfm_grid,demographics,cohort_retention,
		lifetime_value,roi_analysis,recommendations,campaign_results,segment_trend,segment_migration,segment_changes,
		cluster_profiles,cluster_elbow,lifetime_holdout,runs,data_quality}'::text[])
$body$;
COMMENT ON FUNCTION rfmseg._deployed_relations(text) IS
'Internal: what a deployment is made of; whatever else lies in its schemas is not its own.';

CREATE FUNCTION rfmseg._holds_rows(relation text, lock_mode text DEFAULT 'ACCESS EXCLUSIVE')
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	-- Waits for those who are just filling it.  A snapshot from before could not
	-- see their rows: then the file's size decides.
	EXECUTE format('LOCK TABLE %s IN %s MODE', relation, lock_mode);
	EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO found_one;
	RETURN found_one OR (current_setting('transaction_isolation') <> 'read committed' AND pg_relation_size(relation) > 0);
END
$body$;
COMMENT ON FUNCTION rfmseg._holds_rows(text, text) IS 'Internal: whether a table that is about to go, or to be filled, holds rows; locks it.';

CREATE FUNCTION rfmseg.undeploy(deployment text, with_data boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	group_roles name[];
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('SELECT array_agg(a.role_name) FROM %I.access a WHERE a.is_group', deployment || '_core') INTO group_roles;

	-- what people loaded into the landing tables is theirs
	IF NOT with_data THEN
		FOR item IN
			SELECT format('%I.%I', n.nspname, c.relname) AS relation
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = deployment || '_raw' AND c.relkind IN ('r', 'p')
			ORDER BY c.relname
		LOOP
			IF rfmseg._holds_rows(item.relation) THEN
				RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
					MESSAGE = format('landing table %s holds rows', item.relation),
					HINT = format('SELECT rfmseg.undeploy(%L, with_data => true) drops them too.', deployment);
			END IF;
		END LOOP;
	END IF;

	-- Nothing but the deployment's own relations may go.  Dropped in order of
	-- what depends on what, and without CASCADE, so that whatever depends on
	-- them from outside is named in an error, and whatever else lies in the
	-- schemas stays.
	FOR item IN
		SELECT k.kind, string_agg(format('%I.%I', n.nspname, c.relname), ', ') AS relations
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN rfmseg._deployed_relations(deployment) d ON d.schema = n.nspname AND d.relation = c.relname
		CROSS JOIN LATERAL (VALUES
			(1, 'VIEW', c.relkind = 'v'), (2, 'TABLE', c.relkind IN ('r', 'p'))) AS k (place, kind, holds)
		WHERE k.holds
		GROUP BY k.place, k.kind ORDER BY k.place
	LOOP
		EXECUTE format('DROP %s %s', item.kind, item.relations);
	END LOOP;
	FOR item IN SELECT unnest(ARRAY[deployment, deployment || '_core', deployment || '_raw']) AS schema LOOP
		EXECUTE format('DROP SCHEMA %I', item.schema);
	END LOOP;
	PERFORM rfmseg._drop_group_roles(deployment, group_roles);
	-- last, when nobody can schedule it any more
	PERFORM rfmseg._drop_schedule(deployment);
EXCEPTION WHEN dependent_objects_still_exist THEN
	DECLARE
		message text;
		detail text;
	BEGIN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
			MESSAGE = format('deployment "%s" cannot be removed: %s', deployment, message),
			DETAIL = detail,
			HINT = 'Drop or move what is not the deployment''s own first. Nothing was removed.';
	END;
END
$body$;
COMMENT ON FUNCTION rfmseg.undeploy(text, boolean) IS
'Removes a deployment with its settings, runs and segments, and those of its group roles that nothing else uses; a notice names the others. Rows in its landing tables are dropped only if with_data is true. The caller''s schedule in this database goes, too; a notice tells of other jobs that can be seen. Errors: objects of others that depend on it or lie in its schemas; then nothing is removed.';

CREATE FUNCTION rfmseg.upgrade_deployment(deployment text)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	found_layout int;
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('SELECT rfmseg_layout FROM %s.settings', home) INTO found_layout;
	IF found_layout > rfmseg._layout() THEN
		PERFORM rfmseg._require(deployment);	-- says why not
	END IF;

	PERFORM rfmseg._rebuild_sources(deployment);
	PERFORM rfmseg._create_run_views(deployment);
	PERFORM rfmseg._create_model_views(deployment);
	PERFORM rfmseg._create_holdout_views(deployment);
	PERFORM rfmseg._create_migration_view(deployment);
	PERFORM rfmseg._create_campaign_view(deployment);
	PERFORM rfmseg._create_insight_views(deployment);
	IF to_regclass(home || '.scored_customers') IS NOT NULL THEN
		PERFORM rfmseg._create_published_views(deployment);
	END IF;
	PERFORM rfmseg._apply_row_filters(deployment);
	PERFORM rfmseg._grant_all(deployment);
	EXECUTE format('UPDATE %s.settings SET rfmseg_layout = $1', home) USING rfmseg._layout();
	RETURN rfmseg._layout();
END
$body$;
COMMENT ON FUNCTION rfmseg.upgrade_deployment(text) IS
'Brings a deployment''s views to the form that this version of rfmseg makes, data and settings untouched; returns the number of that layout. refresh asks for it where it is needed.';
