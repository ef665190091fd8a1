
# The same as_of, settings, cut points and data give the same per-customer rows
# to the byte, whatever the plan, the session's settings, the order of the rows
# or the type of the customer's key.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $node = new_server('determinism', 'max_worker_processes = 16',
	'max_parallel_workers = 8');
my $db = 'postgres';

query($node, $db, undef, 'CREATE EXTENSION rfmseg');
make_orders($node, $db, undef, 'orders');

# Returns, guests, refunded orders, ties in everything, times at the edge of a
# day, and amounts whose sum as floating-point numbers depends on their order
query(
	$node, $db, undef, q{
	INSERT INTO orders (line, invoice, cust, bought_at, pieces, price, product, category, discount)
	SELECT 3000 + i, 3000 + i / 3, CASE WHEN i % 10 > 0 THEN 1 + i % 160 END,
		timestamptz '2023-03-01 00:00+00' + i * interval '3 hours' + (i % 3 - 1) * interval '1 microsecond',
		CASE WHEN i % 6 = 0 THEN -1 ELSE 1 END, CASE i % 3 WHEN 0 THEN 0.1 WHEN 1 THEN 1e15 + 0.2 ELSE 0.3 END,
		CASE WHEN i % 4 > 0 THEN 'sku ' || i % 23 END, CASE WHEN i % 4 > 0 THEN 'category ' || i % 5 END, i % 2 * 0.1
	FROM generate_series(1, 1600) i;
	-- as much for each category
	INSERT INTO orders (line, invoice, cust, bought_at, pieces, price, product, category, discount)
	SELECT 6000 + i, 6000 + i, 170 + i / 5, '2024-01-01', 1, 10, 'sku', 'category ' || i * 3 % 5, 0
	FROM generate_series(0, 49) i;
	CREATE TABLE people AS
	SELECT DISTINCT cust, 15 + cust % 60 AS age, 'bracket ' || cust % 3 AS income FROM orders WHERE cust % 7 > 0;
	-- some are there twice
	INSERT INTO people SELECT cust, age + 1, income FROM people WHERE cust % 11 = 0;});

sub deployment
{
	my ($name, $key, $person) = @_;
	query($node, $db, undef,
		"SELECT rfmseg.deploy('$name');" . map_orders($name, 'orders') . qq{
		SELECT rfmseg.map_transactions('$name', 'orders', customer_id => \$x\$$key\$x\$, event_at => 'bought_at',
			amount => 'pieces * price', order_id => 'invoice', product_id => 'product', category => 'category',
			quantity => 'abs(pieces)', discount_amount => 'discount');
		SELECT rfmseg.map_customers('$name', 'people', customer_id => \$x\$$person\$x\$, age => 'age', income_bracket => 'income');
		SELECT rfmseg.configure('$name', lookback => '12 months');
		CALL rfmseg.refresh('$name');
		CALL rfmseg.train('$name', k => 5);
		CALL rfmseg.refresh('$name')});
	return;
}
deployment('shop', 'cust', 'cust');
my $expected = per_customer($node, $db, undef);
like($expected, qr/^1\d\d /, 'there are rows to compare');
my $as_of =
  query($node, $db, undef, q{SELECT extract(epoch FROM as_of) FROM shop.runs WHERE is_current});
my $fingerprint =
  query($node, $db, undef, q{SELECT data_fingerprint FROM shop.runs WHERE is_current});
my $profiles = q{SELECT md5(string_agg((to_jsonb(p) - '{as_of,refreshed_at}'::text[])::text, '' ORDER BY segment_order)) FROM shop.segment_profiles p};
my $expected_profiles = query($node, $db, undef, $profiles);

sub refreshes_the_same
{
	my ($settings, $name) = @_;
	my ($state, $said) =
	  error_of($node, $db, undef, "$settings; CALL rfmseg.refresh('shop')");
	is($state, '', "$name: works") or diag($said);
	is( join(
			' ',
			per_customer($node, $db, undef),
			query(
				$node, $db, undef,
				q{SELECT extract(epoch FROM as_of), data_fingerprint FROM shop.runs WHERE is_current}
			),
			query($node, $db, undef, $profiles)),
		"$expected $as_of|$fingerprint $expected_profiles",
		"$name: the same rows");
	return;
}

refreshes_the_same('SELECT 1', 'the same again');

#
# Plans
#

# Parallel plans in spite of the small table; auto_explain tells whether there
# were any
my $explain = q{
	LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
	SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off;};
my $parallel = q{
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET min_parallel_index_scan_size = 0; SET parallel_leader_participation = off;};
foreach my $workers (0, 2, 4)
{
	query($node, $db, undef, "ALTER TABLE orders SET (parallel_workers = $workers)");
	my $start = -s $node->logfile;
	refreshes_the_same(
		"$explain $parallel SET max_parallel_workers_per_gather = $workers",
		"$workers parallel workers");
	my $log = slurp_file($node->logfile, $start);
	if ($workers == 0)
	{
		unlike($log, qr/Workers Launched/, 'no worker was used');
	}
	else
	{
		like($log, qr/Workers Launched: [1-$workers]/,
			"workers were used, of $workers");
	}
}
query($node, $db, undef, 'ALTER TABLE orders RESET (parallel_workers)');

# The setting that was renamed in PostgreSQL 16
my $debug =
  query($node, $db, undef, q{SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')});
refreshes_the_same("SET $debug = on; $parallel", $debug);
refreshes_the_same(
	"SET enable_hashagg = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
	'sorting instead of hashing');
refreshes_the_same(
	"SET enable_sort = off; SET enable_nestloop = off; SET enable_mergejoin = off",
	'hashing instead of sorting');
refreshes_the_same("SET work_mem = '64kB'; SET hash_mem_multiplier = 1",
	'little memory');
foreach my $jit (
	'off',
	'on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0')
{
	refreshes_the_same("SET jit = $jit", 'jit ' . ($jit eq 'off' ? 'off' : 'on'));
}

#
# The session
#

foreach my $settings (
	q{TimeZone = 'UTC'},
	q{TimeZone = 'Pacific/Kiritimati'},
	q{TimeZone = 'Pacific/Pago_Pago'},
	q{TimeZone = '<odd>+03:37'},
	q{DateStyle = 'SQL, DMY'},
	q{DateStyle = 'German'},
	q{DateStyle = 'Postgres, MDY'},
	q{IntervalStyle = 'sql_standard'},
	q{IntervalStyle = 'iso_8601'},
	q{extra_float_digits = -15},
	q{extra_float_digits = 3},
	q{bytea_output = 'escape'},
	q{xmloption = 'content'},
	q{quote_all_identifiers = on},
	q{transform_null_equals = on},
	q{array_nulls = off},
	q{default_table_access_method = 'heap'},
	q{default_transaction_isolation = 'serializable'},
	q{synchronize_seqscans = on},
	q{plan_cache_mode = 'force_generic_plan'},
	q{plan_cache_mode = 'force_custom_plan'},
	q{client_encoding = 'LATIN1'},
	q{search_path = ''})
{
	refreshes_the_same("SET $settings", $settings);
}
refreshes_the_same(
	"SET standard_conforming_strings = off; SET escape_string_warning = off",
	'backslashes in strings')
  if $node->pg_version < 19;

# Settings of the deployment's are not the session's either
foreach my $zone ('Pacific/Kiritimati', 'Pacific/Pago_Pago')
{
	query($node, $db, undef,
		"SET TimeZone = '$zone'; SET DateStyle = 'German'; SET IntervalStyle = 'sql_standard';
		SELECT rfmseg.configure('shop', lookback => '12 months', high_order_value => 100);
		SELECT rfmseg.upgrade_deployment('shop')");
	refreshes_the_same('SELECT 1', "configured in $zone");
}

# The deployment's own zone does matter, or the above would prove nothing
deployment('elsewhere', 'cust', 'cust');
is(per_customer($node, $db, undef, 'elsewhere'),
	$expected, 'another deployment, the same rows');
query($node, $db, undef,
	q{SELECT rfmseg.configure('elsewhere', time_zone => 'Pacific/Kiritimati'); CALL rfmseg.refresh('elsewhere')});
isnt(per_customer($node, $db, undef, 'elsewhere'),
	$expected, 'another zone of its own, other days');

#
# The rows' order, in every table that is read
#

foreach my $order ('md5(line::text)', 'line DESC', 'price, md5(line::text)')
{
	query(
		$node, $db, undef, qq{
		CREATE TABLE copy AS SELECT * FROM orders;
		TRUNCATE orders;
		INSERT INTO orders SELECT * FROM copy ORDER BY $order;
		DROP TABLE copy;
		CREATE TABLE copy AS SELECT * FROM people;
		TRUNCATE people;
		INSERT INTO people SELECT cust, age, income FROM (SELECT cust AS line, age AS price, * FROM copy) AS p ORDER BY $order;
		DROP TABLE copy});
	refreshes_the_same('SELECT 1', "rows in order of $order");
}

# One amount that differs by a cent is another fingerprint
query($node, $db, undef, 'UPDATE orders SET price = price + 0.01 WHERE line = 77');
query($node, $db, undef, q{CALL rfmseg.refresh('shop')});
isnt(per_customer($node, $db, undef), $expected, 'a cent makes other rows');
isnt(
	query($node, $db, undef, 'SELECT data_fingerprint FROM shop.runs WHERE is_current'),
	$fingerprint,
	'and another fingerprint');
query($node, $db, undef, 'UPDATE orders SET price = price - 0.01 WHERE line = 77');
refreshes_the_same('SELECT 1', 'the cent taken back, the same rows');

#
# Keys of other types: the same customers but for the key
#

my %key = (
	bigint => 'cust::bigint',
	numeric => 'cust / 1.00',
	text => q{'customer ' || cust},
	uuid => 'md5(cust::text)::uuid');
my $without_key = q{
	SELECT count(*) || ' ' || md5(string_agg((to_jsonb(c) - '{run_id,customer_id}'::text[])::text, '' ORDER BY k.cust))
	FROM %1$s_core.scored_customers c JOIN (SELECT DISTINCT cust, %2$s AS key FROM orders) k ON k.key = c.customer_id
	WHERE c.run_id = (SELECT run_id FROM %1$s_core.runs WHERE is_current)};
my $same = query($node, $db, undef, sprintf $without_key, 'shop', 'cust');
like($same, qr/^1\d\d /, 'there are customers to compare');
foreach my $type (sort keys %key)
{
	deployment("by_$type", $key{$type}, $key{$type});
	is( query($node, $db, undef, sprintf $without_key, "by_$type", $key{$type}),
		$same,
		"customers of type $type");
	is( query(
			$node, $db, undef,
			"SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'by_$type.customer_segments'::regclass AND attname = 'customer_id'"
		),
		$type,
		"their key stays $type");
}

# Purchases and customers may have keys of different types
deployment('mixed', 'cust::text', 'cust');
is( query($node, $db, undef, sprintf $without_key, 'mixed', 'cust::text'),
	$same,
	'customers that are text here and numbers there');

done_testing();
