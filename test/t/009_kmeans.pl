
# k-means of many rows: in parallel and not, in how much memory, by whom, and
# stopped at any moment. Two things are shared out among workers, by one setting:
# the rows, below a Gather, and the runs of the fit.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_server('kmeans', 'max_worker_processes = 16', 'max_parallel_workers = 8');
my $db = 'postgres';

# A million rows of three features, a third of them on a grid, so that many coincide
query(
	$node, $db, undef, q{
	CREATE EXTENSION rfmseg;
	CREATE ROLE nobody_special LOGIN;
	CREATE TABLE points WITH (parallel_workers = 4) AS
	SELECT i, ARRAY[h % 1000 / 7.0 + i % 5 * 100, CASE i % 3 WHEN 0 THEN h % 10 ELSE h % 99991 / 10000.0 END, sqrt(abs(h % 9973))]::float8[] AS f
	FROM (SELECT i, hashint4(i)::bigint AS h FROM generate_series(1, 1000000) i) AS numbers;
	ANALYZE points});

sub settings
{
	my ($workers) = @_;
	return qq{SET jit = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SET max_parallel_workers_per_gather = $workers;};
}

my $options = q{'{"n_init": 1, "silhouette": true}'};
my $fit = "rfmseg.kmeans(f, 5, $options)";

#
# The same with any number of workers, which are really there
#

my %digests;
foreach my $workers (0, 2, 4)
{
	my $start = -s $node->logfile;
	my $digest = query($node, $db, undef, settings($workers) . qq{
		LOAD 'auto_explain'; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET auto_explain.log_min_duration = 0;
		SELECT md5(($fit)::text) FROM points;});
	my ($launched) = slurp_file($node->logfile, $start) =~ /Workers Launched: (\d+)/;

	is($launched // 0, $workers, "$workers workers were used");
	$digests{$digest}++;
}
is(scalar keys %digests, 1, 'the model is the same with any number of workers');
is( query($node, $db, undef, settings(2) . qq{SELECT md5(($fit)::text) FROM (SELECT f FROM points ORDER BY hashint4(i), i) AS shuffled}),
	(keys %digests)[0],
	'and of the rows in another order');
is( query(
		$node, $db, undef, settings(4) . qq{
		SELECT bool_and((m).sizes[cluster] = n) AND count(*) = 5
		FROM (SELECT m, rfmseg.kmeans_predict(m, f) AS cluster, count(*) AS n
			FROM points, (SELECT (SELECT $fit FROM points) AS m) AS s GROUP BY 1, 2) AS c}),
	't',
	'predicting finds all rows where they were counted');

#
# Runs are shared out too, and the model stays the same
#

my $rows = 'FROM points WHERE i <= 200000';
my $runs = q{rfmseg.kmeans(f, 8, '{"n_init": 40}')};
my $sweep = q{rfmseg.kmeans_sweep(f, 4, 7, '{"n_init": 16, "silhouette": true}')};
# without a Gather, so that workers are the fit's
my $serial_plan = 'SET parallel_setup_cost = 1e9; SET client_min_messages = debug1;';

# What a script prints, and of each fit in it "runs by processes"
sub fits_of
{
	my ($server, $workers, $sql) = @_;
	my ($status, $stdout, $stderr) = $server->psql($db, "$serial_plan SET max_parallel_workers_per_gather = $workers; $sql");

	diag($stderr) if $status != 0;
	return ($stdout, $stderr =~ /k-means: (\d+) runs, processes: (\d+)/g);
}

my ($model, @model_fit) = fits_of($node, 0, "SELECT md5(($runs)::text) $rows");
my ($models, @models_fit) = fits_of($node, 0, "SELECT md5(($sweep)::text) $rows");
is("@model_fit @models_fit", '40 1 64 1', 'without workers there is one process');
foreach my $workers (1, 2, 4)
{
	my ($same, $number, $processes) = fits_of($node, $workers, "SELECT md5(($runs)::text) $rows");
	is($same, $model, "$workers workers: the same model");
	ok($number == 40 && $processes > 1 && $processes <= $workers + 1, "$workers workers: $processes processes");
	($same, $number, $processes) = fits_of($node, $workers, "SELECT md5(($sweep)::text) $rows");
	is($same, $models, "$workers workers: the same sweep");
	ok($number == 64 && $processes > 1 && $processes <= $workers + 1, "$workers workers: $processes processes sweep");
}

# One test: that it prints the model, or so many of them, and that every fit had workers
sub is_shared
{
	my ($what, $sql, $expected) = @_;
	my ($same, @fits) = fits_of($node, 2, $sql);
	# the one of 1,000 runs ends before workers are there
	my @alone = grep { $_ % 2 && $fits[$_] < 2 && $fits[$_ - 1] != 1000 } 0 .. $#fits;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($same, $expected // $model, "$what: the same model");
	ok(@fits > 0 && !@alone, "$what: by workers too") or diag("@fits");
	return;
}

my $digest = "md5(($runs)::text)";
is_shared('CREATE TABLE AS', "CREATE TABLE made AS SELECT $digest AS m $rows; SELECT m FROM made");
is_shared('INSERT in a transaction that has written', qq{BEGIN; INSERT INTO made VALUES ('x'); INSERT INTO made SELECT $digest $rows;
	DELETE FROM made WHERE m = 'x'; COMMIT; SELECT DISTINCT m FROM made; DROP TABLE made});
is_shared('a transaction that is serializable', "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT $digest $rows; COMMIT");
is_shared('a cursor', "BEGIN; DECLARE c CURSOR FOR SELECT $digest $rows; FETCH c; COMMIT");
is_shared('a cursor that is held', "DECLARE c CURSOR WITH HOLD FOR SELECT $digest $rows; FETCH c");
is_shared('groups', "SELECT $digest FROM (SELECT f, g FROM generate_series(1, 3) g, (SELECT f $rows) AS p OFFSET 0) AS s GROUP BY g", join("\n", ($model) x 3));
is_shared('an exception block', qq{CREATE TEMP TABLE kept (m text);
	DO \$\$ BEGIN
		BEGIN
			INSERT INTO kept SELECT $digest $rows;
			PERFORM 1 / 0;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
		BEGIN
			PERFORM rfmseg.kmeans(ARRAY[i * 1e-170], 3, '{"n_init": 1000}') FROM generate_series(1, 200000) i;
		EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE '%', SQLERRM;
		END;
		BEGIN
			INSERT INTO kept SELECT $digest $rows;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END \$\$; SELECT m FROM kept});

# Above a Gather whose workers have not ended
{
	my $grouped = "SELECT md5(string_agg(m, '' ORDER BY g)) FROM (SELECT i % 3 AS g, md5(($runs)::text) AS m FROM points WHERE i <= 600000 GROUP BY 1 OFFSET 0) AS s";
	my ($alone) = fits_of($node, 0, $grouped);
	my $gather = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_hashagg = off;';
	my ($plan) = fits_of($node, 2, "$gather EXPLAIN $grouped");
	my ($same, @fits) = fits_of($node, 2, "$gather $grouped");

	like($plan, qr/GroupAggregate.*Gather Merge/s, 'groups above a Gather');
	is($same, $alone, 'groups above a Gather: the same models');
	ok(@fits == 6 && $fits[1] + $fits[3] + $fits[5] > 3, 'groups above a Gather: by workers too') or diag("@fits");
}

# As many workers as there are, in as much memory as there is
is((fits_of($node, 2, "SET max_parallel_workers = 0; SELECT ($runs).k $rows"))[2], 1, 'no workers where there are none to be had');
is((fits_of($node, 2, "SELECT ($runs).k FROM points WHERE i <= 1000"))[2], 1, 'none for little work');
is((fits_of($node, 2, qq{SELECT (rfmseg.kmeans(f, 60, '{"n_init": 1, "max_iter": 1}')).k FROM points}))[2], 1, 'none for a single run');
# 13.5 MB for the fit, 7.2 for the copy, 1.8 for each worker
foreach my $case ([ 17, 1 ], [ 23, 2 ])
{
	my ($megabytes, $expected) = @$case;
	my ($same, undef, $processes) = fits_of($node, 2, "SET rfmseg.max_model_memory = '$megabytes MB'; SELECT $digest $rows");
	is($same, $model, "$megabytes MB: the same model");
	is($processes, $expected, "$megabytes MB: as many processes as fit in");
}

#
# Anybody may use it
#

is( query($node, $db, 'nobody_special', q{
		SELECT (m).sizes, rfmseg.kmeans_predict(m::jsonb::rfmseg.kmeans_model, '{9}'), (SELECT count(*) FROM rfmseg.kmeans_centroids(m)), rfmseg.best_k(s)
		FROM (SELECT rfmseg.kmeans(ARRAY[v], 2) AS m, rfmseg.kmeans_sweep(ARRAY[v], 2, 3, '{"silhouette": true}') AS s FROM unnest('{1,2,9,10}'::float8[]) v) AS r}),
	'{2,2}|2|2|3',
	'who has no rights at all may use the functions');
query($node, $db, 'nobody_special', q{SET rfmseg.max_model_memory = '2MB'});
fails_with($node, $db, 'nobody_special', "SELECT $fit FROM points", '42501', qr/permission denied for table points/,
	'on what it may read');

#
# Memory: as much as it says
#

# The most that a session's own memory grew to, in kB
sub peak_while
{
	my ($workers, $sql) = @_;
	my $session = RfmsegTest::Session->new($node, $db, undef);
	my $status = '/proc/' . $session->pid . '/status';
	my $peak = 0;

	$session->ask(settings($workers));
	$session->tell("$sql SELECT 'done';");
	while ($session->{out} !~ /done/ && $session->errors eq '')
	{
		my ($kb) = slurp_file($status) =~ /^RssAnon:\s+(\d+)/m;

		$peak = $kb if $kb > $peak;
		sleep 0.01;
		$session->{run}->pump_nb;
	}
	$session->answer;
	is($session->errors, '', "$workers workers: it works");
	$session->quit;
	return $peak;
}

SKIP:
{
	skip 'memory is read from /proc', 3 unless -r "/proc/$$/status" && slurp_file("/proc/$$/status") =~ /RssAnon/;
	my (undef, $said) = error_of($node, $db, undef, q{SET rfmseg.max_model_memory = '60MB'; SET max_parallel_workers_per_gather = 0;
		SELECT rfmseg.kmeans(f, 5) FROM (SELECT f FROM points UNION ALL SELECT f FROM points LIMIT 1000000) AS rows});
	# refused as soon as that is known, so in proportion to the rows
	my ($rows, $megabytes) = $said =~ /k-means of (\d+) rows needs.*It takes (\d+) MB/s;
	ok(defined $megabytes && $rows < 1000001, 'too many rows are refused') or diag($said);
	my $stated = ($megabytes // 0) * 1024 * 1000000 / ($rows // 1);
	my $peak = peak_while(0, "SELECT 1 FROM (SELECT $fit AS m FROM points) AS r WHERE (m).k = 5;");

	note("stated $stated kB, peak $peak kB");
	cmp_ok($peak, '<', $stated + 50 * 1024, 'a fit takes no more memory than what is checked');
}

# What a limit allows it allows with workers too
my $few = q{SELECT (rfmseg.kmeans(f, 5, '{"n_init": 1, "max_iter": 1}')).row_count FROM points WHERE i <= 100000};
foreach my $workers (0, 4)
{
	is(query($node, $db, undef, settings($workers) . "SET rfmseg.max_model_memory = '9MB'; $few"), '100000', "$workers workers: memory that is enough");
	fails_with($node, $db, undef, settings($workers) . "SET rfmseg.max_model_memory = '5MB'; $few",
		'53400', qr/needs more memory than rfmseg\.max_model_memory allows.*DETAIL: .*the limit is 5 MB.*HINT: .*TABLESAMPLE/s, "$workers workers: memory that is not");
}

#
# Stopped at any moment
#

my $many = '(SELECT f FROM points UNION ALL SELECT ARRAY[f[1] + 0.5, f[2], f[3]] FROM points UNION ALL SELECT ARRAY[f[1], f[2] + 0.5, f[3]] FROM points) AS rows';
my $long = qq{SELECT rfmseg.kmeans(f, 50, '{"n_init": 1000, "tol": 0, "silhouette": true}') FROM $many};
foreach my $workers (0, 2)
{
	my $session = RfmsegTest::Session->new($node, $db, undef);

	$session->ask(settings($workers) . "SET rfmseg.max_model_memory = '1GB';");
	foreach my $milliseconds (1, 20, 100, 300, 1000, $workers == 0 ? 3000 : ())
	{
		my $errors = () = $session->errors =~ /ERROR:  57014:/g;

		$session->ask("SET statement_timeout = $milliseconds;");
		is($session->ask("$long;"), '', "$workers workers, $milliseconds ms: no result");
		is($session->ask(q{RESET statement_timeout; SELECT (rfmseg.kmeans(ARRAY[v], 2)).sizes FROM generate_series(1, 4) v;}),
			'{2,2}', "$workers workers, $milliseconds ms: the session works");
		my $now = () = $session->errors =~ /ERROR:  57014:/g;
		is($now, $errors + 1, "$workers workers, $milliseconds ms: stopped");
	}
	unlike($session->errors, qr/ERROR:  (?!57014)/, "$workers workers: there is no other error");
	$session->quit;
}

# Cancelled while it fits, which takes hours; and the silhouette of a large sample, seconds
foreach my $what ([ 'fitting', $long ],
	[ 'the silhouette of a sample', q{SELECT rfmseg.kmeans(f, 2, '{"n_init": 1, "max_iter": 1, "silhouette_sample": 20000}') FROM points WHERE i <= 100000} ])
{
	my $session = RfmsegTest::Session->new($node, $db, undef);
	my $pid = $session->pid;

	$session->ask(settings(0));
	$session->tell("$what->[1];");
	wait_until($node, $db, "clock_timestamp() > query_start + interval '0.7 s' FROM pg_stat_activity WHERE pid = $pid AND state = 'active'");
	query($node, $db, undef, "SELECT pg_cancel_backend($pid)");
	is($session->answer, '', "cancelled while $what->[0]: no result");
	like($session->errors, qr/ERROR:  57014:/, "cancelled while $what->[0]: an error");
	is($session->ask('SELECT 1;'), '1', "cancelled while $what->[0]: the session works");
	$session->quit;
}

# Cancelled while its workers fit, or left by one of them
foreach my $end ('pg_cancel_backend', 'pg_terminate_backend')
{
	my $session = RfmsegTest::Session->new($node, $db, undef);
	my $pid = $session->pid;
	my $workers = "FROM pg_stat_activity WHERE leader_pid = $pid AND pid <> $pid";

	$session->ask("SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 1e9; SET rfmseg.max_model_memory = '2GB';");
	$session->tell("$long;");
	wait_until($node, $db, "count(*) = 2 $workers");
	query($node, $db, undef, $end eq 'pg_cancel_backend' ? "SELECT pg_cancel_backend($pid)" : "SELECT pg_terminate_backend(pid) $workers LIMIT 1");
	is($session->answer, '', "$end: no result");
	like($session->errors, $end eq 'pg_cancel_backend' ? qr/ERROR:  57014:/ : qr/ERROR:  57P01:|FATAL:  57P01:/, "$end: an error");
	is(query($node, $db, undef, "SELECT count(*) $workers"), '0', "$end: no worker is left");
	is($session->ask("SELECT $digest $rows;"), $model, "$end: the session works, with workers");
	$session->quit;
}

# Shared memory of a kind that does not tell how much there is of it
$node->append_conf('postgresql.conf', 'dynamic_shared_memory_type = mmap');
$node->restart;
is(join(' ', fits_of($node, 2, "SELECT $digest $rows")), "$model 40 1", 'one process where shared memory does not say how much there is');

$node->stop;
done_testing();
