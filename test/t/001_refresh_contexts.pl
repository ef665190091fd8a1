
# refresh() wherever it may be called from, whether it succeeds, fails or is
# cancelled: what it leaves behind in the data, in the runs and in the session.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $node = new_server('contexts');
my $db = 'shopdb';

query($node, 'postgres', undef,
	"CREATE ROLE alice LOGIN; CREATE DATABASE $db; GRANT CREATE ON DATABASE $db TO alice");
query($node, $db, 'alice', 'CREATE EXTENSION rfmseg; CREATE SCHEMA mine');
make_orders($node, $db, 'alice', 'mine.orders');
make_hold($node, $db, 'alice', 'mine');
query(
	$node, $db, 'alice', q{
	SELECT rfmseg.deploy('shop');
	SELECT rfmseg.configure('shop', time_zone => 'UTC');
	-- a division that can fail
	SELECT rfmseg.map_transactions('shop', 'mine.orders', customer_id => 'cust', event_at => 'bought_at',
		amount => '2 * price / pieces', order_id => 'invoice', filter => 'mine.hold()');
	CALL rfmseg.refresh('shop');
	CREATE PROCEDURE mine.nightly() LANGUAGE plpgsql AS $$
	BEGIN
		CALL rfmseg.refresh('shop');
	END $$;
	CREATE PROCEDURE mine.nightly_with_set() LANGUAGE plpgsql SET work_mem = '1MB' AS $$
	BEGIN
		CALL rfmseg.refresh('shop');
	END $$;
	CREATE FUNCTION mine.nightly_function() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		CALL rfmseg.refresh('shop');
	END $$});

# Every way to call it: SQL, with %s for a statement to be run before the call
# where it is one transaction with it; and whether the call can commit.
my @contexts = (
	[ 'at top level', q{%s; CALL rfmseg.refresh('shop');}, 1 ],
	[ 'in a DO block', q{%s; DO $$ BEGIN CALL rfmseg.refresh('shop'); END $$;}, 1 ],
	[ 'in a loop over the deployments',
		q{%s; DO $$ DECLARE d text; BEGIN
			FOR d IN SELECT deployment FROM rfmseg.deployments() LOOP CALL rfmseg.refresh(d); END LOOP; END $$;}, 1 ],
	[ 'in a procedure', q{%s; CALL mine.nightly();}, 1 ],
	[ 'in a block', q{BEGIN; %s; CALL rfmseg.refresh('shop'); COMMIT;}, 0 ],
	[ 'in a block, REPEATABLE READ',
		q{BEGIN ISOLATION LEVEL REPEATABLE READ; %s; CALL rfmseg.refresh('shop'); COMMIT;}, 0 ],
	[ 'in a block, SERIALIZABLE',
		q{BEGIN ISOLATION LEVEL SERIALIZABLE; %s; CALL rfmseg.refresh('shop'); COMMIT;}, 0 ],
	[ 'as the last of two statements', q{%s \; CALL rfmseg.refresh('shop');}, 0 ],
	[ 'as the first of two statements',
		q{BEGIN; %s; COMMIT; CALL rfmseg.refresh('shop') \; SELECT 1;}, 0 ],
	[ 'after a savepoint',
		q{BEGIN; %s; SAVEPOINT a; CALL rfmseg.refresh('shop'); RELEASE a; COMMIT;}, 0 ],
	[ 'in a procedure in a block', q{BEGIN; %s; CALL mine.nightly(); COMMIT;}, 0 ],
	[ 'in a procedure with a SET clause', q{%s; CALL mine.nightly_with_set();}, 0 ],
	[ 'in a function', q{%s; SELECT FROM mine.nightly_function();}, 0 ],
	[ 'in a DO block with a handler',
		q{%s; DO $$ BEGIN CALL rfmseg.refresh('shop'); EXCEPTION WHEN no_data_found THEN NULL; END $$;}, 0 ]);

sub one { return query($node, $db, 'alice', $_[0]) }
sub last_run
{
	return one(q{SELECT run_id FROM shop.runs ORDER BY run_id DESC LIMIT 1});
}

# What a session of the caller's must look like afterwards
my $session_settings = q{
	SET search_path = mine, public; SET application_name = 'the caller''s';
	SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = -2;};
my $show_settings = q{
	SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
	WHERE name IN ('search_path', 'application_name', 'TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits',
		'transaction_isolation', 'client_min_messages');};

#
# Success
#

my $customer = 1000;
foreach my $context (@contexts)
{
	my ($name, $sql, $commits) = @$context;
	my $before = last_run();
	my $customers = one('SELECT count(*) FROM shop.customer_segments');
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	my $settings = $session->ask($session_settings . $show_settings);

	# a customer more is published
	$customer++;
	$session->ask(
		sprintf $sql,
		"INSERT INTO mine.orders (line, invoice, cust, bought_at, pieces, price) VALUES ($customer, $customer, $customer, '2023-06-01', 1, 10)"
	);
	is($session->errors, '', "$name: works");
	is($session->ask($show_settings), $settings,
		"$name: the session's settings are as before");
	is( $session->ask(
			q{SELECT txid_current_if_assigned() IS NULL, count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation <> 'pg_locks'::regclass;}
		),
		't|0',
		"$name: no transaction is left open");
	$session->quit;
	is( one(qq{
			SELECT count(*), min(status), bool_and(is_current),
				(SELECT count(*) FROM shop.customer_segments) - $customers
			FROM shop.runs WHERE run_id > $before}),
		'1|succeeded|t|1', "$name: the new segments are published");
	is(leftovers($node, $db), '', "$name: nothing is left over");
}

# In the caller's own transaction too the settings are back at once, not only at
# its end
query($node, $db, 'alice', q{
	CREATE PROCEDURE mine.watchful() LANGUAGE plpgsql AS $$
	DECLARE
		before text := current_setting('search_path') || current_setting('application_name') || current_setting('TimeZone');
		now text;
	BEGIN
		CALL rfmseg.refresh('shop');
		now := current_setting('search_path') || current_setting('application_name') || current_setting('TimeZone');
		IF now <> before THEN
			RAISE 'was %, is %', before, now;
		END IF;
	END $$});
foreach my $sql (
	'CALL mine.watchful();',
	'BEGIN; CALL mine.watchful(); COMMIT;',
	q{BEGIN; SET LOCAL search_path = pg_catalog, mine; SET LOCAL application_name = 'local'; CALL mine.watchful(); COMMIT;},
	q{DO $$ BEGIN SET LOCAL search_path = pg_catalog, mine; SET LOCAL application_name = 'local'; CALL mine.watchful(); END $$;})
{
	my ($state, $said) = error_of($node, $db, 'alice', "$session_settings $sql");
	is($state, '', "settings are back within: $sql") or diag($said);
}

# The extended protocol, as drivers use it, with and without prepared statements
my $script = $node->basedir . '/refresh.sql';
append_to_file($script, "CALL rfmseg.refresh('shop');\n");
foreach my $protocol (qw(extended prepared))
{
	my $before = last_run();
	$node->command_ok(
		[
			'pgbench', '-n', '-t', '2', '-c', '1', '-M', $protocol, '-f', $script,
			'-h', $node->host, '-p', $node->port, '-U', 'alice', $db
		],
		"$protocol protocol: works");
	is( one(qq{SELECT count(*), min(status) FROM shop.runs WHERE run_id > $before}),
		'2|succeeded',
		"$protocol protocol: runs are on record");
}

# Superseded rows go with the next refresh that may commit
one(q{CALL rfmseg.refresh('shop')});
is( one(q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'shop_core.scored_customers'::regclass}),
	'1',
	'one set of per-customer rows remains');

# Other defaults for transactions
foreach my $level ('repeatable read', 'serializable')
{
	my $before = last_run();
	my $sql =
	  "SET default_transaction_isolation = '$level'; CALL rfmseg.refresh('shop'); DO \$\$ BEGIN CALL rfmseg.refresh('shop'); END \$\$; BEGIN; CALL rfmseg.refresh('shop'); COMMIT; SHOW transaction_isolation";
	is(one($sql), $level, "default $level: works");
	is( one(qq{SELECT count(*), min(status), max(status) FROM shop.runs WHERE run_id > $before}),
		'3|succeeded|succeeded',
		"default $level: runs are on record");
}
my $published = published_state($node, $db, 'alice');
my $runs = one('SELECT count(*) FROM shop.runs');
fails_with(
	$node, $db, 'alice',
	q{SET default_transaction_read_only = on; CALL rfmseg.refresh('shop')},
	'25006', qr/read-only transaction/, 'default read only: refused');
is( published_state($node, $db, 'alice') . one('SELECT count(*) FROM shop.runs'),
	$published . $runs,
	'default read only: nothing has changed');

#
# Failure
#

one(q{INSERT INTO mine.orders (line, invoice, cust, bought_at, pieces, price) VALUES (0, 0, 7, '2023-06-01', 0, 424242)});
foreach my $context (@contexts)
{
	my ($name, $sql, $commits) = @$context;
	my $before = last_run();
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	my $settings = $session->ask($session_settings . $show_settings);
	$session->ask('CREATE TEMP TABLE note (said text);');

	$session->ask(sprintf $sql, q{INSERT INTO note VALUES ('before')});
	like(
		$session->errors,
		qr/^[^\n]*ERROR:  22012: division by zero\n/,
		"$name: the caller gets the error");
	unlike($session->errors, qr/424242/, "$name: without the row's values");
	unlike($session->errors, qr/^(DETAIL|HINT):\s*$/m,
		"$name: with no empty detail or hint");
	is($session->ask($show_settings), $settings,
		"$name: failed, the session's settings are as before");
	my $together = $sql =~ /^(BEGIN[A-Z ]*; %s; (?!COMMIT)|%s \\;)/;
	is( $session->ask('SELECT count(*) FROM note;'),
		$together ? '0' : '1',
		"$name: failed, what the caller did before is "
		  . ($together ? 'rolled back' : 'kept'));
	$session->quit;
	is(published_state($node, $db, 'alice'),
		$published, "$name: failed, the old segments stay");
	is(leftovers($node, $db), '', "$name: failed, nothing is left over");
	is( one(qq{SELECT status, is_current, error_code, error_message FROM shop_core.runs WHERE run_id > $before}),
		$commits ? 'failed|f|22012|division by zero' : '',
		"$name: failed, the run is "
		  . ($commits ? 'on record' : 'rolled back too'));
}

# An error may be handled by who called, in a block of PL/pgSQL; then nothing
# of the refresh remains
{
	my $before = last_run();
	is( one(q{DO $$ BEGIN CALL rfmseg.refresh('shop'); EXCEPTION WHEN division_by_zero THEN
			INSERT INTO mine.orders (line, cust) VALUES (-1, -1); END $$; SELECT count(*) FROM mine.orders WHERE line = -1}),
		'1', 'a handler catches the error');
	is(last_run(), $before, 'and the run is rolled back');
	is(published_state($node, $db, 'alice'),
		$published, 'the old segments stay');
}
one('DELETE FROM mine.orders WHERE pieces = 0 OR cust = -1');

# A failure that the plan finds has a hint, which is kept
one(q{UPDATE shop_core.settings SET ruleset = 'none'});
fails_with($node, $db, 'alice', q{CALL rfmseg.refresh('shop')},
	'42704', qr/HINT:.*rfmseg\.configure/, 'a hint reaches the caller');
like(
	one(q{SELECT error_hint FROM shop_core.runs ORDER BY run_id DESC LIMIT 1}),
	qr/rfmseg\.configure/, 'and the record');
one(q{UPDATE shop_core.settings SET ruleset = 'standard'});

#
# Cancelled, in each step
#

foreach my $gate (step_gates())
{
	my ($step, $lock) = @$gate;
	my $before = last_run();
	my $holder = close_gate($node, $db, 'alice', $lock);
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	my $settings = $session->ask($session_settings . $show_settings);
	$session->tell(q{CALL rfmseg.refresh('shop');});
	wait_for_step($node, $db, $session, $step);

	is( query(
			$node, $db, undef,
			'SELECT pg_cancel_backend(' . $session->pid . ')'),
		't',
		"step $step ($lock) is cancelled");
	$session->answer;
	like($session->errors, qr/^[^\n]*ERROR:  57014: canceling statement due to user request\n/,
		"step $step: the caller is told");
	is($session->ask($show_settings), $settings,
		"step $step: the session's settings are as before");
	$holder->ask('COMMIT;');
	$holder->quit;
	is(published_state($node, $db, 'alice'),
		$published, "step $step: the old segments stay");
	is(leftovers($node, $db), '', "step $step: nothing is left over");
	is( one(qq{SELECT status, is_current, error_code FROM shop.runs WHERE run_id > $before}),
		'failed|f|57014',
		"step $step: the run is on record");

	$session->ask(q{CALL rfmseg.refresh('shop');});
	$session->quit;
	$published = published_state($node, $db, 'alice');
	like($published, qr/^@{[ $before + 2 ]}\|/,
		"step $step: the next refresh works");
}

# Cancelled while it waits for another refresh
{
	my $before = last_run();
	my $holder = close_gate($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	$session->tell(q{CALL rfmseg.refresh('shop');});
	wait_until($node, $db,
		'EXISTS (SELECT FROM pg_locks WHERE pid = ' . $session->pid . ' AND NOT granted)');
	query($node, $db, undef, 'SELECT pg_cancel_backend(' . $session->pid . ')');
	$session->answer;
	like($session->errors, qr/ERROR:  57014:/,
		'one that waits for another can be cancelled');
	$session->quit;
	$holder->ask('COMMIT;');
	is($holder->errors, '', 'and the other is not disturbed');
	$holder->quit;
	is( one(qq{SELECT string_agg(concat_ws(' ', status, error_code, is_current), ', ' ORDER BY status) FROM shop.runs WHERE run_id > $before}),
		'failed 57014 f, succeeded t',
		'both are on record');
	$published = published_state($node, $db, 'alice');
}

# The timeouts of PostgreSQL. The lock is held until they strike, however slow
# the machine.
foreach my $timeout (
	[ 'statement_timeout', '3s', '57014', 'canceling statement due to statement timeout' ],
	[ 'lock_timeout', '100ms', '55P03', 'canceling statement due to lock timeout' ])
{
	my ($setting, $value, $state, $message) = @$timeout;
	my $before = last_run();
	my $holder = close_gate($node, $db, 'alice',
		'LOCK TABLE shop_core.run_segments');
	fails_with(
		$node, $db, 'alice',
		qq{SET $setting = '$value'; CALL rfmseg.refresh('shop')},
		$state, qr/\Q$message/, "$setting: the caller is told");
	$holder->ask('COMMIT;');
	$holder->quit;
	is(published_state($node, $db, 'alice'),
		$published, "$setting: the old segments stay");
	is( one(qq{SELECT status, error_code, error_message FROM shop_core.runs WHERE run_id > $before}),
		"failed|$state|$message",
		"$setting: the run is on record");
	one(q{CALL rfmseg.refresh('shop')});
	$published = published_state($node, $db, 'alice');
	like($published, qr/^@{[ $before + 2 ]}\|/,
		"$setting: the next refresh works");
}

# A session that ends while refreshing leaves a run that the next one explains
{
	my $before = last_run();
	my $holder = close_gate($node, $db, 'alice',
		'LOCK TABLE shop_core.run_segments');
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	$session->tell(q{CALL rfmseg.refresh('shop');});
	wait_for_step($node, $db, $session, 'record');
	query($node, $db, undef,
		'SELECT pg_terminate_backend(' . $session->pid . ')');
	$session->wait_for_end;
	$holder->ask('COMMIT;');
	$holder->quit;
	wait_until($node, $db,
		'NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ' . $session->pid . ')');
	is(published_state($node, $db, 'alice'),
		$published, 'terminated: the old segments stay');
	is(leftovers($node, $db), '', 'terminated: nothing is left over');
	one(q{CALL rfmseg.refresh('shop')});
	is( one(qq{SELECT string_agg(status || ' ' || is_current, ', ' ORDER BY run_id) FROM shop.runs WHERE run_id > $before}),
		'interrupted false, succeeded true',
		'terminated: the next refresh marks the run as interrupted');
}

# Three at once run one after the other, and none is called interrupted while it
# waits. Each gate opens for one of them, and closes behind it.
{
	my $before = last_run();
	my $statuses = qq{SELECT string_agg(status, ', ' ORDER BY status) FROM shop.runs WHERE run_id > $before};
	my ($refresh, $close) = (
		q{CALL rfmseg.refresh('shop');},
		'BEGIN; LOCK TABLE shop_core.run_segments;');
	my @sessions =
	  map { RfmsegTest::Session->new($node, $db, 'alice') } 1 .. 3;
	my @gates =
	  map { RfmsegTest::Session->new($node, $db, 'alice') } 1 .. 3;
	my $start = sub {
		my ($session, $sql) = @_;
		$session->tell($sql);
		wait_until($node, $db,
			'EXISTS (SELECT FROM pg_locks WHERE pid = ' . $session->pid . ' AND NOT granted)');
	};
	my $let_through = sub {
		my ($i) = @_;
		$start->($gates[ $i + 1 ], $close);
		$gates[$i]->ask('COMMIT;');
		$sessions[$i]->answer;
		$gates[ $i + 1 ]->answer;
		wait_for_step($node, $db, $sessions[ $i + 1 ], 'record');
	};

	$gates[0]->ask($close);
	$start->($_, $refresh) foreach @sessions;
	is(one($statuses), 'running, running, running',
		'three at once: all are on record as running');
	$let_through->(0);
	is(one($statuses), 'running, running, succeeded',
		'three at once: one is through, two are not');
	$let_through->(1);
	is(one($statuses), 'running, succeeded, succeeded',
		'three at once: two are through, one is not');
	$gates[2]->ask('COMMIT;');
	$sessions[2]->answer;
	is(one($statuses), 'succeeded, succeeded, succeeded',
		'three at once: all are through');
	is(join('', map { $_->errors } @sessions, @gates),
		'', 'three at once: without an error');
	is( one("SELECT run_id - $before, is_current FROM shop.runs WHERE is_current"),
		'3|t',
		'three at once: the last one\'s segments are published');
	is(leftovers($node, $db), '', 'three at once: nothing is left over');
	$_->quit foreach @sessions, @gates;
}

# Where transactions are REPEATABLE READ by default, the second either works or
# is refused in a way that says to try again
{
	my $before = last_run();
	my $holder = close_gate($node, $db, 'alice',
		'LOCK TABLE shop_core.run_segments');
	my $first = RfmsegTest::Session->new($node, $db, 'alice');
	my $second = RfmsegTest::Session->new($node, $db, 'alice');
	$_->ask(q{SET default_transaction_isolation = 'repeatable read';})
	  foreach $first, $second;
	$first->tell(q{CALL rfmseg.refresh('shop');});
	wait_for_step($node, $db, $first, 'record');
	$second->tell(q{CALL rfmseg.refresh('shop');});
	wait_until($node, $db,
		'EXISTS (SELECT FROM pg_locks WHERE pid = ' . $second->pid . ' AND NOT granted)');
	$holder->ask('COMMIT;');
	$first->answer;
	$second->answer;
	is($first->errors, '', 'two at once, repeatable read: the first succeeds');
	like($second->errors, qr/^($|[^\n]*ERROR:  40001:)/,
		'two at once, repeatable read: the second does, or may try again');
	is( one(qq{SELECT count(*) FILTER (WHERE is_current), count(*) FILTER (WHERE status = 'running') FROM shop.runs}),
		'1|0',
		'two at once, repeatable read: one run is current, none is left running');
	is( one(q{SELECT count(*) = (SELECT customers FROM shop.runs WHERE is_current) FROM shop.customer_segments}),
		't',
		'two at once, repeatable read: its rows are published');
	is(leftovers($node, $db), '',
		'two at once, repeatable read: nothing is left over');
	$_->quit foreach $first, $second, $holder;
}

# While it runs, others see how far it is
{
	my $holder = close_gate($node, $db, 'alice',
		'LOCK TABLE shop_core.run_segments');
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	$session->ask(q{SET application_name = 'mine';});
	$session->tell(q{CALL rfmseg.refresh('shop');});
	wait_for_step($node, $db, $session, 'record');
	is( query(
			$node, $db, undef,
			'SELECT application_name FROM pg_stat_activity WHERE pid = ' . $session->pid),
		'rfmseg shop: step 6/7 record',
		'its step is its application_name');
	is( one(q{SELECT status FROM shop.runs ORDER BY run_id DESC LIMIT 1}),
		'running', 'and its run is on record');
	$holder->ask('COMMIT;');
	$session->answer;
	is( query(
			$node, $db, undef,
			'SELECT application_name FROM pg_stat_activity WHERE pid = ' . $session->pid),
		'mine',
		'afterwards it is the caller\'s again');
	$_->quit foreach $session, $holder;
}

done_testing();
