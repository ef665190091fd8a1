
# What the TAP tests share: servers, purchases to segment, errors by SQLSTATE,
# and sessions that stay open while something else goes on.

package RfmsegTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  new_server make_orders map_orders query error_of fails_with wait_until
  per_customer published_state leftovers
  make_hold step_gates close_gate wait_for_step
);

# Notices are for people; psql would print each of them into the test's output
$ENV{PGOPTIONS} = '-c client_min_messages=warning';

# A running server with these lines in its configuration
sub new_server
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	# autovacuum would hold snapshots and locks now and then
	$node->append_conf('postgresql.conf',
		join('', map { "$_\n" } 'autovacuum = off', @settings));
	$node->start;
	return $node;
}

# A table of 2,000 lines, 1,000 invoices and 150 customers, some of whom buy
# much more often than others; the same ones wherever it is made.
sub make_orders
{
	my ($node, $database, $user, $table) = @_;
	$table //= 'orders';
	query(
		$node, $database, $user, qq{
		CREATE TABLE $table AS
		SELECT i AS line, invoice, 1 + 150 * (invoice * 7919 % 1000) * (invoice * 7919 % 1000) / 1000000 AS cust,
			timestamptz '2023-01-01 00:30+00' + (invoice * 104729 % 12000) * interval '1 hour' AS bought_at,
			1 + i % 4 AS pieces, round(1.25 + (i * 37 % 1000) / 9.0, 2) AS price,
			'sku ' || i % 23 AS product, 'category ' || i % 5 AS category,
			CASE WHEN i % 7 = 0 THEN 1.5 ELSE 0 END AS discount
		FROM (SELECT i, (i + 1) / 2 AS invoice FROM generate_series(1, 2000) i) AS lines});
	return;
}

# SQL that maps such a table; more arguments may be given
sub map_orders
{
	my ($deployment, $table, $more) = @_;
	$more = defined $more ? ", $more" : '';
	return qq{SELECT rfmseg.configure('$deployment', time_zone => 'UTC');
		SELECT rfmseg.map_transactions('$deployment', '$table', customer_id => 'cust', event_at => 'bought_at',
			amount => 'pieces * price', order_id => 'invoice', product_id => 'product', category => 'category',
			quantity => 'pieces', discount_amount => 'discount'$more);};
}

# What a script prints, run by that user (undef: the superuser); it must work
sub query
{
	my ($node, $database, $user, $sql) = @_;
	return $node->safe_psql($database, $sql,
		extra_params => defined $user ? [ '-U', $user ] : []);
}

# (SQLSTATE, all that psql says) of a script's first error, or ('', '...')
sub error_of
{
	my ($node, $database, $user, $sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql(
		$database, $sql,
		extra_params =>
		  [ '-v', 'VERBOSITY=verbose', defined $user ? ('-U', $user) : () ]);
	my ($state) = $stderr =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}):/;
	return ($state // '', $stderr);
}

# One test: the script fails with that SQLSTATE, and says that much
sub fails_with
{
	my ($node, $database, $user, $sql, $state, $like, $name) = @_;
	my ($actual, $said) = error_of($node, $database, $user, $sql);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = ok($actual eq $state && $said =~ $like, $name);
	diag("expected $state and $like, got \"$actual\":\n$said") unless $ok;
	return $ok;
}

# Waits for a condition; the test dies if it never holds
sub wait_until
{
	my ($node, $database, $condition) = @_;
	$node->poll_query_until($database, "SELECT $condition")
	  or die "never came true: $condition";
	return;
}

# md5 of the per-customer rows published now, without the run's number. The
# SQL's own output must not depend on what a session has set.
sub per_customer
{
	my ($node, $database, $user, $deployment) = @_;
	$deployment = ($deployment // 'shop') =~ s/"/""/gr;
	return query(
		$node, $database, $user, qq{
		SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1;
		SELECT count(*) || ' ' || md5(string_agg((to_jsonb(c) - 'run_id')::text, E'\\n' ORDER BY customer_id))
		FROM "${deployment}_core".scored_customers c
		WHERE run_id = (SELECT run_id FROM "${deployment}_core".runs WHERE is_current)});
}

# What readers see: customers, revenue, an md5 of the views' contents, and the
# current run
sub published_state
{
	my ($node, $database, $user, $deployment) = @_;
	$deployment = ($deployment // 'shop') =~ s/"/""/gr;
	return query(
		$node, $database, $user, qq{
		SELECT (SELECT run_id FROM "${deployment}".runs WHERE is_current),
			(SELECT count(*) || ' ' || sum(monetary) || ' ' || md5(string_agg(s::text, E'\\n' ORDER BY customer_id))
			 FROM "${deployment}".customer_segments s),
			(SELECT sum(customer_count) || ' ' || sum(total_revenue) || ' ' || md5(string_agg(p::text, E'\\n' ORDER BY segment_order))
			 FROM "${deployment}".segment_profiles p)});
}

# Tables of a refresh that should not be there: those of unfinished runs
sub leftovers
{
	my ($node, $database, $deployment) = @_;
	$deployment = ($deployment // 'shop') =~ s/"/""/gr;
	return query(
		$node, $database, undef, qq{
		SELECT string_agg(c.relname, ', ' ORDER BY c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = '${deployment}_core' AND c.relkind IN ('r', 'p') AND c.relname ~ '^(stage|changes|scored_customers)_'
			AND NOT EXISTS (
				SELECT FROM pg_inherits i JOIN "${deployment}_core".runs r ON c.relname = 'scored_customers_' || r.run_id
				WHERE i.inhrelid = c.oid AND r.status = 'succeeded')});
}

# What makes a refresh of "shop" wait in each of its steps, as long as another
# session has done that in a transaction. The second step reads nothing that the
# first does not read, so it waits for the filter of the mapping: see make_hold.
# The last is stopped when it is about to make its rows part of the table, and
# again when it is about to make its run the current one.
sub step_gates
{
	return (
		[ 'summarize', 'LOCK TABLE shop_raw.products' ],
		[ 'summarize', 'SELECT pg_advisory_xact_lock(2)' ],
		[ 'cut', 'LOCK TABLE shop_core.cut_points' ],
		[ 'fit', 'LOCK TABLE shop_core.model_promotions' ],
		[ 'summarize', 'LOCK TABLE shop_raw.customers' ],
		[ 'score', 'ALTER VIEW shop_core.customers_clean SET (security_invoker = true)' ],
		[ 'record', 'LOCK TABLE shop_core.run_segments' ],
		[ 'publish', 'LOCK TABLE shop_core.scored_customers IN SHARE UPDATE EXCLUSIVE MODE' ],
		[ 'publish', 'SELECT FROM shop_core.runs WHERE is_current FOR UPDATE' ]);
}

# A function hold() that waits in step 2, for the filter of a mapping
sub make_hold
{
	my ($node, $database, $user, $schema) = @_;
	query(
		$node, $database, $user, qq{
		CREATE FUNCTION $schema.hold() RETURNS boolean LANGUAGE plpgsql AS \$\$
		BEGIN
			IF current_setting('application_name') LIKE 'rfmseg %: step 2/%' THEN
				PERFORM pg_advisory_xact_lock_shared(2);
			END IF;
			RETURN true;
		END \$\$});
	return;
}

# A session that holds what a step needs, until it is told to COMMIT
sub close_gate
{
	my ($node, $database, $user, $lock) = @_;
	my $gate = RfmsegTest::Session->new($node, $database, $user);
	$gate->ask("BEGIN; $lock;");
	die $gate->errors if $gate->errors ne '';
	return $gate;
}

# Waits until a session is in that step and can get no further
sub wait_for_step
{
	my ($node, $database, $session, $step) = @_;
	my $pid = $session->pid;
	wait_until(
		$node,
		$database,
		qq{EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid AND application_name LIKE 'rfmseg shop: step % $step')
			AND EXISTS (SELECT FROM pg_locks WHERE pid = $pid AND NOT granted)});
	return;
}

# A psql that stays open. What it is sent runs while the test goes on.
package RfmsegTest::Session;

use IPC::Run;
use PostgreSQL::Test::Utils;

sub new
{
	my ($class, $node, $database, $user) = @_;
	my $self = bless { in => '', out => '', err => '', asked => 0 }, $class;
	$self->{run} = IPC::Run::start(
		[
			$node->installed_command('psql'), '-XAtq',
			'-v', 'VERBOSITY=verbose',
			'-d', $node->connstr($database),
			defined $user ? ('-U', $user) : ()
		],
		'<', \$self->{in},
		'>', \$self->{out},
		'2>', \$self->{err},
		IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default));
	$self->{pid} = $self->ask('SELECT pg_backend_pid();');
	return $self;
}

sub pid { return $_[0]->{pid} }

# All errors so far
sub errors { return $_[0]->{err} }

# Sends statements, each with its semicolon, and does not wait
sub tell
{
	my ($self, $sql) = @_;
	$self->{in} .= "$sql\n";
	$self->{run}->pump_nb;
	return;
}

# What came out since the last question, once all that was sent is done
sub answer
{
	my ($self) = @_;
	my $mark = 'answer ' . ++$self->{asked} . ' ends';
	$self->{in} .= "\\echo '$mark'\n";
	$self->{run}->pump until $self->{out} =~ /^\Q$mark\E\n/m;
	$self->{out} =~ s/\A(.*?)^\Q$mark\E\n//ms;
	my $answer = $1;
	chomp $answer;
	return $answer;
}

sub ask
{
	my ($self, $sql) = @_;
	$self->tell($sql);
	return $self->answer;
}

# Waits for the end of a session that something else has ended
sub wait_for_end
{
	my ($self) = @_;
	eval { $self->{run}->finish };
	return;
}

sub quit
{
	my ($self) = @_;
	$self->{in} .= "\\q\n";
	return $self->wait_for_end;
}

1;
