
# Sudden death at random moments: a deployment goes through refreshes, looks
# back, trainings and mends while its purchases change, and again and again the
# server process, a parallel worker or the whole server is killed in the middle.
# What is published is then the old or the new, history counts everybody once,
# indexes hold together, and the next refresh gives what a deployment gives that
# is made from nothing on the same rows.
#
# RFMSEG_KILLS sets how many kills must have hit something that was going on,
# RFMSEG_SEED repeats what a run chose. The moments are parts of a duration that
# is measured, so a repetition hits about the same place, not the same byte.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;
use Time::HiRes qw(time usleep);

my $wanted = $ENV{RFMSEG_KILLS} || 15;
my $seed = srand($ENV{RFMSEG_SEED} || time);
note("RFMSEG_KILLS=$wanted RFMSEG_SEED=$seed");

my $db = 'shopdb';
my $node = new_server('kills', 'restart_after_crash = on');

query($node, 'postgres', undef,
	"CREATE ROLE alice LOGIN; CREATE DATABASE $db; GRANT CREATE ON DATABASE $db TO alice");
query($node, $db, 'alice', 'CREATE EXTENSION rfmseg; CREATE SCHEMA mine');
make_orders($node, $db, 'alice', 'mine.orders');

my $amcheck = query($node, $db, undef,
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
query($node, $db, undef, 'CREATE EXTENSION amcheck') if $amcheck;

#
# The deployment, with rows that are dropped, and workers that can be slowed
# down, so that there is time to catch one
#

my $settings = q{time_zone => 'UTC', cut_mode => 'refresh'};
query($node, $db, 'alice', qq{
	CREATE FUNCTION mine.in_reason(amount numeric) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS \$\$
	BEGIN
		IF current_setting('kills.slow', true) = 'on' THEN
			PERFORM pg_sleep(0.0005);
		END IF;
		RETURN amount < 1000000;
	END \$\$;
	SELECT rfmseg.deploy('shop');
	SELECT rfmseg.configure('shop', $settings);
	SELECT rfmseg.expect('shop', 'transactions', 'in_reason', 'mine.in_reason(total_amount)', 'drop');
	INSERT INTO shop_raw.transactions (transaction_id, customer_id, order_id, transaction_date, product_id, category, quantity, total_amount)
		SELECT line, cust, invoice, bought_at, line % 23, category, pieces, pieces * price FROM mine.orders;
	INSERT INTO shop_raw.customers (customer_id, age, gender, state)
		SELECT i, 10 + i % 60, 'f', 'state ' || i % 5 FROM generate_series(1, 150) i;
	CALL rfmseg.refresh('shop', as_of => '2023-07-01');
	CALL rfmseg.refresh('shop')});

# Small as the table is
my $slow_workers = 'SET kills.slow = on; SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;';

# Customers, by all columns but those that depend on what else was run, which
# unbalanced() compares with history
sub customers_of
{
	my ($deployment, @but) = @_;
	my $but = join ',', qw(run_id previous_segment segment_since), @but;
	return qq{
		SELECT count(*) || ' ' || md5(string_agg((to_jsonb(c) - '{$but}'::text[])::text, E'\\n' ORDER BY customer_id))
		FROM ${deployment}_core.scored_customers c
		WHERE run_id = (SELECT run_id FROM ${deployment}.runs WHERE is_current);};
}

# What does not depend on models trained meanwhile
sub rows_of
{
	my ($deployment) = @_;
	return customers_of($deployment, qw(cluster_id cluster_name)) . qq{
		SELECT md5(string_agg((to_jsonb(p) - 'refreshed_at')::text, E'\\n' ORDER BY segment_order)) FROM ${deployment}.segment_profiles p;
		SELECT md5(string_agg(q.dataset || q."row"::text, E'\\n' ORDER BY q.dataset, q.row_digest, q.copy)) FROM ${deployment}_core.quarantine q;};
}

# What a deployment publishes that nothing has ever happened to
sub fresh
{
	return query($node, $db, 'alice', qq{
		BEGIN;
		SELECT FROM rfmseg.deploy('fresh');
		SELECT FROM rfmseg.configure('fresh', $settings);
		SELECT FROM rfmseg.expect('fresh', 'transactions', 'in_reason', 'mine.in_reason(total_amount)', 'drop');
		INSERT INTO fresh_raw.transactions SELECT * FROM shop_raw.transactions;
		INSERT INTO fresh_raw.customers SELECT * FROM shop_raw.customers;
		CALL rfmseg.refresh('fresh');} . rows_of('fresh') . 'ROLLBACK');
}

# Problems of history and quarantine, if any
sub unbalanced
{
	return query($node, $db, 'alice', q{
		WITH run AS (
			SELECT *, coalesce(lag(customers) OVER (ORDER BY as_of), 0) AS customers_before
			FROM (SELECT DISTINCT ON (as_of) run_id, as_of, customers FROM shop_core.runs WHERE status = 'succeeded' ORDER BY as_of, run_id DESC) r
		)
		SELECT 'migrations of run ' || run_id FROM run LEFT JOIN shop_core.run_migrations m USING (run_id)
		GROUP BY run_id, customers, customers_before
		HAVING coalesce(sum(customer_count) FILTER (WHERE to_segment IS NOT NULL), 0) <> customers
			OR coalesce(sum(customer_count) FILTER (WHERE from_segment IS NOT NULL), 0) <> customers_before
		UNION ALL
		SELECT 'history of ' || as_of FROM run
		WHERE (SELECT jsonb_object_agg(segment_name, customer_count) FROM shop_core.run_segments s WHERE s.run_id = run.run_id AND customer_count > 0)
			IS DISTINCT FROM
			(SELECT jsonb_object_agg(segment_name, n) FROM (SELECT segment_name, count(*) AS n FROM shop_core.segment_history h
				WHERE h.as_of <= run.as_of AND (as_of_to IS NULL OR as_of_to > run.as_of) AND segment_name IS NOT NULL GROUP BY 1) AS h)
		UNION ALL
		SELECT 'customer ' || customer_id FROM shop_core.segment_history
		GROUP BY customer_id HAVING count(*) FILTER (WHERE as_of_to IS NULL) <> 1
		UNION ALL
		SELECT 'customer ' || customer_id || ' now' FROM shop_core.scored_customers c JOIN shop_core.current_run USING (run_id)
			FULL JOIN (SELECT * FROM shop_core.segment_history WHERE as_of_to IS NULL AND segment_name IS NOT NULL) h USING (customer_id)
		WHERE (c.segment_name, c.previous_segment, c.segment_since) IS DISTINCT FROM (h.segment_name, h.previous_segment, h.as_of)
		UNION ALL
		SELECT check_name || ' of run ' || run_id FROM shop_core.run_checks WHERE check_name = 'unexplained' AND (amount, row_count) IS DISTINCT FROM (0, 0)
		UNION ALL
		SELECT 'quarantine' FROM shop_core.quarantine HAVING count(*) <>
			(SELECT count(*) FROM shop_raw.customers WHERE age < 18) + (SELECT count(*) FROM shop_raw.transactions WHERE total_amount < 0 AND NOT is_return)});
}

# (run, rows) published now
sub published
{
	return (
		query($node, $db, 'alice', 'SELECT run_id FROM shop.runs WHERE is_current'),
		query($node, $db, 'alice', customers_of('shop')));
}

#
# What goes on in the shop
#

my $line = 10000;
my $hours = 0;

# Purchases of old and new customers, a dirty one, one taken away
sub change_source
{
	my $sql = '';
	for (0 .. int(rand(20)))
	{
		$line++;
		$hours += int(rand(2)) * int(rand(30));
		$sql .= sprintf(
			q{INSERT INTO shop_raw.transactions (transaction_id, customer_id, order_id, transaction_date, product_id, category, quantity, total_amount, is_return)
				VALUES (%d, %d, %d, timestamptz '2024-06-01 12:00+00' + %d * interval '1 hour', %d, 'category 1', 1, %.2f, false);},
			$line, 1 + rand(200), $line, $hours, $line % 23, rand(300) - 10);
	}
	$sql .= sprintf('DELETE FROM shop_raw.transactions WHERE customer_id = %d;', 1 + rand(200)) if rand() < 0.3;
	$sql .= sprintf('INSERT INTO shop_raw.customers (customer_id, age) VALUES (%d, %d);', 150 + $line, 10 + rand(30));
	$sql .= q{UPDATE shop_core.quarantine SET mend = '{"age": 18}' WHERE key IN (SELECT min(key) FROM shop_core.quarantine WHERE dataset = 'customers') AND dataset = 'customers'};
	query($node, $db, 'alice', $sql);
	return;
}

my %actions = (
	'refresh' => sub { q{CALL rfmseg.refresh('shop');} },
	'refresh in a block' => sub { q{BEGIN; CALL rfmseg.refresh('shop'); COMMIT;} },
	'look back' => sub { sprintf(q{CALL rfmseg.refresh('shop', '2024-%02d-15');}, 1 + rand(5)) },
	'backfill' => sub { q{CALL rfmseg.backfill('shop', '2023-10-01', '2024-01-01', '1 month');} },
	'train, refresh' => sub { sprintf(q{CALL rfmseg.train('shop', k => %d); CALL rfmseg.refresh('shop');}, 2 + rand(4)) },
	'replay, refresh' => sub { q{SELECT count(*) FROM rfmseg.replay('shop'); CALL rfmseg.refresh('shop');} });
my @actions = sort keys %actions;

# How long each takes on this machine
my %seconds;
foreach my $action (@actions)
{
	change_source();
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	my $since = time;
	$session->ask($actions{$action}->());
	$seconds{$action} = time - $since;
	is($session->errors, '', sprintf('undisturbed: %s, %.2f s', $action, $seconds{$action}));
	$session->quit;
}
is(unbalanced(), '', 'undisturbed: everybody is counted once');

#
# Killing
#

# Each takes the session that is at work and one of the superuser's, and ends
# both. What it returns says whom it has hit.
sub kill_process
{
	my ($pid, @sessions) = @_;
	my @pids = map { $_->pid } @sessions;
	kill 'KILL', $pid;
	my $patience = $PostgreSQL::Test::Utils::timeout_default * 20;
	while (kill(0, @pids) > 0)
	{
		die 'the server\'s processes do not end' if $patience-- == 0;
		usleep(50_000);
	}
	$_->wait_for_end foreach @sessions;
	wait_until($node, $db, 'true');
	return;
}

my %ways = (
	'kill -9 of the backend' => sub {
		my ($session, $monitor) = @_;
		kill_process($session->pid, $session, $monitor);
		return 1;
	},
	'kill -9 of a parallel worker' => sub {
		my ($session, $monitor) = @_;
		my $patience = 1000;
		my $worker = '';
		while ($worker eq '' && $patience-- > 0)
		{
			$worker = $monitor->ask('SELECT max(pid) FROM pg_stat_activity WHERE leader_pid = ' . $session->pid . ';');
			last if $worker eq '' && $monitor->ask('SELECT state FROM pg_stat_activity WHERE pid = ' . $session->pid . ';') eq 'idle';
		}
		kill_process($worker eq '' ? $session->pid : $worker, $session, $monitor);
		return $worker ne '';
	},
	'kill -9 of the checkpointer' => sub {
		my ($session, $monitor) = @_;
		kill_process($monitor->ask(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer';}), $session, $monitor);
		return 1;
	},
	'immediate stop' => sub {
		my (@sessions) = @_;
		$node->stop('immediate');
		$_->wait_for_end foreach @sessions;
		$node->start;
		return 1;
	},
	'pg_terminate_backend' => sub {
		my ($session, $monitor) = @_;
		$monitor->ask('SELECT pg_terminate_backend(' . $session->pid . ', 60000);');
		$_->wait_for_end foreach $session;
		$monitor->quit;
		return 1;
	});
my @ways = sort keys %ways;

my ($kills, $hits, $workers, %step_hit, %kept) = (0, 0, 0);
my ($turn, $first_turn) = (0, int(rand(@ways)));
while ($hits < $wanted && $kills < 3 * $wanted)
{
	# each way in turn, each action by chance
	my $way = $ways[ ($first_turn + $turn++) % @ways ];
	my $action = $actions[ rand(@actions) ];
	my $moment = rand();
	my $name = sprintf('%s, %s at %.2f', $action, $way, $moment);
	change_source();
	my ($run, $rows) = published();
	my $seen = published_state($node, $db, 'alice');
	my $last_run = query($node, $db, 'alice', 'SELECT max(run_id) FROM shop.runs');

	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	my $monitor = RfmsegTest::Session->new($node, $db);
	my $slow = $way =~ /worker/;
	$session->ask($slow_workers) if $slow;
	$session->tell($actions{$action}->() . "\n\\echo all done");
	usleep(1e6 * $moment * $seconds{$action}) unless $slow && $moment > 0.5;
	my $step = $monitor->ask('SELECT state, application_name FROM pg_stat_activity WHERE pid = ' . $session->pid . ';');
	my $hit_worker = $ways{$way}->($session, $monitor) && $slow;
	$kills++;
	$workers++ if $hit_worker;
	if ($session->{out} !~ /^all done$/m)
	{
		$hits++;
		$step_hit{ $step =~ /: (?:step )?(.*)/ ? $1 : 'other' }++;
	}

	# Old or new
	my ($run_now, $rows_now) = published();
	if ($run_now == $run)
	{
		$kept{old}++;
		is($rows_now, $rows, "$name: the old rows are published");
		is(published_state($node, $db, 'alice'), $seen, "$name: in all views") if $action !~ /back/;
	}
	else
	{
		$kept{new}++;
		cmp_ok($run_now, '>', $last_run, "$name: the new rows are published");
	}
	is(leftovers($node, $db), '', "$name: no table is left half-made");

	# And on
	query($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
	my ($next_run, $next_rows) = published();
	is($rows_now, $next_rows, "$name: and were whole") if $run_now != $run;
	is(query($node, $db, 'alice', rows_of('shop')), fresh(), "$name: the next refresh gives what a new deployment gives");
	is(unbalanced(), '', "$name: everybody is counted once");
	is( query($node, $db, 'alice', q{
			SELECT string_agg(DISTINCT status, ' ') FROM shop_core.runs WHERE status NOT IN ('succeeded', 'interrupted') OR status = 'running';
			SELECT string_agg(DISTINCT status, ' ') FROM shop_core.model_runs WHERE status NOT IN ('succeeded', 'interrupted')}),
		"\n", "$name: no run is said to go on");
	SKIP:
	{
		skip 'amcheck is not installed', 1 if !$amcheck;
		$node->command_ok([ 'pg_amcheck', '--heapallindexed', '-s', 'shop*', '-s', 'pg_catalog', $db ],
			"$name: pg_amcheck finds nothing");
	}
}

note("$kills kills, $hits in the middle of something, $workers of them of a worker");
note("published afterwards: the old $kept{$_} times") foreach grep { $kept{$_} } 'old';
note("published afterwards: the new $kept{$_} times") foreach grep { $kept{$_} } 'new';
note("hit: $_, $step_hit{$_} times") foreach sort keys %step_hit;
is($hits, $wanted, 'so many kills have hit something that went on');
cmp_ok($workers, '>', 0, 'a parallel worker among them') if $wanted >= 15;

done_testing();
