
# On a hot standby the published views can be read, and whatever writes is
# refused. Promoted, the standby goes on where the primary has ended.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(
	allows_streaming => 1,
	extra => [ '--encoding=UTF8', '--locale=C' ]);
$primary->append_conf('postgresql.conf', 'autovacuum = off');
$primary->start;

my $db = 'postgres';
query($primary, $db, undef, 'CREATE EXTENSION rfmseg');
make_orders($primary, $db, undef, 'orders');
query($primary, $db, undef,
		q{SELECT rfmseg.deploy('shop');}
	  . map_orders('shop', 'orders')
	  . q{CALL rfmseg.refresh('shop')});

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# A refresh after the backup reaches it too
query($primary, $db, undef, q{
	INSERT INTO orders (line, invoice, cust, bought_at, pieces, price) VALUES (5000, 5000, 500, '2023-06-01', 1, 10);
	CALL rfmseg.refresh('shop')});
$primary->wait_for_catchup($standby);
my $published = published_state($primary, $db, undef);
like($published, qr/^2\|151 /, 'the primary has refreshed');
is(published_state($standby, $db, undef),
	$published, 'the standby shows the same');
is(per_customer($standby, $db, undef),
	per_customer($primary, $db, undef), 'row by row');

# Every published view
my @views = split /\n/,
  query($primary, $db, undef,
	q{SELECT format('shop.%I', relname) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('v', 'm') ORDER BY 1});
cmp_ok(scalar @views, '>=', 10, 'there are views to read');
foreach my $view (@views)
{
	my $all = "SELECT count(*), md5(string_agg(v::text, '' ORDER BY v::text)) FROM $view v";
	is(query($standby, $db, undef, $all),
		query($primary, $db, undef, $all), "$view is the same there");
}

# What only reads works
is( query(
		$standby, $db, undef, q{
		SELECT deployment FROM rfmseg.deployments();
		SELECT count(*) FROM rfmseg.lint_ruleset('standard', 'shop');
		SELECT rfmseg.segment(4, 4, 4, 9, 'standard', 'shop');
		SELECT count(*) > 5 FROM rfmseg.check_mapping('shop');
		SELECT (rfmseg.rfm(bought_at, price, '2025-01-01')).frequency FROM orders WHERE cust = 500}),
	"shop\n0\nChampions\nt\n1",
	'functions that only read work there');

# Parallel workers fit clusters there too
{
	my $fit = q{SELECT md5((rfmseg.kmeans(ARRAY[hashint4(i), hashint4(-i), i % 1000]::float8[], 8, '{"n_init": 40}'))::text) FROM generate_series(1, 200000) i};
	my ($status, $stdout, $stderr) = $standby->psql($db, "SET client_min_messages = debug1; $fit");
	is($stdout, query($primary, $db, undef, $fit), 'clusters are the same there');
	like($stderr, qr/k-means: 40 runs, processes: [23]$/m, 'and workers find them');
}

# What writes does not, and says why
foreach my $call (
	q{CALL rfmseg.refresh('shop')},
	q{DO $$ BEGIN CALL rfmseg.refresh('shop'); END $$},
	q{BEGIN; CALL rfmseg.refresh('shop')},
	q{SELECT rfmseg.deploy('other')},
	q{SELECT rfmseg.configure('shop', currency => 'EUR')},
	q{SELECT rfmseg.recut('shop')},
	q{SELECT rfmseg.map_transactions('shop', 'orders', 'cust', 'bought_at', 'price')},
	q{SELECT rfmseg.upgrade_deployment('shop')},
	q{SELECT rfmseg.undeploy('shop')})
{
	fails_with($standby, $db, undef, $call, '25006',
		qr/in a read-only transaction|during recovery/,
		"refused on a standby: $call");
}
is(published_state($standby, $db, undef),
	$published, 'and has changed nothing');

# A standby reads what a refresh leaves while it reads. Feedback keeps the
# primary from dropping rows that a snapshot there still sees.
$standby->append_conf('postgresql.conf',
	"hot_standby_feedback = on\nwal_receiver_status_interval = 1");
$standby->reload;
{
	my $reader = RfmsegTest::Session->new($standby, $db);
	my $before = $reader->ask(
		'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*), sum(monetary) FROM shop.customer_segments;');
	wait_until($primary, $db,
		q{EXISTS (SELECT FROM pg_stat_replication WHERE backend_xmin IS NOT NULL)});
	query($primary, $db, undef, q{
		INSERT INTO orders (line, invoice, cust, bought_at, pieces, price) VALUES (5001, 5001, 501, '2023-06-01', 1, 10);
		CALL rfmseg.refresh('shop');
		CALL rfmseg.refresh('shop')});
	$primary->wait_for_catchup($standby);
	is( $reader->ask('SELECT count(*), sum(monetary) FROM shop.customer_segments;'),
		$before, 'a snapshot on the standby keeps its rows');
	is($reader->errors, '', 'and its session');
	$reader->quit;
}

# Promoted
$primary->stop;
$standby->promote;
query($standby, $db, undef, q{
	INSERT INTO orders (line, invoice, cust, bought_at, pieces, price) VALUES (5002, 5002, 502, '2023-06-01', 1, 10);
	CALL rfmseg.refresh('shop')});
like(published_state($standby, $db, undef),
	qr/^\d+\|153 /, 'promoted, it refreshes');
is(leftovers($standby, $db), '', 'and nothing is left over');

done_testing();
