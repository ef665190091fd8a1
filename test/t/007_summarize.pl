
# summarize_customers() on a million lines: the same rows as plain SQL gives, in
# one order, whatever memory and workers there are; and stopped at any time it
# leaves nothing behind.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $node = new_server('summarize', 'max_worker_processes = 16',
	'max_parallel_workers = 8');
my $db = 'postgres';

query($node, $db, undef,
	'CREATE EXTENSION rfmseg;'
	  . slurp_file("$FindBin::RealBin/../simple_path.sql"));
query(
	$node, $db, undef, q{
	CREATE TABLE lines WITH (parallel_workers = 4) AS
	SELECT CASE WHEN h % 61 <> 0 THEN 1 + i % 100000 END AS customer_id,
		timestamptz '2022-01-01 00:00+00' + abs(h % 63072000) * interval '1 second' AS transaction_date,
		round((h % 40000) / 100.0 + 300, (i % 3)::int) AS total_amount,
		CASE WHEN h % 7 <> 0 THEN i / 3 END AS order_id,
		h % 5003 AS product_id,
		'category ' || abs(h % 9) AS category,
		1 + i % 4 AS quantity,
		CASE WHEN h % 5 = 0 THEN 0.5 WHEN h % 5 = 1 THEN 0 END AS discount_amount,
		NULL::boolean AS is_return,
		'GBP'::text AS currency
	FROM (SELECT i, hashint8(i)::bigint AS h FROM generate_series(1::bigint, 1000000) i) AS numbers;
	ALTER TABLE lines ALTER quantity TYPE numeric;
	ANALYZE lines});

#
# The same as plain SQL
#

my $as_of = q{'2023-10-01 12:00+00', 'Europe/London', '300 days'};
my $summary = "rfmseg.summarize_customers(NULL::bigint, 'TABLE lines', $as_of)";
my $columns = query(
	$node, $db, undef, qq{
	CREATE TABLE columns AS SELECT * FROM $summary WITH NO DATA;
	SELECT string_agg(format('%I %s', attname, format_type(atttypid, NULL)), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = 'columns'::regclass AND attnum > 0});
my $digest = q{count(*) || ' ' || md5(string_agg(s::text, E'\n' ORDER BY customer_id))};
my $expected = query(
	$node, $db, undef, qq{
	SET TimeZone = 'UTC'; SET work_mem = '256MB'; SET jit = off;
	SELECT $digest FROM simple_summary('lines', $as_of, 'net') AS s ($columns)});
like($expected, qr/^(99|100)\d\d\d /, 'there are customers to compare');

# A session's settings for that much memory, and that many workers
sub settings
{
	my ($memory, $workers) = @_;
	return qq{
	SET TimeZone = 'UTC'; SET work_mem = '$memory'; SET hash_mem_multiplier = 1; SET jit = off;
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET max_parallel_workers_per_gather = $workers;};
}

# All that is in the folder of temporary files; sets of files are folders in it
my $temporary =
  q{(SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false))};

my %order;
foreach my $memory ('64kB', '4MB', '256MB')
{
	foreach my $workers (0, 2, 4)
	{
		my $start = -s $node->logfile;
		my ($rows, $order) = split /\|/, query(
			$node, $db, undef, settings($memory, $workers) . qq{
			LOAD 'auto_explain'; SET auto_explain.log_nested_statements = on; SET auto_explain.log_analyze = on;
			SET auto_explain.log_timing = off; SET auto_explain.log_min_duration = 0;
			CREATE TEMP TABLE summarized AS SELECT * FROM $summary;
			SET auto_explain.log_min_duration = -1;
			RESET work_mem; SET max_parallel_workers_per_gather = 0;
			SELECT (SELECT $digest FROM summarized s WHERE source_totals IS NULL),
				(SELECT md5(string_agg(customer_id || coalesce(source_totals::text || cohorts, ''), ',' ORDER BY ctid)) FROM summarized)});
		is($rows, $expected, "$memory, $workers workers: as plain SQL says");
		$order{$order}++;
		my ($launched) = slurp_file($node->logfile, $start) =~ /Workers Launched: (\d+)/;
		is($launched // 0, $workers, "$memory, $workers workers: as many were used");
	}
}
is(scalar keys %order, 1, 'the rows always come in the same order');
is(query($node, $db, undef, "SELECT $temporary"), '0', 'no temporary files are left');

#
# Stopped
#

my $reads_long = q{'SELECT l.* FROM lines l, generate_series(1, 1000)'};

# all lines, and then a lock that tells that they were read
my $tells = q{'TABLE lines UNION ALL SELECT l.* FROM (SELECT * FROM lines LIMIT 1) l WHERE pg_advisory_xact_lock(7)::text = ''x'''};

sub stops
{
	my ($name, $memory, $workers, $query, $when) = @_;
	my $session = RfmsegTest::Session->new($node, $db, undef);
	my $pid = $session->pid;
	$session->ask(settings($memory, $workers));
	$session->tell(
		"SELECT count(*) FROM rfmseg.summarize_customers(NULL::bigint, $query, $as_of);");
	$when =~ s/PID/$pid/;
	# at once: summing up takes no second
	query(
		$node, $db, undef, qq{
		SET statement_timeout = '60s';
		DO \$\$ BEGIN
			WHILE NOT ($when) LOOP PERFORM pg_sleep(0.001); END LOOP;
			PERFORM pg_cancel_backend($pid);
		END \$\$});
	is($session->answer, '', "$name: has no result");
	like($session->errors, qr/ERROR:  57014:/, "$name: is cancelled");
	is(query($node, $db, undef, "SELECT $temporary"), '0', "$name: no temporary files are left");
	is( $session->ask("SELECT $digest FROM $summary s WHERE source_totals IS NULL;"),
		$expected,
		"$name: the session works as before");
	$session->quit;
	return;
}

foreach my $workers (0, 2)
{
	stops("while reading, $workers workers", '64kB', $workers, $reads_long, "$temporary > 0");
}
my $has_read = q{EXISTS (SELECT FROM pg_locks WHERE pid = PID AND locktype = 'advisory' AND granted)};
stops('while summing up from files', '64kB', 0, $tells, $has_read);
stops('while summing up in memory', '1GB', 0, $tells, $has_read);

# Wherever a timeout strikes
my $session = RfmsegTest::Session->new($node, $db, undef);
$session->ask(settings('64kB', 2));
foreach my $milliseconds (1, 20, 100, 200, 300, 400, 500, 700)
{
	$session->ask("SET statement_timeout = $milliseconds;");
	$session->ask("SELECT count(*) FROM $summary;");
	is($session->ask("RESET statement_timeout; SELECT $temporary;"),
		'0', "after $milliseconds ms: no temporary files are left");
}
like($session->errors, qr/ERROR:  57014:/, 'timeouts stop it');
unlike($session->errors, qr/ERROR:  (?!57014)/, 'and there is no other error');
is( $session->ask("SELECT $digest FROM $summary s WHERE source_totals IS NULL;"),
	$expected,
	'the session works as before');
$session->quit;

#
# Keys that are equal and not the same
#

SKIP:
{
	skip 'this PostgreSQL has no ICU', 2
	  if query($node, $db, undef, q{SELECT count(*) FROM pg_collation WHERE collprovider = 'i'}) eq '0';
	query($node, $db, undef,
		q{CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)});
	foreach my $order ('i', '-i')
	{
		is( query(
				$node, $db, undef, qq{
				SELECT customer_id, frequency FROM rfmseg.summarize_customers(NULL::text,
					'SELECT (ARRAY[''anna'', ''Anna'', ''ANNA'', ''bob''])[1 + i % 4] COLLATE no_case AS customer_id,
						timestamptz ''2024-01-01'' + i * interval ''1 day'' AS transaction_date, 1 AS total_amount
					FROM generate_series(1, 8) i ORDER BY $order') WHERE source_totals IS NULL ORDER BY frequency}),
			"bob|2\nANNA|6",
			"customers by a collation that minds no case, in the order of $order");
	}
}

done_testing();
