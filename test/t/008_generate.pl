
# Made-up data on a large scale: the stages of a demo, by whom, in how much
# memory, and what is left when it is stopped.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_server('generate');
my $db = 'postgres';

query($node, $db, undef, qq{
	CREATE ROLE marketer LOGIN;
	CREATE ROLE reader LOGIN;
	GRANT CREATE ON DATABASE $db TO marketer});

#
# A demo of somebody who may create schemas, and no more
#

my ($status, $out, $err) = $node->psql($db,
	"CREATE EXTENSION rfmseg; SET client_min_messages = notice; CALL rfmseg.demo('shop', 200)",
	extra_params => [ '--username', 'marketer' ]);
is($status, 0, 'who owns no more than a privilege to create schemas may call demo()');
my @notices = $err =~ /^(?:psql:<stdin>:\d+: )?NOTICE:  (.*)$/mg;
s/\d+ ms$/... ms/ for @notices;
is_deeply(
	\@notices,
	[
		'deployment "shop" is made: schemas shop_raw, shop_core and shop',
		'deployment "shop" has no group roles: role "marketer" may not create roles',
		'generated with seed 42: 200 customers, 100 products, 2791 transactions',
		'shop: step 1/7 plan: 1 rows, ... ms',
		'shop: step 2/7 summarize: 2791 rows, ... ms',
		'shop: step 3/7 cut: 190 rows, ... ms',
		'shop: step 4/7 fit: 190 rows, ... ms',
		'shop: step 5/7 score: 194 rows, ... ms',
		'shop: step 6/7 record: 13 rows, ... ms',
		'shop: step 7/7 publish: 194 rows, ... ms',
		'shop: version 1 of the clusters is the champion: Regular; Champions; At Risk; Churned',
		'shop: step 1/7 plan: 1 rows, ... ms',
		'shop: step 2/7 summarize: 2791 rows, ... ms',
		'shop: step 3/7 cut: 190 rows, ... ms',
		'shop: step 4/7 fit: 190 rows, ... ms',
		'shop: step 5/7 score: 194 rows, ... ms',
		'shop: step 6/7 record: 13 rows, ... ms',
		'shop: step 7/7 publish: 194 rows, ... ms',
		'deployment "shop" is ready'
	],
	'and is told of each stage, once');
is( query($node, $db, 'marketer', q{SELECT count(*) FROM shop.customer_segments}), 194,
	'whose segments are published');

# What goes wrong before the first commit leaves nothing
fails_with($node, $db, 'marketer', q{SET statement_timeout = 50; CALL rfmseg.demo('late', 10000000)},
	'57014', qr/statement timeout/, 'a demo can be stopped');
is( query($node, $db, undef, q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^late'}), 0,
	'and leaves nothing of what it had begun');

#
# Others
#

is( query($node, $db, 'reader', 'SELECT count(*) FROM rfmseg.generate_transactions(200, 42)'), 2791,
	'everybody may use the generators');
fails_with($node, $db, 'reader', q{SELECT * FROM rfmseg.generate('shop')},
	'42501', qr/belongs to role "marketer"/, 'nobody fills the deployment of another');
fails_with($node, $db, undef, q{SELECT * FROM rfmseg.generate('shop')},
	'42501', qr/belongs to role "marketer"/, 'a superuser neither');
fails_with($node, $db, 'reader', 'TABLE shop_raw.ground_truth', '42501', qr/permission denied/,
	'nor reads what its customers are made of');
query($node, $db, 'marketer', q{SELECT rfmseg.deploy('other')});
query($node, $db, undef, 'ALTER TABLE other_raw.transactions OWNER TO reader; GRANT ALL ON other_raw.transactions TO marketer;');
is( query($node, $db, 'marketer',
		q{SELECT row_count FROM rfmseg.generate('other', 200) WHERE dataset = 'transactions'}), 2791,
	'a landing table that is another\'s is filled as its privileges allow');
is( query($node, $db, undef,
		q{SELECT count(*) FROM (TABLE other_raw.transactions EXCEPT TABLE shop_raw.transactions) AS rows}), 0,
	'with the same rows');

# Files are landed as docs/deployments.md says, once they hold its columns
my $files = PostgreSQL::Test::Utils::tempdir();
my @copies = slurp_file("$FindBin::RealBin/../../docs/deployments.md") =~ /^(\\copy shop_raw\..*)$/mg;
is(scalar @copies, 3, 'docs tell of three files');
query($node, $db, 'marketer', q{SELECT rfmseg.deploy('landed')});
for my $copy (@copies)
{
	my ($dataset, $columns, $file) = $copy =~ /shop_raw\.(\w+) \((.*?)\) FROM '(.*?)'/;
	my $landed = $copy =~ s/shop_raw/landed_raw/r =~ s/'\Q$file\E'/'$files\/$file'/r;
	my ($status, $out, $err) = $node->psql($db,
		"\\copy (SELECT $columns FROM shop_raw.$dataset) TO '$files/$file' WITH (FORMAT csv, HEADER)\n$landed",
		extra_params => [ '--username', 'marketer' ], on_error_stop => 1);
	is("$status$err", '0', "$dataset are landed from a file");
	is( query($node, $db, undef,
			"SELECT count(*) FROM (SELECT $columns FROM shop_raw.$dataset EXCEPT ALL SELECT $columns FROM landed_raw.$dataset) AS missing"),
		0, 'all of them');
}
query($node, $db, 'marketer', q{CALL rfmseg.refresh('landed')});
is( query($node, $db, 'marketer', q{SELECT count(*), sum(monetary) FROM landed.customer_segments}),
	query($node, $db, 'marketer', q{SELECT count(*), sum(monetary) FROM shop.customer_segments}),
	'and give the same segments');

# Two at once: the second finds the rows of the first
query($node, $db, 'marketer', q{SELECT rfmseg.deploy('busy')});
my $first = RfmsegTest::Session->new($node, $db, 'marketer');
$first->ask(q{BEGIN; SELECT * FROM rfmseg.generate('busy', 10);});
my $second = RfmsegTest::Session->new($node, $db, 'marketer');
my $pid = $second->pid;
$second->tell(q{SELECT * FROM rfmseg.generate('busy', 10);});
wait_until($node, $db, "wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid");
$first->ask('COMMIT;');
$second->answer;
like($second->errors, qr/already holds rows/, 'and finds the first one\'s rows');
$_->quit for $first, $second;

#
# Memory: two million lines take no more than two hundred thousand
#

sub peak_while
{
	my ($sql) = @_;
	my $session = RfmsegTest::Session->new($node, $db, 'marketer');
	my $status = '/proc/' . $session->pid . '/status';
	my $peak = 0;

	$session->ask(q{SET work_mem = '64kB'; SET jit = off;});
	$session->tell("$sql; SELECT 'done';");
	while ($session->{out} !~ /done/)
	{
		my ($kb) = slurp_file($status) =~ /^RssAnon:\s+(\d+)/m;

		$peak = $kb if $kb > $peak;
		sleep 0.02;
		$session->{run}->pump_nb;
	}
	$session->answer;
	$session->quit;
	return $peak;
}

SKIP:
{
	skip 'memory is read from /proc', 2 unless -r "/proc/$$/status" && slurp_file("/proc/$$/status") =~ /RssAnon/;
	for my $what ([ 'as a query', 'SELECT count(*) FROM rfmseg.generate_transactions(%d, 42)' ],
		[ 'into a table', q{CREATE TEMP TABLE lines (LIKE shop_raw.transactions); SELECT rfmseg._generate_transactions_into(%d, 42, '2024-01-01', '2025-12-31', 100, 'UTC', 'USD', NULL, 1, 'lines')} ])
	{
		my ($few, $many) = map { peak_while(sprintf $what->[1], $_) } 15000, 150000;

		cmp_ok($many, '<', $few + 4096, "two million lines $what->[0] take no more memory than two hundred thousand");
	}
}

#
# Stopped at any moment
#

query($node, $db, 'marketer', q{SELECT rfmseg.deploy('stopped')});
for my $milliseconds (1, 20, 100, 300)
{
	fails_with($node, $db, 'marketer',
		"SET statement_timeout = $milliseconds; SELECT * FROM rfmseg.generate('stopped', 10000000)",
		'57014', qr/statement timeout/, "it stops after $milliseconds ms");
}
fails_with($node, $db, 'marketer',
	q{SET statement_timeout = 100; SELECT count(*) FROM rfmseg.generate_transactions(100000000, 42)},
	'57014', qr/statement timeout/, 'so does a query');
fails_with($node, $db, 'marketer',
	q{SET statement_timeout = 100; SELECT count(*) FROM rfmseg.generate_ground_truth(100000000, 42)},
	'57014', qr/statement timeout/, 'of the truth too');
is( query($node, $db, 'marketer', q{
	SELECT (SELECT count(*) FROM stopped_raw.transactions) + (SELECT count(*) FROM stopped_raw.customers)
		+ (SELECT count(*) FROM pg_class WHERE relname = 'ground_truth' AND relnamespace = 'stopped_raw'::regnamespace)}), 0,
	'nothing is left');
is( query($node, $db, 'marketer',
		q{SELECT row_count FROM rfmseg.generate('stopped', 200) WHERE dataset = 'transactions'}), 2791,
	'and it works the next time');

$node->stop;
done_testing();
