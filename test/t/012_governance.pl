
# Who sees what: each tenant's analyst sees its own customers and nothing about
# others', a viewer no personal column, and roles that are somebody else's are
# left alone.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $node = new_server('governance');
my $db = 'shopdb';
my @tenants = qw(north south west);
my $secret = qr{Secret \d|Person \d|secret\.example};

query($node, 'postgres', undef, "$_;")
  foreach 'CREATE ROLE dana LOGIN CREATEROLE',
  (map { "CREATE ROLE $_ LOGIN" } @tenants, qw(plain vera stella erik ann)),
  'CREATE ROLE pool LOGIN NOINHERIT';
foreach my $database ($db, 'second')
{
	query($node, 'postgres', undef, "CREATE DATABASE $database");
	query($node, $database, undef, qq{
		GRANT CREATE ON DATABASE $database TO dana, plain;
		CREATE EXTENSION rfmseg;
		CREATE SCHEMA mine; GRANT ALL ON SCHEMA mine TO dana, plain});
}

# Thirty customers, ten of each tenant, with names that must not be seen
sub fill
{
	my ($database, $user, $deployment) = @_;
	query(
		$node, $database, $user, qq{
		INSERT INTO ${deployment}_raw.customers (customer_id, first_name, last_name, email, state, city)
			SELECT i, 'Secret ' || i, 'Person ' || i, i || '\@secret.example', ('{north,south,west}'::text[])[1 + i % 3], 'City ' || i % 4
			FROM generate_series(1, 30) i;
		INSERT INTO ${deployment}_raw.transactions (customer_id, order_id, transaction_date, total_amount, category)
			SELECT 1 + i % 30, i, timestamptz '2024-01-01 UTC' + i * 7919 % 300 * interval '1 day', 1 + i * i % 53, 'category ' || i % 3
			FROM generate_series(1, 200) i;
		CALL rfmseg.refresh('$deployment')});
	return;
}

# What a role can read of the deployment "shop": relation => rows, with the
# columns that it may read
sub readable
{
	my ($user) = @_;
	my @relations = split /\n/, query($node, $db, undef, qq{
		SELECT format('%I.%I', n.nspname, c.relname), string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE n.nspname IN ('shop', 'shop_core', 'shop_raw') AND c.relkind IN ('r', 'p', 'v', 'm')
			AND has_schema_privilege('$user', n.oid, 'USAGE') AND has_column_privilege('$user', c.oid, a.attnum, 'SELECT')
		GROUP BY 1 ORDER BY 1});
	my ($status, $out, $err) = $node->psql(
		$db,
		join('', map { /^(.*?)\|(.*)/ ? "SELECT $2 FROM $1;\n\\echo <<$1 :ERROR>>\n" : '' } @relations),
		on_error_stop => 0,
		extra_params => [ '-U', $user ]);
	my %rows;
	while ($out =~ /\G(.*?)<<(\S+) (true|false)>>\n?/gs)
	{
		$rows{$2} = $1 if $3 eq 'false';
	}
	return %rows;
}

# All that is published
sub published
{
	return split /\n/, query($node, $db, undef,
		q{SELECT format('%I.%I', schema, relation) FROM rfmseg._own_relations('shop') WHERE schema = 'shop'});
}

#
# A role that may create roles deploys: the group roles are its own
#

query($node, $db, 'dana', q{SELECT rfmseg.deploy('shop')});
is( query($node, $db, undef, q{SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname ~ '^shop_'}),
	'shop_analyst shop_engineer shop_marketer shop_steward shop_viewer',
	'group roles are made');
query($node, $db, 'dana', q{
	SELECT rfmseg.grant_access('shop', 'vera', 'viewer');
	SELECT rfmseg.grant_access('shop', 'stella', 'steward');
	SELECT rfmseg.grant_access('shop', 'erik', 'engineer');
	SELECT rfmseg.grant_access('shop', 'ann', 'analyst')});
query($node, $db, 'dana', qq{
	SELECT rfmseg.grant_access('shop', '$_', 'analyst');
	SELECT rfmseg.add_row_filter('shop', '$_', \$\$state = '$_'\$\$)}) foreach @tenants;
fill($db, 'dana', 'shop');
query($node, $db, 'dana', q{CALL rfmseg.train('shop', k => 3); CALL rfmseg.refresh('shop')});

#
# Viewer, analyst, steward, engineer
#

my %seen = readable('vera');
is(join(' ', grep { !exists $seen{$_} } published()), '', 'a viewer reads all that is published');
is(join(' ', grep { /^shop_raw\./ } sort keys %seen), '', 'and no landing table');
ok(join('', values %seen) !~ $secret, 'nor a name or an address anywhere');
is(join(' ', grep { /scored_customers_|settings|mappings|access|row_filters|transactions/ } sort keys %seen),
	'', 'nor a partition, the settings, or a line');
is(query($node, $db, 'vera', 'SELECT count(*) FROM shop.customer_segments'), '30', 'it sees all customers');

%seen = readable('ann');
ok(join('', values %seen) !~ $secret, 'an analyst reads no name or address either');
ok(exists $seen{$_}, "but $_")
  foreach map { "shop_core.$_" } qw(scored_customers transactions customers_clean model_versions runs);
is(join(' ', grep { /scored_customers_|settings|mappings|access|row_filters/ } sort keys %seen),
	'', 'and no partition nor settings');
fails_with($node, $db, 'ann', 'SELECT error_message FROM shop_core.runs',
	'42501', qr/permission denied/, 'nor error messages, which may quote the source');

%seen = readable('stella');
like($seen{'shop_raw.customers'}, qr/Secret 1\b.*secret\.example/, 'a steward reads the landing tables');
ok(!exists $seen{'shop_core.model_runs'}, 'and not what analysts work with');

%seen = readable('erik');
ok(exists $seen{$_}, "an engineer reads $_")
  foreach qw(shop_core.settings shop_core.mappings shop_core.row_filters shop_raw.transactions shop.runs);
query($node, $db, 'erik', q{BEGIN; DELETE FROM shop_raw.products; ROLLBACK});
fails_with($node, $db, 'erik', q{UPDATE shop_core.settings SET high_order_value = 0},
	'42501', qr/permission denied/, 'and does not write what the owner would run by');
my @writers;
foreach my $user (qw(vera ann stella))
{
	push @writers, map { "$user $_" }
	  grep { (error_of($node, $db, $user, "DELETE FROM $_"))[0] ne '42501' }
	  qw(shop_core.scored_customers shop_core.runs shop.runs shop_raw.customers shop_core.rules);
}
is("@writers", '', 'none of the others writes');

#
# Tenants
#

foreach my $tenant (@tenants)
{
	my $others = join '|', grep { $_ ne $tenant } @tenants;
	my %rows = readable($tenant);
	cmp_ok(scalar keys %rows, '>', 25, "$tenant: there are relations to read");
	is(join(' ', grep { $rows{$_} =~ /\b($others)\b/ } sort keys %rows),
		'', "$tenant: no row of others in any of them");
	foreach my $relation (qw(shop.customer_segments shop.customer_summary shop.rfm_analysis shop_core.scored_customers))
	{
		is(scalar(split /\n/, $rows{$relation}), 10, "$tenant: its own customers in $relation");
	}
	# all else that it sees says nothing of customers
	is(join(' ', grep { $rows{$_} ne '' } sort keys %rows),
		'shop.customer_segments shop.customer_summary shop.performance_metrics shop.rfm_analysis'
		  . ' shop_core.current_run shop_core.current_segments shop_core.rules shop_core.rulesets shop_core.scored_customers shop_core.segments',
		"$tenant: no totals over others, no lines");
	is(query($node, $db, $tenant, 'SELECT sum(customer_count) FROM shop.performance_metrics'),
		'10', "$tenant: metrics count its own");
	foreach my $role (qw(shop_analyst shop_viewer))
	{
		is( query($node, $db, $tenant, "SET ROLE $role; SELECT count(*) FROM shop.customer_segments; SELECT count(*) FROM shop.runs"),
			"0\n0", "$tenant: nothing as $role either");
	}
	# what a condition is told is not told on by errors or costs
	is( query($node, $db, $tenant, q{
			CREATE FUNCTION pg_temp.spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001
				AS $$ BEGIN RAISE WARNING '%', $1; RETURN true; END $$;
			SELECT count(*) FROM shop_core.scored_customers WHERE pg_temp.spy(state)}),
		'10', "$tenant: its own functions see no other row");
}
is( query($node, $db, 'ann', 'SELECT count(*) FROM shop.customer_segments; SELECT sum(customer_count) FROM shop.segment_profiles'),
	"30\n30", 'others see all customers, and totals');

# One login for all tenants becomes each of them, if it inherits from none
query($node, $db, undef, 'GRANT north, south TO pool');
is( query($node, $db, 'pool', join ';', map { "SET ROLE $_; SELECT DISTINCT state FROM shop.customer_summary" } qw(north south)),
	"north\nsouth", 'a login that does not inherit may become several tenants');

#
# Handed over
#

query($node, $db, 'dana', q{
	CREATE TABLE mine.orders AS SELECT 1 AS cust, timestamptz '2024-01-01' AS at, 5 AS amount;
	SELECT rfmseg.deploy('mapped');
	SELECT rfmseg.map_transactions('mapped', 'mine.orders', 'cust', 'at', 'amount')});
fails_with($node, $db, 'dana', q{SELECT rfmseg.hand_over('mapped')},
	'55000', qr/HINT:  Say first: GRANT USAGE ON SCHEMA mine TO mapped_engineer; GRANT SELECT ON mine.orders TO mapped_engineer\./,
	'engineers must be able to read the source');
query($node, $db, undef, 'GRANT USAGE ON SCHEMA mine TO mapped_engineer');
query($node, $db, 'dana', q{
	GRANT SELECT ON mine.orders TO mapped_engineer;
	SELECT rfmseg.hand_over('mapped');
	SET ROLE mapped_engineer;
	CALL rfmseg.refresh('mapped');
	SELECT rfmseg.configure('mapped', currency => 'EUR');
	CALL rfmseg.refresh('mapped');
	SELECT rfmseg.undeploy('mapped')});
query($node, $db, undef, q{
	DROP OWNED BY mapped_engineer;
	DROP ROLE mapped_engineer, mapped_analyst, mapped_steward, mapped_viewer});

query($node, $db, 'dana', q{SELECT rfmseg.hand_over('shop')});
is( query(
		$node, $db, undef, q{
		SELECT string_agg(DISTINCT pg_get_userbyid(owner), ',') FROM (
			SELECT relowner AS owner FROM pg_class WHERE relnamespace IN ('shop'::regnamespace, 'shop_core'::regnamespace, 'shop_raw'::regnamespace)
			UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname ~ '^shop(_|$)') AS o}),
	'shop_engineer', 'all objects belong to the engineers');
fails_with($node, $db, 'dana', q{CALL rfmseg.refresh('shop')},
	'42501', qr/SET ROLE shop_engineer/, 'who handed over is told to become one');
is( query(
		$node, $db, 'erik', q{
		SET ROLE shop_engineer;
		CALL rfmseg.refresh('shop');
		SELECT rfmseg.grant_access('shop', 'plain', 'viewer');
		SELECT rfmseg.revoke_access('shop', 'plain', 'viewer');
		SELECT count(*) FROM shop.customer_segments}),
	"\n\n30", 'an engineer runs the deployment, and gives access');
fails_with($node, $db, 'erik', q{SET ROLE shop_engineer; SELECT rfmseg.grant_access('shop', 'plain', 'engineer')},
	'42501', qr/does not administer role "shop_engineer"/, 'but makes no engineers');
is(query($node, $db, 'north', 'SELECT count(*) FROM shop.customer_segments'), '10', 'filters hold as before');
is(query($node, $db, 'vera', 'SELECT count(*) FROM shop.customer_segments'), '30', 'and grants');

#
# Another database with a deployment of that name
#

my ($state, $said) = error_of($node, 'second', 'plain',
	q{SET client_min_messages = notice; SELECT rfmseg.deploy('shop')});
like($said, qr/has no group roles: role "shop_viewer" exists, and role "plain" does not administer it/,
	'another caller does not use the roles');
is(query($node, 'second', 'plain', q{SELECT count(*) FROM shop_core.access}), '0', 'and grants them nothing');

($state, $said) = error_of($node, 'second', 'plain',
	q{SET client_min_messages = notice; SELECT rfmseg.deploy('own'); SELECT rfmseg.undeploy('own')});
like($said, qr/deployment "own" has no group roles: role "plain" may not create roles.*HINT:  rfmseg\.grant_access/s,
	'nor does one make any that may not create roles');

# levels go to roles directly there
query($node, 'second', 'plain', q{
	SELECT rfmseg.grant_access('shop', 'vera', 'viewer');
	SELECT rfmseg.grant_access('shop', 'ann', 'analyst');
	SELECT rfmseg.grant_access('shop', 'stella', 'steward');
	SELECT rfmseg.grant_access('shop', 'erik', 'engineer')});
fill('second', 'plain', 'shop');
is(query($node, 'second', 'vera', 'SELECT count(*) FROM shop.customer_segments'),
	'30', 'a role that was given a level reads what the first refresh made');
fails_with($node, 'second', 'vera', 'SELECT email FROM shop_raw.customers',
	'42501', qr/permission denied/, 'and no more than its level');
is( query($node, 'second', 'ann', 'SELECT count(*) FROM shop_core.transactions; SELECT count(*) FROM shop_core.champions'),
	"200\n0", 'an analyst too');
is(query($node, 'second', 'stella', 'SELECT count(last_name) FROM shop_raw.customers'), '30', 'and a steward');
is(query($node, 'second', 'erik', 'SELECT count(*) FROM shop_core.settings'), '1', 'and an engineer');
query($node, 'second', 'plain', q{
	SELECT rfmseg.grant_access('shop', 'ann', 'viewer');
	SELECT rfmseg.revoke_access('shop', 'ann', 'analyst')});
is((error_of($node, 'second', 'ann', 'SELECT count(*) FROM shop_core.transactions'))[0],
	'42501', 'a level that is revoked is gone');
is(query($node, 'second', 'ann', 'SELECT count(*) FROM shop.customer_segments'), '30', 'and the other one stays');
query($node, 'second', 'plain', q{SELECT rfmseg.revoke_access('shop', 'ann', 'viewer')});
is(query($node, 'second', 'plain', q{SELECT count(*) FROM rfmseg.grants('shop') WHERE role_name = 'ann'}),
	'0', 'until it is revoked too');
fails_with($node, 'second', 'plain', q{SELECT rfmseg.hand_over('shop')},
	'55000', qr/has no group roles/, 'there is nobody to hand over to');

# A role that is dropped, and one of its name made by somebody else, has no level
query($node, 'second', undef, 'DROP OWNED BY vera');
query($node, $db, undef, 'DROP OWNED BY vera; DROP ROLE vera; CREATE ROLE vera LOGIN');
query($node, 'second', 'plain', q{SELECT rfmseg.upgrade_deployment('shop')});
is((error_of($node, 'second', 'vera', 'SELECT count(*) FROM shop.customer_segments'))[0],
	'42501', 'a new role of an old name has no access');
query($node, 'second', 'plain', q{SELECT rfmseg.undeploy('shop', with_data => true)});

#
# Roles of such names that are somebody's
#

query($node, 'postgres', undef, 'CREATE ROLE taken_analyst');
($state, $said) = error_of($node, $db, 'dana', q{SET client_min_messages = notice; SELECT rfmseg.deploy('taken')});
like($said, qr/has no group roles: role "taken_analyst" exists, and is not its own/, 'a role that exists is not taken');
my $taken = q{SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname ~ '^taken_'};
is(query($node, $db, undef, $taken), 'taken_analyst', 'and no others are made beside it');
query($node, $db, 'dana', q{SELECT rfmseg.undeploy('taken')});
is(query($node, $db, undef, $taken), 'taken_analyst', 'nor dropped by undeploy');

# One that says it is the deployment's, but whose members another decides
query($node, 'postgres', undef, q{
	CREATE ROLE lure_viewer; COMMENT ON ROLE lure_viewer IS 'rfmseg: viewer of deployment lure';
	GRANT lure_viewer TO plain WITH ADMIN OPTION});
($state, $said) = error_of($node, $db, undef,
	q{SET client_min_messages = notice; SELECT rfmseg.deploy('lure'); SELECT rfmseg.undeploy('lure')});
like($said, qr/has no group roles: role "lure_viewer" exists, and others administer it too/,
	'not even a superuser uses a role that others administer');

# One's own are used again in another database, and dropped with the last use
query($node, $db, undef, q{SELECT rfmseg.deploy('twice')});
query($node, 'second', undef, q{SELECT rfmseg.deploy('twice'); SELECT rfmseg.grant_access('twice', 'ann', 'viewer')});
($state, $said) = error_of($node, $db, undef, q{SET client_min_messages = notice; SELECT rfmseg.undeploy('twice')});
like($said, qr/group roles of "twice" remain: twice_analyst, twice_marketer, twice_steward, twice_viewer, twice_engineer/,
	'undeploy leaves roles that another database uses');
is(query($node, 'second', 'ann', 'SELECT count(*) FROM twice.runs'), '0', 'where they go on working');
query($node, 'second', undef, q{SELECT rfmseg.undeploy('twice')});
is(query($node, $db, undef, q{SELECT count(*) FROM pg_roles WHERE rolname ~ '^twice_'}), '0', 'until the last is gone');

done_testing();
