
# Deployments are in a dump of their database with all that belongs to them,
# and go on in the database that the dump is restored into.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $old = new_server('old');
my $new = new_server('new');
my $folder = PostgreSQL::Test::Utils::tempdir();
my $make_roles = q{CREATE ROLE alice LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE tenant LOGIN};

#
# Two deployments of an ordinary role, with all that users can change
#

query($old, 'postgres', undef,
	"$make_roles; CREATE DATABASE shopdb; GRANT CREATE ON DATABASE shopdb TO alice");
query($old, 'shopdb', 'alice', 'CREATE EXTENSION rfmseg; CREATE SCHEMA "My ""Schema"');
my $table = '"My ""Schema"."we""ird Table"';
make_orders($old, 'shopdb', 'alice', $table);
make_hold($old, 'shopdb', 'alice', '"My ""Schema"');
query(
	$old, 'shopdb', 'alice', qq{
	SELECT rfmseg.deploy('shop');
	SELECT rfmseg.configure('shop', time_zone => 'Europe/London', currency => 'GBP', returns => 'drop',
		lookback => '14 months', high_order_value => 77.5);
	SELECT rfmseg.map_transactions('shop', '$table', customer_id => 'cust', event_at => 'bought_at',
		amount => 'pieces * price -- each', order_id => 'invoice', product_id => 'product', category => 'category',
		filter => '"My ""Schema".hold()');
	CREATE TABLE "My ""Schema"."People" AS SELECT DISTINCT cust AS "Who?", 20 + cust % 50 AS age FROM $table;
	SELECT rfmseg.map_customers('shop', '"My ""Schema"."People"', customer_id => 'Who?', age => 'age');
	UPDATE shop_core.segments SET segment_name = 'Best', segment_color = '#123456', meaning = 'Edited.'
		WHERE segment_name = 'Champions';
	UPDATE shop_core.rules SET priority = priority * 10;
	INSERT INTO shop_core.rules (ruleset, priority, segment_name, r_min, f_min) VALUES ('standard', 1, 'Best', 4, 3);
	COMMENT ON TABLE shop_core.rules IS 'Rules that we have edited';
	GRANT USAGE ON SCHEMA shop, shop_core TO reader;
	CALL rfmseg.refresh('shop', as_of => '2024-01-01');
	GRANT SELECT ON shop.customer_segments TO reader;
	GRANT SELECT ON ALL TABLES IN SCHEMA shop_core TO reader;
	INSERT INTO $table (line, invoice, cust, bought_at, pieces, price) VALUES (9000, 9000, 3, '2024-06-01', 1, 50);
	CALL rfmseg.refresh('shop');
	SELECT rfmseg.grant_access('shop', 'tenant', 'viewer');
	SELECT rfmseg.add_row_filter('shop', 'tenant', 'customer_id % 10 = 3 -- theirs');
	SELECT rfmseg.mask_column('shop', 'customer_summary', 'customer_id', 'bucket');
	CALL rfmseg.train('shop', k => 3);
	CALL rfmseg.train('shop', k => 4);

	SELECT rfmseg.deploy('Odd "One');
	INSERT INTO "Odd ""One_raw".transactions (customer_id, order_id, transaction_date, total_amount)
		SELECT cust, invoice, bought_at, price FROM $table;
	INSERT INTO "Odd ""One_core".rulesets (ruleset, bins, description) VALUES ('two', 2, 'Our own.');
	INSERT INTO "Odd ""One_core".segments VALUES
		('two', 'Here', 1, '#00ff00', 1, 'They are here.', 'Thank them.'),
		('two', 'Gone', 2, '#ff0000', 2, 'They are not.', 'Write to them.');
	INSERT INTO "Odd ""One_core".rules (ruleset, priority, segment_name, r_min, r_max) VALUES
		('two', 1, 'Here', 2, 2), ('two', 2, 'Gone', 1, 1);
	SELECT rfmseg.configure('Odd "One', bins => 2, ruleset => 'two', cut_mode => 'refresh');
	CALL rfmseg.refresh('Odd "One');
	CALL rfmseg.refresh('Odd "One');
	SELECT rfmseg.recut('shop');

	-- an expectation of their own, a row that breaks it, with a mend; somebody forgotten,
	-- whom both sources still have
	SELECT rfmseg.expect('Odd "One', 'transactions', 'no bargains', 'total_amount <> 10.99', 'drop', 'They pay for themselves.');
	INSERT INTO "Odd ""One_raw".transactions (transaction_id, customer_id, order_id, transaction_date, total_amount)
		VALUES (8001, 5, 8001, '2024-02-01', 10.99), (8002, 6, 8002, '2024-02-01', 10.99);
	CALL rfmseg.refresh('Odd "One');
	UPDATE "Odd ""One_core".quarantine SET mend = '{"total_amount": 11}' WHERE key = '8001';
	SELECT count(*) FROM rfmseg.forget('Odd "One', 6);
	SELECT count(*) FROM rfmseg.forget('shop', 5);
	INSERT INTO "Odd ""One_raw".transactions (transaction_id, customer_id, order_id, transaction_date, total_amount)
		VALUES (8003, 6, 8003, '2024-02-01', 5);
	CALL rfmseg.refresh('Odd "One');
	CALL rfmseg.refresh('shop')});
fails_with($old, 'shopdb', 'alice',
	q{CALL rfmseg.refresh('shop', as_of => 'infinity')},
	'22023', qr/infinite/, 'a failed run is in the dump too');
# within a block the superseded rows stay, and are in the dump
query($old, 'shopdb', 'alice',
	q{BEGIN; CALL rfmseg.refresh('shop'); COMMIT});

my @deployments = ('shop', 'Odd "One');

# What must be the same there, but for the dump itself
sub contents
{
	my ($node, $database) = @_;
	return join "\n", (
		map {
			per_customer($node, $database, 'alice', $_),
			  published_state($node, $database, 'alice', $_)
		} @deployments),
	  query($node, $database, 'alice', 'SELECT * FROM rfmseg.deployments()'),
	  query(
		$node, $database, undef, q{
		SELECT nspname, relname, relkind, pg_get_userbyid(relowner), relacl, obj_description(c.oid),
			(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND col_description(c.oid, a.attnum) IS NOT NULL)
		FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname ~ '^(shop|Odd|My)' ORDER BY 1, 2;
		SELECT nspname, pg_get_userbyid(nspowner), nspacl, obj_description(oid) FROM pg_namespace WHERE nspname ~ '^(shop|Odd|My)' ORDER BY 1});
}

# Two dumps are the same if this option gives them the same secret
my ($help) = run_command([ 'pg_dump', '--help' ]);
my @comparable = $help =~ /--restrict-key/ ? ('--restrict-key=x') : ();

sub dump_of
{
	my ($node, $database, $file, @options) = @_;
	$node->command_ok(
		[ 'pg_dump', @comparable, @options, '-f', $file, '-d', $node->connstr($database) ],
		"dump of $database, " . join(' ', 'plain', @options));
	return;
}

# Lines that only one of two dumps has. Their order is left aside: COPY puts
# short rows where there is room.
sub difference
{
	my ($one, $other) = @_;
	my %count;
	$count{$_}++ foreach split /\n/, slurp_file($one);
	$count{$_}-- foreach split /\n/, slurp_file($other);
	return join "\n", map { ($count{$_} > 0 ? '-' : '+') . $_ }
	  sort grep { $count{$_} != 0 } keys %count;
}

my $contents = contents($old, 'shopdb');
like($contents, qr/^shop\|alice$/m, 'there is something to compare');
dump_of($old, 'shopdb', "$folder/plain.sql");
$old->command_ok(
	[ 'pg_dump', '-Fc', '-f', "$folder/custom", '-d', $old->connstr('shopdb') ],
	'dump of custom format');
$old->command_ok(
	[ 'pg_dump', '-f', "$folder/own.sql", '-U', 'alice', '-d', $old->connstr('shopdb') ],
	'the ordinary role can dump its database itself');

#
# Restored into a new cluster by its superuser
#

query($new, 'postgres', undef,
	"$make_roles; CREATE DATABASE plain; CREATE DATABASE custom; CREATE DATABASE own");
$new->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain.sql",
		'-d', $new->connstr('plain')
	],
	'restored from plain SQL');
$new->command_ok(
	[
		'pg_restore', '--exit-on-error', '-j', '2', '-d',
		$new->connstr('custom'), "$folder/custom"
	],
	'restored from custom format, in parallel');
$new->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/own.sql",
		'-d', $new->connstr('own')
	],
	'restored from the ordinary role\'s dump');

foreach my $database (qw(plain custom own))
{
	is(contents($new, $database),
		$contents,
		"$database: data, owners, grants and comments are the same");
	dump_of($new, $database, "$folder/$database.again");
	is(difference("$folder/plain.sql", "$folder/$database.again"),
		'', "$database: dumped again, all is the same");
}

# What users had set and edited, in so many words
is( query(
		$new, 'custom', 'alice', q{
		SELECT time_zone, currency, returns, lookback, high_order_value, recut_pending FROM shop_core.settings;
		SELECT count(*), min(priority) FROM shop_core.rules;
		SELECT segment_color, meaning FROM shop_core.segments WHERE segment_name = 'Best';
		SELECT bins, ruleset FROM "Odd ""One_core".settings;
		SELECT source FROM shop_core.sources WHERE dataset = 'transactions';
		SELECT string_agg(status, ' ' ORDER BY run_id) FROM shop.runs}),
	query(
		$old, 'shopdb', 'alice', q{
		SELECT 'Europe/London', 'GBP', 'drop', interval '14 months', 77.5, false;
		SELECT count(*), 1 FROM shop_core.rules;
		SELECT '#123456', 'Edited.';
		SELECT 2, 'two';
		SELECT '"My ""Schema"."we""ird Table"';
		SELECT 'succeeded succeeded succeeded failed succeeded'}),
	'settings, rules, own rulesets, mappings and runs are as they were');
is( query($new, 'custom', 'reader', 'SELECT count(*) FROM shop.customer_segments'),
	'149',
	'readers can read');
is( query(
		$new, 'custom', 'alice', q{
		SELECT rfmseg.is_forgotten('shop', 5), rfmseg.is_forgotten('shop', 6), rfmseg.is_forgotten('Odd "One', 6);
		SELECT predicate, action, description FROM "Odd ""One_core".expectations WHERE NOT is_default;
		SELECT key, mend FROM "Odd ""One_core".quarantine ORDER BY key}),
	join("\n",
		't|f|t',
		'total_amount <> 10.99|drop|They pay for themselves.',
		'8001|{"total_amount": 11}'),
	'who was forgotten, own expectations, and quarantine with its mends');
is( query($new, 'custom', 'tenant', 'SELECT count(*), min(customer_id % 10), max(customer_id % 10) FROM shop.customer_segments'),
	'15|3|3',
	'and those with a row filter what it lets them');

# The deployments go on
foreach my $database (qw(plain custom own))
{
	foreach my $deployment (@deployments)
	{
		my $schema = $deployment =~ s/"/""/gr;
		my $rows = per_customer($new, $database, 'alice', $deployment);
		my $run = query($new, $database, 'alice',
			qq{SELECT max(run_id) FROM "$schema".runs});
		query($new, $database, 'alice', "CALL rfmseg.refresh('$deployment')");
		is(per_customer($new, $database, 'alice', $deployment),
			$rows, "$database: a refresh of $deployment gives the same rows");
		is( query(
				$new, $database, 'alice',
				qq{SELECT run_id, status FROM "$schema".runs WHERE is_current}
			),
			$run + 1 . '|succeeded',
			"$database: its run is the next one");
		is( query(
				$new, $database, 'alice',
				qq{SELECT count(*) FROM pg_inherits WHERE inhparent = '"${schema}_core".scored_customers'::regclass}
			),
			'1',
			"$database: superseded rows are dropped");
	}
	is( query(
			$new, $database, 'alice', q{
			INSERT INTO shop_core.rules (ruleset, priority, segment_name) VALUES ('standard', 999, 'Best') RETURNING rule_id > 1001;
			SELECT rfmseg.configure('shop', time_zone => 'UTC');
			SELECT rfmseg.upgrade_deployment('shop');
			CALL rfmseg.refresh('shop');
			SELECT count(*) FROM shop.customer_segments;
			SELECT count(*) FROM shop.customer_summary WHERE customer_id % 10 <> 0;
			SELECT rfmseg.undeploy('shop');
			SELECT rfmseg.undeploy('Odd "One', with_data => true);
			SELECT count(*) FROM rfmseg.deployments()}),
		"t\n\n1\n149\n0\n\n\n0",
		"$database: it can be configured, upgraded and removed");
}
fails_with(
	$new, 'plain', 'alice', 'DELETE FROM rfmseg.rules',
	'42501', qr/permission denied/, 'the extension is the superuser\'s');

#
# A dump made while a refresh goes on
#

{
	my $gate = close_gate($old, 'shopdb', 'alice', 'SELECT pg_advisory_xact_lock(2)');
	my $session = RfmsegTest::Session->new($old, 'shopdb', 'alice');
	$session->tell(q{CALL rfmseg.refresh('shop');});
	wait_for_step($old, 'shopdb', $session, 'summarize');
	dump_of($old, 'shopdb', "$folder/meanwhile.sql");
	$gate->ask('COMMIT;');
	$session->answer;
	is($session->errors, '', 'a dump does not disturb a refresh');
	$_->quit foreach $gate, $session;

	query($new, 'postgres', undef, 'CREATE DATABASE meanwhile');
	$new->command_ok(
		[
			'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f',
			"$folder/meanwhile.sql", '-d', $new->connstr('meanwhile')
		],
		'and can be restored');
	is(leftovers($new, 'meanwhile'), '', 'nothing half-made is in it');
	query($new, 'meanwhile', 'alice', q{CALL rfmseg.refresh('shop')});
	is( query(
			$new, 'meanwhile', 'alice',
			q{SELECT string_agg(status, ' ' ORDER BY run_id) FROM shop.runs}),
		'succeeded succeeded succeeded failed succeeded interrupted succeeded',
		'the run that was going on is marked as interrupted');
	is( per_customer($new, 'meanwhile', 'alice'),
		per_customer($old, 'shopdb', 'alice'),
		'and the next one gives what it gave there');
}

done_testing();
