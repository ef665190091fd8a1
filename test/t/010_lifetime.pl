
# Fits of lifetime value to many customers: in parallel and not, in how much
# memory, by whom, and stopped at any moment.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_server('lifetime', 'max_worker_processes = 16', 'max_parallel_workers = 8');
my $db = 'postgres';

# Customers who buy at random and drop out, many of whom are alike
query(
	$node, $db, undef, q{
	CREATE EXTENSION rfmseg;
	CREATE ROLE nobody_special LOGIN;
	CREATE TABLE customers WITH (parallel_workers = 4) AS
	SELECT i, x, CASE WHEN x > 0 THEN least(t, x * (1 + h / 64 % 40))::float8 ELSE 0 END AS t_x, t::float8, 10 + h / 8192 % 991 / 10.0::float8 AS money
	FROM (SELECT i, h, 100 + h / 1024 % 300 AS t, CASE WHEN h % 8 < 4 THEN 0 ELSE h % 8 - 3 END::int AS x
		FROM (SELECT i, hashint4(i)::bigint + 2147483648 AS h FROM generate_series(1, 600000) i) AS hashes) AS numbers;
	ANALYZE customers});

sub settings
{
	my ($workers) = @_;
	return qq{SET jit = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET client_min_messages = error;
		SET max_parallel_workers_per_gather = $workers;};
}

my $fits = 'rfmseg.mbgnbd_fit(x, t_x, t), rfmseg.gamma_gamma_fit(x, money)';

#
# The same with any number of workers, which are really there
#

my %digests;
foreach my $workers (0, 2, 4)
{
	my $start = -s $node->logfile;
	my $digest = query($node, $db, undef, settings($workers) . qq{
		LOAD 'auto_explain'; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET auto_explain.log_min_duration = 0;
		SELECT md5(ROW($fits)::text) FROM customers;});
	my ($launched) = slurp_file($node->logfile, $start) =~ /Workers Launched: (\d+)/;

	is($launched // 0, $workers, "$workers workers were used");
	$digests{$digest}++;
}
is(scalar keys %digests, 1, 'the models are the same with any number of workers');
is( query($node, $db, undef, settings(2) . qq{SELECT md5(ROW($fits)::text) FROM (SELECT * FROM customers ORDER BY hashint4(-i), i) AS shuffled}),
	(keys %digests)[0],
	'and of the rows in another order');

#
# Anybody may use it
#

is( query($node, $db, 'nobody_special', q{
		SELECT round(rfmseg.p_alive(m, 0, 0, 9)::numeric, 4), round(rfmseg.expected_purchases_new(m::jsonb::rfmseg.mbgnbd_model, 9)::numeric, 4),
			(rfmseg.gamma_gamma_fit(x, v)).n
		FROM (SELECT ROW(1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model AS m) AS r, (VALUES (1, 9), (2, 4), (3, 20), (1, 5), (2, 11)) AS c (x, v) GROUP BY m}),
	'0.0909|1.5584|5',
	'who has no rights at all may use the functions');
fails_with($node, $db, 'nobody_special', "SELECT $fits FROM customers", '42501', qr/permission denied for table customers/,
	'on what it may read');

#
# Memory: as much as it says
#

# The most that a session's own memory grew to, in kB
sub peak_while
{
	my ($sql) = @_;
	my $session = RfmsegTest::Session->new($node, $db, undef);
	my $status = '/proc/' . $session->pid . '/status';
	my $peak = 0;

	$session->ask(settings(0));
	$session->tell("$sql SELECT 'done';");
	while ($session->{out} !~ /done/ && $session->errors eq '')
	{
		my ($kb) = slurp_file($status) =~ /^RssAnon:\s+(\d+)/m;

		$peak = $kb if $kb > $peak;
		sleep 0.01;
		$session->{run}->pump_nb;
	}
	$session->answer;
	is($session->errors, '', 'it works');
	$session->quit;
	return $peak;
}

SKIP:
{
	skip 'memory is read from /proc', 2 unless -r "/proc/$$/status" && slurp_file("/proc/$$/status") =~ /RssAnon/;
	# no two customers are alike, which takes most
	my $distinct = '(SELECT x, CASE WHEN x > 0 THEN t_x + i / 1e9 ELSE 0 END AS t_x, t + i / 1e8 AS t FROM customers) AS distinct_ones';
	my $peak = peak_while("SELECT 1 FROM (SELECT rfmseg.mbgnbd_fit(x, t_x, t) AS m FROM $distinct) AS r WHERE (m).n = 600000;");
	# 104 bytes a customer, and as much room for customers again as there are; the rest is the session's
	my $stated = 600000 * 104 / 1024;

	note("stated $stated kB, peak $peak kB");
	cmp_ok($peak, '<', $stated + 50 * 1024, 'a fit takes no more memory than what is checked');
}

foreach my $workers (0, 4)
{
	my $few = 'SELECT (rfmseg.mbgnbd_fit(x, t_x, t)).n FROM customers WHERE i <= 50000';

	is(query($node, $db, undef, settings($workers) . "SET rfmseg.max_model_memory = '6MB'; $few"), '50000', "$workers workers: memory that is enough");
	fails_with($node, $db, undef, settings($workers) . "SET rfmseg.max_model_memory = '2MB'; $few",
		'53400', qr/needs more memory than rfmseg\.max_model_memory allows.*DETAIL: .*the limit is 2 MB/s, "$workers workers: memory that is not");
}

#
# Stopped at any moment: while rows come in, while they are put in order, while they are fitted
#

my $many = '(SELECT x, t_x, t + shift AS t FROM customers, (VALUES (0), (0.25), (0.5)) AS v (shift)) AS rows';
foreach my $workers (0, 2)
{
	my $session = RfmsegTest::Session->new($node, $db, undef);

	$session->ask(settings($workers));
	foreach my $milliseconds (1, 20, 100, 300, 600, 900, 1200, 1500)
	{
		my $errors = () = $session->errors =~ /ERROR:  57014:/g;

		$session->ask("SET statement_timeout = $milliseconds;");
		is($session->ask("SELECT rfmseg.pnbd_fit(x, t_x, t) FROM $many;"), '', "$workers workers, $milliseconds ms: no result");
		is($session->ask('RESET statement_timeout; SELECT (rfmseg.gamma_gamma_fit(1, 5)).n;'), '1', "$workers workers, $milliseconds ms: the session works");
		my $now = () = $session->errors =~ /ERROR:  57014:/g;
		is($now, $errors + 1, "$workers workers, $milliseconds ms: stopped");
	}
	unlike($session->errors, qr/ERROR:  (?!57014)/, "$workers workers: there is no other error");
	$session->quit;
}

# While it fits, which takes long: in no more than a moment
{
	my $session = RfmsegTest::Session->new($node, $db, undef);
	my $pid = $session->pid;

	$session->ask(settings(0));
	$session->tell("SELECT rfmseg.pnbd_fit(x, t_x, t) FROM $many;");
	wait_until($node, $db, "clock_timestamp() > query_start + interval '3 s' FROM pg_stat_activity WHERE pid = $pid AND state = 'active'");
	query($node, $db, undef, "SELECT pg_cancel_backend($pid)");
	is($session->answer, '', 'cancelled while fitting: no result');
	like($session->errors, qr/ERROR:  57014:/, 'cancelled while fitting: an error');
	is($session->ask('SELECT 1;'), '1', 'cancelled while fitting: the session works');
	$session->quit;
}

$node->stop;
done_testing();
