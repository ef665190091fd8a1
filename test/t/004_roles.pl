
# Who may do what: ordinary roles own and run their deployments, others can
# neither read nor change them, and what others plant has no effect on them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $node = new_server('roles');
my $db = 'shopdb';

query(
	$node, 'postgres', undef, qq{
	CREATE ROLE alice LOGIN;
	CREATE ROLE mallory LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE "Odd ""Role\\" LOGIN;
	CREATE DATABASE $db;
	GRANT CREATE ON DATABASE $db TO alice, mallory, "Odd ""Role\\";});

#
# An ordinary role does everything by itself
#

query($node, $db, 'alice', 'CREATE EXTENSION rfmseg');
is( query(
		$node, $db, undef,
		q{SELECT pg_get_userbyid(extowner) FROM pg_extension WHERE extname = 'rfmseg'}
	),
	'alice',
	'an ordinary role creates the extension');

query($node, $db, 'alice', 'CREATE SCHEMA mine; CREATE SCHEMA spare');
make_orders($node, $db, 'alice', 'mine.orders');
query($node, $db, 'alice',
	"SELECT rfmseg.deploy('shop');" . map_orders('shop', 'mine.orders'));
query($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
my $published = published_state($node, $db, 'alice');
like($published, qr/^1\|150 /, 'it deploys, maps and refreshes');
is( query($node, $db, 'alice', 'SELECT * FROM rfmseg.deployments()'),
	'shop|alice', 'and finds its deployment');

# configure, recut, check_mapping, lint_ruleset, upgrade_deployment, undeploy
query($node, $db, 'alice', q{
	SELECT rfmseg.deploy('brief');
	SELECT rfmseg.map_customers('brief', 'mine.orders', customer_id => 'cust');
	SELECT rfmseg.map_products('brief', 'mine.orders', product_id => 'product');
	SELECT rfmseg.configure('brief', bins => 5, ruleset => 'eleven');
	SELECT rfmseg.recut('brief');
	SELECT rfmseg.check_mapping('brief');
	SELECT rfmseg.lint_ruleset('eleven', 'brief');
	SELECT rfmseg.upgrade_deployment('brief');
	SELECT rfmseg.undeploy('brief')});
is( query(
		$node, $db, undef,
		q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^brief'}),
	'0',
	'every function works for it, and undeploy leaves nothing');

# All that is made belongs to the one who made it
is( query(
		$node, $db, undef, q{
		SELECT string_agg(DISTINCT pg_get_userbyid(owner), ',') FROM (
			SELECT relowner AS owner FROM pg_class WHERE relnamespace IN ('shop'::regnamespace, 'shop_core'::regnamespace, 'shop_raw'::regnamespace)
			UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname ~ '^shop(_|$)'
			UNION ALL SELECT typowner FROM pg_type WHERE typnamespace IN ('shop'::regnamespace, 'shop_core'::regnamespace, 'shop_raw'::regnamespace)) AS o}),
	'alice', 'every object of the deployment is its own');

#
# Roles and databases of every kind
#

# A name that needs quotes is a name like any other
query($node, $db, 'Odd "Role\\', q{SELECT rfmseg.deploy('odd')});
my ($state, $said) =
  error_of($node, $db, 'Odd "Role\\', q{SELECT rfmseg.recut('odd')});
is($state, '', 'a role whose name needs quotes uses its deployment')
  or diag($said);
fails_with(
	$node, $db, undef, q{SELECT rfmseg.recut('odd')}, '42501',
	qr/HINT:.*SET ROLE "Odd ""Role\\"/,
	'and the hint quotes its name');

# Many a database takes TEMPORARY from PUBLIC. That is no business of readers':
# they neither see old rows beside new ones nor hold the refresh up.
query($node, $db, undef, "REVOKE TEMPORARY ON DATABASE $db FROM PUBLIC");
query($node, $db, 'alice', q{SELECT rfmseg.deploy('notemp');}
	  . map_orders('notemp', 'mine.orders') . q{CALL rfmseg.refresh('notemp')});
{
	my $reader = RfmsegTest::Session->new($node, $db, 'alice');
	$reader->ask('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM mine.orders;');
	($state, $said) = error_of($node, $db, 'alice',
		q{INSERT INTO mine.orders (line, invoice, cust, bought_at, pieces, price) VALUES (0, 0, 0, '2023-06-01', 1, 1);
		CALL rfmseg.refresh('notemp')});
	is($state, '', 'a role that may not make temporary tables refreshes')
	  or diag($said);
	is( $reader->ask('SELECT (SELECT count(*) FROM notemp.customer_segments), (SELECT sum(customer_count) FROM notemp.segment_profiles);'),
		'150|150', 'and an older snapshot keeps its rows, in all views');

	$reader->ask('COMMIT; BEGIN; SELECT count(*) FROM notemp.segment_profiles;');
	($state, $said) = error_of($node, $db, 'alice',
		q{SET lock_timeout = '1s'; CALL rfmseg.refresh('notemp')});
	is($state, '', 'it does so too while others read') or diag($said);
	$reader->quit;
	query($node, $db, 'alice', 'DELETE FROM mine.orders WHERE line = 0');
}
query($node, $db, undef, "GRANT TEMPORARY ON DATABASE $db TO PUBLIC");
query($node, $db, 'alice', q{SELECT rfmseg.undeploy('notemp')});

#
# Another role has no access
#

is(query($node, $db, 'mallory', 'SELECT count(*) FROM rfmseg.deployments()'),
	'0', 'another role does not see the deployment listed');

# PUBLIC has nothing: neither on schemas, nor on relations, columns, types
is( query(
		$node, $db, undef, q{
		WITH schemas AS (
			SELECT oid, nspacl, nspname FROM pg_namespace WHERE nspname IN ('shop', 'shop_core', 'shop_raw')
		), grants AS (
			SELECT nspname AS object, nspacl AS acl FROM schemas
			UNION ALL SELECT relname, relacl FROM pg_class WHERE relnamespace IN (SELECT oid FROM schemas)
			UNION ALL SELECT c.relname || '.' || a.attname, a.attacl
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace IN (SELECT oid FROM schemas)
			UNION ALL SELECT proname, coalesce(proacl, acldefault('f', proowner))
			FROM pg_proc WHERE pronamespace IN (SELECT oid FROM schemas)
		)
		SELECT string_agg(object || ': ' || g.privilege_type, ', ')
		FROM grants, aclexplode(acl) AS g
		WHERE g.grantee = 0 OR g.grantee = 'mallory'::regrole}),
	'', 'no grant to PUBLIC on any object of the deployment');

# Every relation of the three schemas, each by itself
my @relations = split /\n/,
  query(
	$node, $db, undef, q{
	SELECT format('%I.%I', n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('shop', 'shop_core', 'shop_raw') AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1});
cmp_ok(scalar @relations, '>', 25, 'there are relations to try');
my @open = grep {
	(error_of($node, $db, 'mallory', "SELECT count(*) FROM $_"))[0] ne '42501'
} @relations;
is("@open", '', 'another role can read none of them');
@open = grep {
	(error_of($node, $db, 'mallory', "DELETE FROM $_"))[0] ne '42501'
	  && (error_of($node, $db, 'mallory', "DROP TABLE $_"))[0] ne '42501'
} @relations;
is("@open", '', 'nor change any of them');

# Every function that takes a deployment, with other arguments that would be
# right for their owner. Public ones refuse; internal ones too, unless they do
# nothing but compute.
my %argument = (
	'source' => q{'mine.orders'},
	'ruleset' => q{'standard'},
	'dataset' => q{'transactions'},
	'customer_id' => q{'cust'},
	'product_id' => q{'product'},
	'event_at' => q{'bought_at'},
	'amount' => q{'price'},
	'bins' => '4',
	'zone' => q{'UTC'},
	'run' => '1',
	'r' => '1',
	'f' => '1',
	'm' => '1',
	'frequency' => '1',
	'step' => '1',
	'rows' => '1',
	'what' => q{'x'},
	'since' => 'now()',
	'code' => q{'22000'},
	'message' => q{'x'},
	'hint' => q{'x'},
	'as_of' => 'NULL',
	'layout' => 'true',
	'query' => q{'SELECT'},
	'journal' => q{'runs'},
	'given' => q{'{}'},
	'version' => '1',
	'features' => q{'{monetary}'},
	'seed' => '42',
	'dirty' => '0',
	'schedule' => q{'0 3 * * *'},
	'last_id' => '0',
	'first_free_id' => '1',
	'role' => q{'mallory'},
	'role_id' => q{'mallory'::regrole},
	'roles' => q{'{mallory}'},
	'level' => q{'viewer'},
	'wanted_level' => q{'viewer'},
	'levels' => q{'{viewer}'},
	'relation' => q{'shop.customer_summary'},
	'predicate' => q{'true'},
	'column_name' => q{'city'},
	'core_column' => q{'city'},
	'method' => q{'null'},
	'key' => q{'personal'},
	'value' => q{'location'},
	'type' => q{'text'},
	'name' => q{'x'},
	'action' => q{'warn'},
	'cause' => q{'22012'},
	'results' => q{'[{"dataset": "customers", "name": "x", "status": "failed", "predicate": "true"}]'},
	'totals' => q{'{}'},
	'with_data' => 'true');
my %harmless = map { $_ => 1 } qw(_deployed_relations _begin_step _end_step _job_name _crontab_line
  _role_mark _is_marked _why_no_group_roles _drop_group_roles _own_relations
  _level_grants _missing_for_sources _filtered_relations _mask_expression _relation_of _check_mask _owner_rights_views _neighbouring_segments _customer_relations
  _is_forgotten);
my @functions = split /\n/,
  query(
	$node, $db, undef, q{
	SELECT proname, prokind, array_to_string(proargnames[1:pronargs], ','), array_to_string(proargtypes::regtype[], ','),
		pronargs - pronargdefaults
	FROM pg_proc
	WHERE pronamespace = 'rfmseg'::regnamespace AND 'deployment' = ANY (proargnames[1:pronargs])
		AND proname NOT IN ('_deploy', 'deploy', 'demo') -- which make one
	ORDER BY proname});
my ($asked, @wrong) = (0);
query($node, $db, 'alice',
	'GRANT USAGE ON SCHEMA mine TO mallory; GRANT SELECT ON mine.orders TO mallory');
foreach my $function (@functions)
{
	my ($name, $kind, $names, $types, $required) = split /\|/, $function;
	my @names = split /,/, $names;
	my @types = split /,/, $types;
	my @arguments;
	for my $i (0 .. $#names)
	{
		if ($names[$i] eq 'deployment') { push @arguments, q{deployment => 'shop'} }
		elsif ($i >= $required) { next }
		else
		{
			push @arguments, "$names[$i] => " . ($argument{ $names[$i] } // "NULL::$types[$i]");
		}
	}
	my $call = ($kind eq 'p' ? 'CALL' : 'SELECT')
	  . " rfmseg.$name(" . join(', ', @arguments) . ')';
	my ($got, $message) = error_of($node, $db, 'mallory', $call);
	$asked++;
	push @wrong, "$call: $got $message"
	  if $got ne '42501' && !($got eq '' && $harmless{$name});
}
cmp_ok($asked, '>', 25, 'there are functions to try');
is(join("\n", @wrong),
	'', 'each function refuses another role\'s deployment: 42501');
is(published_state($node, $db, 'alice'), $published,
	'and nothing has changed');

# A member of the owning role may not either, before it says SET ROLE
query($node, $db, undef,
	'CREATE ROLE member LOGIN; GRANT alice TO member');
fails_with(
	$node, $db, 'member', q{CALL rfmseg.refresh('shop')},
	'42501', qr/belongs to role "alice".*HINT:.*SET ROLE alice/s,
	'a member of the owning role is told to say SET ROLE');

# Least of all a superuser: mapped expressions are code of the owner's
fails_with(
	$node, $db, undef, q{CALL rfmseg.refresh('shop')},
	'42501', qr/belongs to role "alice".*HINT:.*SET ROLE alice/s,
	'a superuser does not run the code of others');
fails_with(
	$node, $db, undef, q{SELECT * FROM rfmseg.check_mapping('shop')},
	'42501', qr/HINT:.*SET ROLE alice/,
	'nor does it by check_mapping');
query(
	$node, $db, undef, q{
	SET ROLE alice;
	CALL rfmseg.refresh('shop')});
is( query(
		$node, $db, undef,
		q{SELECT run_id, status, requested_by FROM shop.runs WHERE is_current}
	),
	'2|succeeded|postgres',
	'after SET ROLE it refreshes, and the run says who asked');

# A schema of the attacker's that looks like a deployment is the attacker's
query(
	$node, $db, 'mallory', q{
	CREATE SCHEMA fake_core;
	CREATE TABLE fake_core.settings (rfmseg_layout int DEFAULT 1)});
fails_with($node, $db, 'alice', q{CALL rfmseg.refresh('fake')},
	'42501', qr/belongs to role "mallory"/,
	'nobody is lured into a forged deployment');

#
# Readers
#

# The views over per-customer rows run as their reader
is( query(
		$node, $db, undef, q{
		SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
		WHERE relnamespace IN ('shop'::regnamespace, 'shop_core'::regnamespace, 'shop_raw'::regnamespace) AND relkind = 'v'
			AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)
			-- contacts are shown to marketers, who have no right to the landing table
			AND relname NOT IN ('contacts', 'contactable_customers')}),
	'', 'all other views are security_invoker');

my @views =
  map { "shop.$_" } qw(customer_segments customer_summary rfm_analysis performance_metrics);
query($node, $db, 'alice', 'GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader');
@open = grep {
	(error_of($node, $db, 'reader', "SELECT * FROM $_"))[0] ne '42501'
} @views;
is("@open", '', 'a grant on the views alone opens no per-customer rows');
query($node, $db, 'alice', q{
	GRANT USAGE ON SCHEMA shop_core TO reader;
	GRANT SELECT ON ALL TABLES IN SCHEMA shop_core TO reader});
is( query($node, $db, 'reader', 'SELECT count(*) FROM shop.customer_segments'),
	'150',
	'with one on what is beneath too, they can be read');
is( query(
		$node, $db, 'reader',
		join(';', map { "SELECT count(*) > 0 FROM $_" } @views)),
	join("\n", ('t') x @views),
	'all of them');

# The grants that docs/security.md tells are enough for what they are said to open
query($node, $db, undef, 'CREATE ROLE documented LOGIN');
query($node, $db, 'alice', q{SELECT rfmseg.deploy('granted');} . map_orders('granted', 'mine.orders') . q{
	CALL rfmseg.refresh('granted'); CALL rfmseg.train('granted', k => 3); CALL rfmseg.refresh('granted')});
my @blocks = grep { / TO reader;/ }
  slurp_file("$FindBin::RealBin/../../docs/security.md") =~ /^```\n(.*?)^```/gms;
cmp_ok(scalar @blocks, '>=', 5, 'there are such grants');
for my $block (@blocks)
{
	$block =~ s/ TO reader;/ TO documented;/g;
	$block =~ s/\bshop\b/granted/g;
	$block =~ s/\bshop_core\b/granted_core/g;
	# the last is a choice: the columns of one view alone
	my @opened = $block =~ /\b(granted\.\w+)/g;
	query($node, $db, 'alice', 'REVOKE SELECT ON granted_core.scored_customers FROM documented') unless @opened;
	query($node, $db, 'alice', $block);
	@opened = ('granted.customer_segments') unless @opened;
	my @closed = grep { (error_of($node, $db, 'documented', "SELECT * FROM $_"))[0] } @opened;
	is("@closed", '', "the documented grants open @opened");
}
is((error_of($node, $db, 'documented', 'SELECT * FROM granted.customer_summary'))[0],
	'42501', 'those of one view open no other');
query($node, $db, 'alice', q{SELECT rfmseg.undeploy('granted')});

# After the next refresh there is another partition; grants go on the parent
query($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
is( query($node, $db, 'reader', 'SELECT count(*) FROM shop.customer_segments'),
	'150',
	'grants outlive a refresh');
fails_with($node, $db, 'reader', 'DELETE FROM shop_core.scored_customers',
	'42501', qr/permission denied/, 'and readers only read');

#
# What others plant
#

my $expected = per_customer($node, $db, 'alice');

# A schema with functions, operators and types named as those that a refresh
# uses. Each records that it was called.
query(
	$node, $db, 'mallory', q{
	CREATE SCHEMA evil;
	GRANT USAGE ON SCHEMA evil TO PUBLIC;
	CREATE TABLE evil.victims (name text, what text);
	GRANT INSERT ON evil.victims TO PUBLIC;
	CREATE FUNCTION evil.spy(what pg_catalog.text) RETURNS boolean LANGUAGE plpgsql
		AS $$ BEGIN INSERT INTO evil.victims VALUES (current_user, what); RETURN true; END $$;
	CREATE FUNCTION evil.lower(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('lower'); RETURN 'x'; END $$;
	CREATE FUNCTION evil.format(pg_catalog.text, VARIADIC pg_catalog.text[]) RETURNS pg_catalog.text LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('format'); RETURN 'SELECT 1'; END $$;
	CREATE FUNCTION evil.format(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('format'); RETURN 'SELECT 1'; END $$;
	CREATE FUNCTION evil.set_config(pg_catalog.text, pg_catalog.text, boolean) RETURNS pg_catalog.text LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('set_config'); RETURN ''; END $$;
	CREATE FUNCTION evil.current_setting(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('current_setting'); RETURN ''; END $$;
	CREATE FUNCTION evil.quote_ident(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('quote_ident'); RETURN 'x'; END $$;
	CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('clock_timestamp'); RETURN 'epoch'; END $$;
	CREATE FUNCTION evil.round(numeric, int) RETURNS numeric LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('round'); RETURN 0; END $$;
	CREATE FUNCTION evil.text_equal(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('='); RETURN true; END $$;
	CREATE OPERATOR evil.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = evil.text_equal);
	CREATE FUNCTION evil.text_differs(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('<>'); RETURN false; END $$;
	CREATE OPERATOR evil.<> (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = evil.text_differs);
	CREATE FUNCTION evil.text_joined(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('||'); RETURN 'x'; END $$;
	CREATE OPERATOR evil.|| (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = evil.text_joined);
	CREATE FUNCTION evil.numeric_times(numeric, numeric) RETURNS numeric LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('*'); RETURN 0; END $$;
	CREATE OPERATOR evil.* (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = evil.numeric_times);
	CREATE FUNCTION evil.rfm(timestamptz, numeric, timestamptz, pg_catalog.text, pg_catalog.text) RETURNS rfmseg.rfm_metrics LANGUAGE plpgsql
		AS $$ BEGIN PERFORM evil.spy('rfm'); RETURN NULL; END $$;
	CREATE AGGREGATE evil.count(*) (SFUNC = pg_catalog.int8inc, STYPE = pg_catalog.int8, INITCOND = '1000');
	CREATE AGGREGATE evil.max(timestamptz) (SFUNC = pg_catalog.timestamptz_smaller, STYPE = timestamptz);
	CREATE TABLE evil.pg_class (oid oid);
	CREATE TABLE evil.pg_namespace (oid oid)});

# The victim's session uses them wherever names are not qualified. (PostgreSQL
# looks into pg_catalog first unless the path says otherwise.)
my $lured = q{SET search_path = evil, pg_catalog;};
is( query($node, $db, 'alice', $lured . q{SELECT lower('A'), 'a' = 'b', count(*)}),
	'x|t|1001', 'the trap works');
query($node, $db, undef, 'TRUNCATE evil.victims');

# A deployment's whole life in such a session
query(
	$node, $db, 'alice', $lured . q{
	SELECT rfmseg.deploy('lured');
	SELECT rfmseg.configure('lured', time_zone => 'UTC', high_order_value => 100, lookback => 'ALL');
	SELECT rfmseg.map_transactions('lured', 'mine.orders', customer_id => 'cust', event_at => 'bought_at',
		amount => 'pieces * price', order_id => 'invoice', product_id => 'product', category => 'category',
		quantity => 'pieces', discount_amount => 'discount', filter => $$lower(category) <> '' AND 'a' = 'a'$$);
	SELECT count(*) FROM rfmseg.check_mapping('lured');
	SELECT count(*) FROM rfmseg.lint_ruleset('standard', 'lured');
	SELECT count(*) FROM rfmseg.deployments();
	SELECT rfmseg.segment(1, 1, 1, 1, 'standard', 'lured');
	SELECT rfmseg.recut('lured');
	CALL rfmseg.refresh('lured');
	SELECT rfmseg.upgrade_deployment('lured');
	CALL rfmseg.refresh('lured')});
is( query($node, $db, undef, 'SELECT string_agg(DISTINCT name || $$: $$ || what, $$, $$) FROM evil.victims'),
	'', 'no planted function or operator is called');
is(per_customer($node, $db, 'alice', 'lured'),
	$expected, 'and the segments are the same');
is( query(
		$node, $db, 'alice',
		q{SELECT (SELECT string_agg((to_jsonb(p) - 'refreshed_at')::text, '' ORDER BY segment_order) FROM shop.segment_profiles p) =
			(SELECT string_agg((to_jsonb(p) - 'refreshed_at')::text, '' ORDER BY segment_order) FROM lured.segment_profiles p)}),
	't', 'and so are their profiles');
query($node, $db, 'alice', $lured . q{SELECT rfmseg.undeploy('lured')});

# A type is looked up by its name too, when a procedure is compiled
query($node, $db, 'mallory',
	q{CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.spy('the type text'));
	CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (evil.spy('the type timestamptz'));
	TRUNCATE evil.victims});
query(
	$node, $db, 'alice', $lured . q{
	CALL rfmseg.refresh('shop')});
is( query($node, $db, undef, 'SELECT string_agg(DISTINCT name || $$: $$ || what, $$, $$) FROM evil.victims'),
	'', 'no planted type is used');
is(per_customer($node, $db, 'alice'),
	$expected, 'and the segments are still the same');

# With such a path the session keeps it
is( query(
		$node, $db, 'alice',
		$lured . q{CALL rfmseg.refresh('shop'); SHOW search_path}),
	'evil, pg_catalog',
	'the caller\'s search_path stays');

# What readers see does not depend on their search_path either
is( query(
		$node, $db, 'alice',
		q{SET search_path = evil, pg_catalog; SELECT pg_catalog.count(*), pg_catalog.min(rfm_code) ~ '^[1-4]-[1-4]-[1-4]$' FROM shop.customer_segments}
	),
	'150|t',
	'the published views do not look into it');

#
# Expressions are expressions, whatever they contain
#

query($node, $db, 'alice',
	q{CREATE TABLE mine.x (id int); CREATE TABLE mine.secret (id int); INSERT INTO mine.secret VALUES (1), (2), (3);
	SELECT rfmseg.deploy('try');});
sub map_amount
{
	my ($expression) = @_;
	return
	  "SELECT rfmseg.map_transactions('try', 'mine.orders', customer_id => 'cust', event_at => 'bought_at', amount => \$x\$$expression\$x\$)";
}
foreach my $expression (
	'1) ; DROP TABLE mine.x --',
	'1); DROP TABLE mine.x; SELECT (1',
	'1, 2',
	'1), (2',
	'1) + (2',
	'(SELECT 1) FROM mine.secret',
	'1) FROM mine.secret --',
	'1) FROM mine.secret WHERE (true',
	'1) INTO mine.y FROM (SELECT 1',
	'1) UNION ALL SELECT (1',
	'1) AS total_amount, (1',
	'1) LIMIT (1',
	'1) ORDER BY (1',
	'1) GROUP BY (1',
	'1 /*',
	q{'},
	'$1',
	'*',
	'source.*',
	'',
	')',
	'no_such_column',
	'count(*)')
{
	my ($got, $message) = error_of($node, $db, 'alice', map_amount($expression));
	like($got, qr/^(42|22|0A)/, "refused: $expression") or diag($message);
}
is( query(
		$node, $db, 'alice',
		q{SELECT to_regclass('mine.x'), to_regclass('mine.y'), (SELECT count(*) FROM shop_core.sources), (SELECT count(*) FROM try_core.sources)}
	),
	'mine.x||1|0',
	'and none of them has done or left anything');

# These are single expressions, and do no more than they say
my %harmless_expression = (
	'1 --' => 2000,
	'1 /* ; DROP TABLE mine.x */' => 2000,
	"1 -- ; DROP TABLE mine.x\n" => 2000,
	'CASE WHEN true THEN 1 END' => 2000,
	q{length(';DROP TABLE mine.x --')} => 42000,
	'(SELECT count(*) FROM mine.secret)' => 6000);
my $total =
  q{SELECT value::numeric FROM rfmseg.check_mapping('try') WHERE check_name = 'total'};
foreach my $expression (sort keys %harmless_expression)
{
	my ($got, $message) = error_of($node, $db, 'alice', map_amount($expression));
	is(query($node, $db, 'alice', $total),
		$harmless_expression{$expression}, "harmless: $expression")
	  or diag($message);
}

# Where something is done with an expression, it is done with all of it
query($node, $db, 'alice',
	q{SELECT rfmseg.map_transactions('try', 'mine.orders', customer_id => 'cust', event_at => 'bought_at',
		amount => '1 + 2', currency => $$'EUR'$$, fx_rate => '2 + 3', filter => 'false OR true')});
is(query($node, $db, 'alice', $total), '30000', 'a sum times a sum');

# All other texts are quoted
foreach my $hostile (q{x'); DROP TABLE mine.x; --}, q{x"; DROP TABLE mine.x; --}, '\\', "\n")
{
	foreach my $argument (qw(ruleset time_zone returns cut_mode as_of_mode lookback))
	{
		my ($got) = error_of($node, $db, 'alice',
			"SELECT rfmseg.configure('try', $argument => \$x\$$hostile\$x\$)");
		like($got, qr/^(22|42704)/, "configure refuses $argument => $hostile");
	}
	my ($got, $message) = error_of(
		$node, $db, 'alice',
		"SELECT rfmseg.configure('try', currency => \$x\$x$hostile\$x\$);
		SELECT rfmseg.map_customers(\$x\$$hostile\$x\$, 'mine.x', 'id')");
	is($got, '42704', "no currency and no deployment is code: $hostile")
	  or diag($message);
}
is(query($node, $db, 'alice', q{SELECT to_regclass('mine.x')}),
	'mine.x', 'and the table is still there');
query($node, $db, 'alice', q{SELECT rfmseg.undeploy('try')});

#
# Names of deployments
#

my $fifty = 'n' x 50;
foreach my $name ('a"b', 'x;drop', q{it's}, 'With Space', 'UPPER', 'select', 'new',
	'100%s', '$1', 'back\\slash', "\xC3\xA4\xE2\x82\xAC", $fifty, "\xC3\xA9" x 25)
{
	my $literal = $name =~ s/'/''/gr;
	my $schema = $name =~ s/"/""/gr;
	my ($got, $message) = error_of(
		$node, $db, 'alice',
		"SELECT rfmseg.deploy('$literal');"
		  . map_orders($literal, 'mine.orders') . qq{
		SELECT rfmseg.map_customers('$literal', 'mine.orders', customer_id => 'cust');
		SELECT rfmseg.configure('$literal', bins => 5, ruleset => 'eleven');
		SELECT rfmseg.recut('$literal');
		SELECT rfmseg.check_mapping('$literal');
		SELECT rfmseg.lint_ruleset('eleven', '$literal');
		CALL rfmseg.refresh('$literal');
		CALL rfmseg.refresh('$literal');
		SELECT rfmseg.upgrade_deployment('$literal');
		SELECT 1 / (count(*) / 150) FROM "$schema".customer_segments;
		SELECT 1 / count(*) FROM rfmseg.deployments() WHERE deployment = '$literal';
		SELECT rfmseg.undeploy('$literal')});
	is($got, '', "a deployment may be called $name") or diag($message);
}
is( query(
		$node, $db, undef,
		q{SELECT string_agg(nspname, ', ') FROM pg_namespace WHERE pg_get_userbyid(nspowner) = 'alice' AND nspname !~ '^(mine|spare|shop|rfmseg)'}
	),
	'',
	'and undeployed again');
foreach my $name ($fifty . 'n', "\xC3\xA9" x 25 . 'n', '')
{
	fails_with($node, $db, 'alice', "SELECT rfmseg.deploy('$name')",
		'42602', qr/cannot name a deployment/, "but not \"$name\"");
}
fails_with($node, $db, 'alice', 'SELECT rfmseg.deploy(NULL)',
	'22004', qr/must not be NULL/, 'nor NULL');
fails_with($node, $db, 'alice', q{SELECT rfmseg.deploy('pg_shop')},
	'42939', qr/pg_/, 'nor what is PostgreSQL\'s');
fails_with($node, $db, 'alice', q{SELECT rfmseg.deploy('spare')},
	'42P06', qr/schema spare\b/, 'nor as a schema that exists');
fails_with($node, $db, 'reader', q{SELECT rfmseg.deploy('fresh')},
	'42501', qr/permission denied/, 'nor by a role that may not create schemas');

#
# The extension itself
#

# What is wrong with the functions, if anything: none is SECURITY DEFINER; all
# with a body have a pinned search_path with pg_temp last, but for procedures,
# as a SET clause would keep them from committing
is( query(
		$node, $db, undef, q{
		SELECT string_agg(p.oid::regprocedure::text, ', ')
		FROM pg_proc p WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.prosecdef}),
	'', 'no function is SECURITY DEFINER');
is( query(
		$node, $db, undef, q{
		SELECT string_agg(p.oid::regprocedure::text, ', ')
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace = 'rfmseg'::regnamespace AND l.lanname IN ('sql', 'plpgsql') AND p.prokind = 'f'
			AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)}),
	'', 'every function with a body has a pinned search_path');
is( query(
		$node, $db, undef, q{
		SELECT string_agg(p.proname, ', ' ORDER BY p.proname)
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.prokind = 'p' AND l.lanname IN ('sql', 'plpgsql')
			AND p.prosrc !~ 'BEGIN\s+SET LOCAL search_path = pg_catalog, pg_temp;'}),
	'', 'every procedure begins by setting it');
is( query(
		$node, $db, undef, q{
		SELECT string_agg(c.relname || ': ' || a.privilege_type, ', ')
		FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
		WHERE c.relnamespace = 'rfmseg'::regnamespace AND a.grantee = 0 AND a.privilege_type <> 'SELECT'}),
	'', 'PUBLIC can only read the extension\'s tables');
fails_with($node, $db, 'mallory', q{CREATE FUNCTION rfmseg.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'},
	'42501', qr/permission denied/, 'nobody plants functions in the extension\'s schema');
fails_with($node, $db, 'mallory', q{DELETE FROM rfmseg.rules},
	'42501', qr/permission denied/, 'nor changes the shipped rules');
fails_with($node, $db, 'alice', q{DELETE FROM rfmseg.rules},
	'42501', qr/permission denied/, 'nor does the one who created the extension');

# Dropping public does not take it along
query($node, $db, undef, 'DROP SCHEMA public CASCADE');
is( query(
		$node, $db, 'alice',
		q{CALL rfmseg.refresh('shop'); SELECT count(*) FROM pg_extension WHERE extname = 'rfmseg'}
	),
	'1',
	'the extension does not need the schema public');

# A second database has its own extension and deployments, of the same names
query($node, 'postgres', undef,
	'CREATE DATABASE second; GRANT CREATE ON DATABASE second TO mallory');
query($node, 'second', undef, 'GRANT CREATE ON SCHEMA public TO mallory');
query($node, 'second', 'mallory', 'CREATE EXTENSION rfmseg');
make_orders($node, 'second', 'mallory');
query($node, 'second', 'mallory',
		"SELECT rfmseg.deploy('shop');"
	  . map_orders('shop', 'orders')
	  . q{CALL rfmseg.refresh('shop')});
is(query($node, 'second', 'mallory', 'SELECT * FROM rfmseg.deployments()'),
	'shop|mallory', 'another database has a deployment of its own');
is(per_customer($node, 'second', 'mallory'),
	$expected, 'the same purchases give the same rows there');
is(query($node, $db, 'alice', 'SELECT * FROM rfmseg.deployments()'),
	'shop|alice', 'and the first one its own');
query($node, 'second', 'mallory', q{
	SELECT rfmseg.undeploy('shop');
	DROP EXTENSION rfmseg;
	CREATE EXTENSION rfmseg});
is( query($node, 'second', 'mallory', 'SELECT count(*) FROM rfmseg.rulesets'),
	'3', 'the extension can be dropped and created again');

# What users have is theirs, whatever becomes of the extension
query($node, $db, 'alice', q{
	UPDATE shop_core.segments SET meaning = 'Edited.' WHERE segment_name = 'Churned'});
my $tables = q{
	SELECT (SELECT md5(string_agg(s::text, '')) FROM shop_core.settings s),
		(SELECT md5(string_agg(u::text, '' ORDER BY rule_id)) FROM shop_core.rules u),
		(SELECT count(*) FROM shop_core.segments WHERE meaning = 'Edited.'),
		(SELECT md5(string_agg(r::text, '' ORDER BY run_id)) FROM shop_core.runs r),
		(SELECT md5(string_agg(c::text, '' ORDER BY customer_id)) FROM shop_core.scored_customers c),
		(SELECT md5(string_agg(p::text, '' ORDER BY segment_name)) FROM shop.segment_profiles p),
		(SELECT count(*) FROM mine.orders)};
my $before = query($node, $db, 'alice', $tables);
query($node, $db, 'alice', 'DROP EXTENSION rfmseg CASCADE');
is(query($node, $db, 'alice', $tables),
	$before, 'DROP EXTENSION leaves settings, rules, runs and segments');
query(
	$node, $db, 'alice', q{
	CREATE EXTENSION rfmseg;
	SELECT rfmseg.upgrade_deployment('shop');
	CALL rfmseg.refresh('shop')});
is(per_customer($node, $db, 'alice'),
	$expected, 'and when it is back, the deployment goes on');
like(published_state($node, $db, 'alice'),
	qr/^\d+\|150 /, 'with all its views');

done_testing();
