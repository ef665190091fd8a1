
# The commands of docs/managed.md, between two servers: one that only has what a
# managed service has, and one with rfmseg.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $db = 'crm';
my $managed = PostgreSQL::Test::Cluster->new('managed');
$managed->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$managed->append_conf('postgresql.conf', 'autovacuum = off');
# passwords are asked for, of all but the administrator
my $user = query_user();
unlink $managed->data_dir . '/pg_hba.conf';
$managed->append_conf('pg_hba.conf', "local all,replication $user trust\nlocal all,replication all scram-sha-256\n"
	. "host all,replication all 127.0.0.1/32 scram-sha-256\n");
$managed->start;
my $own = new_server('own');

if (query($own, 'postgres', undef, q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0')
{
	plan skip_all => 'postgres_fdw is not installed';
}
query($_, 'postgres', undef, "CREATE DATABASE $db") foreach ($managed, $own);

sub query_user { return scalar getpwuid($<) }

# The same purchases where the page has a table of them, with what must not leave
make_orders($managed, $db, undef, 'made');
query($managed, $db, undef, q{
	CREATE TABLE orders AS SELECT line::bigint AS id, cust::bigint AS customer_id, bought_at AS ordered_at, pieces * price AS amount,
		invoice::bigint AS order_no, 'Secret ' || cust AS email FROM made;
	ALTER TABLE orders ADD PRIMARY KEY (id)});

# The cut points anew, as those of the reference are
my $anew = q{SELECT rfmseg.recut('shop'); CALL rfmseg.refresh('shop')};

# The page's blocks, in their order: where, as whom, and what
my @blocks = slurp_file("$FindBin::RealBin/../../docs/managed.md") =~ /^```sql\n(.*?)^```/gms;
my ($host, $port) = ($managed->host, $managed->port);
sub run_until
{
	my ($last) = @_;
	while (my $block = shift @blocks)
	{
		$block =~ /^-- on (the managed|your own) server.*?, as (\w+|its administrator|a superuser)\b/ or die "where does this run: $block";
		my ($node, $role) = ($1 eq 'the managed' ? $managed : $own, $2 eq 'ada' ? 'ada' : undef);
		$block =~ s/managed\.example/$host/g;
		$block =~ s/port=5432/port=$port/g;
		$block =~ s/port '5432'/port '$port'/g;
		my ($state, $said) = error_of($node, $db, $role, $block);
		is($state, '', 'it runs: ' . ($block =~ /\n(.*)/)[0]) or die $said;
		return if $block =~ $last;
	}
	die "no block with $last";
}

sub add_order
{
	my ($id) = @_;
	query($managed, $db, undef, "INSERT INTO orders VALUES ($id, $id, '2023-06-01', 10, $id, 'Secret $id')");
	return;
}

# What it must come to: the same rows, mapped where they are
my $reference = 'SELECT rfmseg.deploy(\'reference\'); CREATE TABLE IF NOT EXISTS local (id bigint, customer_id bigint, ordered_at timestamptz, amount numeric, order_no bigint);';
sub expected
{
	my $rows = query($managed, $db, undef, q{SELECT string_agg(format('(%s,%s,%L,%s,%s)', id, customer_id, ordered_at, amount, order_no), ',') FROM orders});
	query($own, $db, undef, "$reference INSERT INTO local VALUES $rows;
		SELECT rfmseg.map_transactions('reference', 'local', 'customer_id', 'ordered_at', 'amount', order_id => 'order_no', transaction_id => 'id');
		CALL rfmseg.refresh('reference')");
	my $expected = per_customer($own, $db, undef, 'reference');
	query($own, $db, undef, q{SELECT rfmseg.undeploy('reference'); DROP TABLE local});
	return $expected;
}

#
# Logical replication
#

run_until(qr/CREATE SUBSCRIPTION/);
$managed->wait_for_catchup('purchases');
wait_until($own, $db, q{(SELECT every(srsubstate = 'r') FROM pg_subscription_rel)});
run_until(qr/CALL rfmseg\.refresh/);
is(per_customer($own, $db, 'ada'), expected(), 'segments of what was replicated');
is(query($own, $db, undef, q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'public.orders'::regclass AND attnum > 0}),
	'id customer_id ordered_at amount order_no', 'and nothing else has left');

add_order(9001);
query($managed, $db, undef, 'UPDATE orders SET amount = amount + 1 WHERE id = 5; DELETE FROM orders WHERE id = 6');
$managed->wait_for_catchup('purchases');
query($own, $db, 'ada', $anew);
is(per_customer($own, $db, 'ada'), expected(), 'new, changed and deleted purchases, too');
like(per_customer($own, $db, 'ada'), qr/^151 /, 'the new customer among them');

#
# A foreign table
#

query($own, $db, 'ada', q{SELECT rfmseg.recut('shop')});
run_until(qr/check_mapping/);
is(per_customer($own, $db, 'ada'), expected(), 'segments of a foreign table');
add_order(9002);
query($own, $db, 'ada', $anew);
is(per_customer($own, $db, 'ada'), expected(), 'and of what comes into it');
my ($state) = error_of($own, $db, 'ada', 'CREATE FOREIGN TABLE managed.secret (email text) SERVER managed OPTIONS (schema_name $$public$$, table_name $$orders$$); SELECT * FROM managed.secret');
is($state, '42501', 'but not of what the role may not read');

#
# Back
#

run_until(qr/INSERT INTO managed\.customer_segments/);
my $segments = q{SELECT count(*) || ' ' || md5(string_agg(customer_id || segment_name || coalesce(clv_12m::text, ''), ' ' ORDER BY customer_id)) FROM };
my $there = query($managed, $db, undef, "${segments}customer_segments");
is($there, query($own, $db, 'ada', "${segments}shop.customer_segments"), 'the segments are in the managed database');
add_order(9003);
query($own, $db, 'ada', q{CALL rfmseg.refresh('shop')});
my ($back) = slurp_file("$FindBin::RealBin/../../docs/managed.md") =~ /^(BEGIN;\nDELETE FROM managed.*?COMMIT;)/ms;
query($own, $db, 'ada', $back);
like(query($managed, $db, undef, "${segments}customer_segments"), qr/^153 /, 'and again after the next refresh');
is(scalar @blocks, 0, 'that was all of the page');

#
# Away
#

my $published = published_state($own, $db, 'ada');
$managed->stop('immediate');
fails_with($own, $db, 'ada', q{CALL rfmseg.refresh('shop')}, '08001', qr/could not connect to server "managed"/, 'the managed server is away');
is(published_state($own, $db, 'ada'), $published, 'and the old segments stay');

done_testing();
