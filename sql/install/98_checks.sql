-------------------------------------------------------------------------------
-- Governance checked: what is not as it should be, and where columns come from
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._excess_grants(deployment text)
RETURNS TABLE (role text, object text, privilege text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH granted AS (
			SELECT h.role_name, h.relation, c.name AS column_name, p.privilege
			FROM rfmseg.grants($1) h, unnest(h.privileges) AS p (privilege), unnest(coalesce(h.columns, ARRAY[NULL])) AS c (name)
			WHERE h.via IS NULL AND h.role_name <> 'PUBLIC'
		), wanted AS (
			SELECT a.role_name, format('%%I.%%I', o.schema, o.relation) AS relation, c.name AS column_name, p.privilege
			FROM %I.access a, LATERAL (SELECT unnest(rfmseg._levels_within(a.level)) AS level) w, LATERAL rfmseg._level_grants($1, w.level) g
				JOIN rfmseg._own_relations($1) o ON o.oid = g.relation,
				unnest(string_to_array(g.privileges, ', ')) AS p (privilege), unnest(coalesce(string_to_array(g.columns, ', '), ARRAY[NULL])) AS c (name)
		)
		SELECT g.role_name::text, g.relation || coalesce('.' || quote_ident(g.column_name), ''), g.privilege
		FROM granted g
		WHERE NOT EXISTS (SELECT FROM wanted w
				WHERE w.role_name = g.role_name AND w.relation = g.relation AND w.privilege = g.privilege
					AND (w.column_name IS NULL OR w.column_name = quote_ident(g.column_name)))
			AND NOT (g.relation ~ '^schema ' AND g.privilege = 'USAGE' AND EXISTS (SELECT FROM wanted w WHERE w.role_name = g.role_name))$query$,
		deployment || '_core') USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg._excess_grants(text) IS 'Internal: grants on a deployment''s relations that no level explains.';

CREATE FUNCTION rfmseg._owner_rights_views(deployment text)
RETURNS TABLE (view regclass, reads text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- upwards from the tables with row security, whoever's the views are
	WITH RECURSIVE above AS (
		SELECT o.oid, o.oid::regclass::text AS base FROM rfmseg._own_relations(deployment) o JOIN pg_class c ON c.oid = o.oid AND c.relrowsecurity
		UNION
		SELECT r.ev_class, a.base
		FROM above a JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.oid AND d.classid = 'pg_rewrite'::regclass
		JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> a.oid
	)
	SELECT c.oid::regclass, string_agg(a.base, ', ' ORDER BY a.base)
	FROM above a JOIN pg_class c ON c.oid = a.oid
	WHERE c.relkind = 'm' OR (c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false)
		-- these show nobody to whom a row filter binds: see _create_contact_views
		AND c.oid NOT IN (SELECT o.oid FROM rfmseg._own_relations(deployment) o
			WHERE o.schema = deployment || '_core' AND o.relation IN ('contactable_customers', 'contacts')))
	GROUP BY c.oid
$body$;
COMMENT ON FUNCTION rfmseg._owner_rights_views(text) IS
'Internal: views, and materialized ones, that show rows under row security with other rights than their reader''s.';

CREATE FUNCTION rfmseg._untagged(deployment text)
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RETURN QUERY EXECUTE format($query$
		SELECT format('%%I.%%I.%%I', o.schema, o.relation, a.attname)
		FROM rfmseg._own_relations($1) o
		JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
		-- a published column has the tags of the one that it shows
		LEFT JOIN rfmseg._maskable() m ON o.schema = $1 AND m.relation = o.relation AND m.column_name = a.attname
		WHERE a.attname IN (SELECT p.column_name FROM rfmseg._personal_columns() p)
			AND NOT EXISTS (SELECT FROM %1$s.tags t
				WHERE t.key = 'personal' AND (t.relation, t.column_name) IN
					((format('%%I.%%I', o.schema, o.relation), a.attname::text), (%2$L, m.core_column)))$query$,
		quote_ident(deployment || '_core'), quote_ident(deployment || '_core') || '.scored_customers') USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg._untagged(text) IS 'Internal: columns named as personal ones that no tag says to be personal.';

CREATE FUNCTION rfmseg.verify_governance(deployment text)
RETURNS TABLE (problem text, object text, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	RETURN QUERY
		SELECT 'granted to PUBLIC', g.relation || coalesce(' (' || array_to_string(g.columns, ', ') || ')', ''), array_to_string(g.privileges, ', ')
		FROM rfmseg.grants(deployment) g WHERE g.role_name = 'PUBLIC' ORDER BY 2;
	RETURN QUERY
		SELECT 'granted beyond the levels', e.object, format('%s to %I', string_agg(e.privilege, ', ' ORDER BY e.privilege), e.role)
		FROM rfmseg._excess_grants(deployment) e GROUP BY e.object, e.role ORDER BY 2, 3;
	RETURN QUERY
		SELECT 'view shows rows past the row filters', v.view::text, format('It reads %s with other rights than its reader''s.', v.reads)
		FROM rfmseg._owner_rights_views(deployment) v ORDER BY 2;
	RETURN QUERY EXECUTE format($query$
		SELECT 'row filter is not in force', format('%%I on %%s', f.role_name, t.relation),
			CASE WHEN r.oid IS NULL THEN 'There is no such role.' WHEN NOT t.secured THEN 'Row security is off.' ELSE 'The policy is missing.' END
		FROM %I.row_filters f CROSS JOIN rfmseg._filtered_relations($1) t LEFT JOIN pg_roles r ON r.rolname = f.role_name
		WHERE r.oid IS NULL OR NOT t.secured OR NOT EXISTS (SELECT FROM pg_policy p
			WHERE p.polrelid = t.relation AND p.polname = f.role_name AND NOT p.polpermissive AND p.polroles = ARRAY[r.oid])
		ORDER BY 2$query$, deployment || '_core') USING deployment;
	RETURN QUERY EXECUTE format($query$
		SELECT 'level of a role that has no rights', a.role_name::text, a.level
		FROM %I.access a LEFT JOIN pg_roles r ON r.rolname = a.role_name
		WHERE NOT EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) acl WHERE n.nspname = $1 AND (acl.grantee = r.oid OR n.nspowner = r.oid))
		ORDER BY 2, 3$query$, deployment || '_core') USING deployment;
	RETURN QUERY
		SELECT 'personal data is not tagged', u.name, 'SELECT rfmseg.tag(...) with key personal says what it is.'::text
		FROM rfmseg._untagged(deployment) AS u (name) ORDER BY 2;
	RETURN QUERY
		SELECT CASE WHEN p.prosecdef THEN 'function runs with its owner''s rights' ELSE 'function finds names by its caller''s search_path' END,
			p.oid::regprocedure::text, NULL
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace = 'rfmseg'::regnamespace AND (p.prosecdef OR (l.lanname IN ('sql', 'plpgsql')
			AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
			-- one that commits cannot have it pinned, and sets it first
			AND NOT (p.prokind = 'p' AND p.prosrc ~ $re$BEGIN\s+SET LOCAL search_path = pg_catalog, pg_temp;$re$)))
		ORDER BY 1, 2;
END
$body$;
COMMENT ON FUNCTION rfmseg.verify_governance(text) IS
'What is not as the governance of a deployment would have it; no row means all is. Grants to PUBLIC; grants that no level explains, such as those made by hand; views of anybody''s that show rows past the row filters, because they run with their owner''s rights or are materialized; row filters that are not in force; levels of roles that have no rights; columns named as personal ones without a tag personal; functions of rfmseg that run with their owner''s rights or an unpinned search_path. Errors: not the owner.';

-- What the per-customer table is made of is written in the refresh, and not in
-- the catalogue.
CREATE FUNCTION rfmseg._core_lineage()
RETURNS TABLE (core_column text, dataset text, landing_column text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT c.name, l.dataset, l.landing_column
	FROM (VALUES
		('{customer_id}'::text[], 'transactions', '{customer_id}'::text[]),
		('{age_bracket}', 'customers', '{age}'),
		('{income_bracket}', 'customers', '{income_bracket}'), ('{gender}', 'customers', '{gender}'),
		('{city}', 'customers', '{city}'), ('{state}', 'customers', '{state}'),
		('{signup_date}', 'customers', '{signup_date}'), ('{preferred_channel}', 'customers', '{preferred_channel}'),
		-- a purchase is an order of lines that are not all refunded
		('{first_purchase_at,last_purchase_at,last_purchase_date,recency_days,frequency,lifetime_frequency,avg_monthly_frequency,
			frequency_repeat,recency_btyd,t_age,median_gap_days,weekend_shopping_rate,monetary,lifetime_monetary,monetary_value,avg_order_value,
			discount_usage_rate,avg_discount_amount,total_items_purchased,unique_products_purchased,unique_categories_purchased,
			top_category,top_category_share,category_shares,r_score,f_score,m_score,segment_name,previous_segment,segment_since,behavioral_segment,cluster_id,cluster_name,
			p_alive,expected_purchases_12m,expected_average_value,clv_12m}',
			'transactions', '{transaction_date,order_id,total_amount,is_return}'),
		('{discount_usage_rate,avg_discount_amount,behavioral_segment}', 'transactions', '{discount_amount}'),
		('{total_items_purchased}', 'transactions', '{quantity}'),
		('{unique_products_purchased}', 'transactions', '{product_id}'),
		('{unique_categories_purchased,top_category,top_category_share,category_shares,behavioral_segment}', 'transactions', '{product_id,category}'),
		('{unique_categories_purchased,top_category,top_category_share,category_shares,behavioral_segment}', 'products', '{product_id,category}')
	) AS s (core_columns, dataset, landing_columns),
	unnest(s.core_columns) AS c (name), LATERAL (SELECT s.dataset, unnest(s.landing_columns) AS landing_column) AS l
	GROUP BY 1, 2, 3
$body$;
COMMENT ON FUNCTION rfmseg._core_lineage() IS 'Internal: the landing columns that each column of the per-customer table is computed from.';

CREATE FUNCTION rfmseg._view_items(query text)
RETURNS TABLE (column_name text, core_column text)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	depth int := 0;
	item text := '';
	letter text;
BEGIN
	-- the expressions between SELECT and FROM, and what they use of c
	FOREACH letter IN ARRAY string_to_array(substring(query FROM $re$^\s*SELECT (.*?)\n\tFROM $re$) || ',', NULL) LOOP
		depth := depth + CASE letter WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END;
		IF letter <> ',' OR depth > 0 THEN
			item := item || letter;
			CONTINUE;
		END IF;
		RETURN QUERY
			SELECT DISTINCT coalesce(substring(item FROM $re$\mAS (\w+)\s*$$re$), substring(item FROM $re$\.(\w+)\s*$$re$)), m[1]
			FROM regexp_matches(item, $re$\mc\.(\w+)$re$, 'g') AS m;
		item := '';
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._view_items(text) IS
'Internal: for each column of a published view of customers, the columns of the per-customer table that it is computed from.';

CREATE FUNCTION rfmseg.lineage(deployment text)
RETURNS TABLE (relation text, column_name text, mask text, core_relation text, core_column text, landing_relation text, landing_column text, source text, expression text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	RETURN QUERY EXECUTE format($query$
		WITH shown AS (
			SELECT o.oid, o.relation, a.attname::text AS column_name, a.attnum
			FROM rfmseg._own_relations($1) o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE o.schema = $1
		), behind AS (
			SELECT s.oid, b.relation AS core, b.column_name::text AS column_name
			FROM (SELECT DISTINCT oid FROM shown) s, LATERAL rfmseg._columns_behind(ARRAY[s.oid]) b
			JOIN rfmseg._own_relations($1) o ON o.oid = b.relation AND o.schema = $1 || '_core'
		), core AS (
			-- of customers' views column by column; of others by the name, or else the tables that the view reads
			SELECT s.oid, s.column_name, 'scored_customers' AS core_relation, i.core_column
			FROM shown s JOIN rfmseg._customer_views() v ON v.relation = s.relation, LATERAL rfmseg._view_items(v.query) i
			WHERE i.column_name = s.column_name
		UNION ALL
			SELECT s.oid, s.column_name, c.relname, b.column_name
			FROM shown s LEFT JOIN behind b ON b.oid = s.oid AND b.column_name = s.column_name LEFT JOIN pg_class c ON c.oid = b.core
			WHERE NOT EXISTS (SELECT FROM rfmseg._customer_views() v, LATERAL rfmseg._view_items(v.query) i
					WHERE v.relation = s.relation AND i.column_name = s.column_name)
				AND (b.core IS NOT NULL OR NOT EXISTS (SELECT FROM behind n WHERE n.oid = s.oid AND n.column_name <> 'run_id'))
		UNION ALL
			SELECT DISTINCT s.oid, s.column_name, c.relname, NULL
			FROM shown s JOIN behind b ON b.oid = s.oid JOIN pg_class c ON c.oid = b.core
			WHERE NOT EXISTS (SELECT FROM behind n WHERE n.oid = s.oid AND n.column_name = s.column_name)
				AND NOT EXISTS (SELECT FROM rfmseg._customer_views() v, LATERAL rfmseg._view_items(v.query) i
					WHERE v.relation = s.relation AND i.column_name = s.column_name)
		)
		SELECT s.relation, s.column_name, k.method, c.core_relation::text, c.core_column,
			CASE WHEN l.dataset IS NOT NULL THEN format('%%I.%%I', $1 || '_raw', l.dataset) END, l.landing_column,
			o.source::text, m.expression
		FROM shown s JOIN core c USING (oid, column_name)
		LEFT JOIN rfmseg._masks($1) k ON k.relation = s.relation AND k.column_name = s.column_name
		LEFT JOIN rfmseg._core_lineage() l ON c.core_relation = 'scored_customers' AND l.core_column = c.core_column
		LEFT JOIN %1$s.mappings m ON m.dataset = l.dataset AND m.argument = l.landing_column
		LEFT JOIN %1$s.sources o ON o.dataset = l.dataset
		ORDER BY s.relation, s.attnum, c.core_relation, c.core_column, l.dataset, l.landing_column$query$, quote_ident(deployment || '_core'))
	USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg.lineage(text) IS
'Where published columns come from: the column of a table in <name>_core, that of a landing table, and, where that is mapped, the source and the expression over it; mask is the method of the column''s mask. Of the views with one row a customer it is told column by column. Of other views the column of that name beneath is told, or, with core_column NULL, the tables that the view reads. Errors: not the owner.';
