
# A server that goes down in the middle of a refresh, in each of its steps: what
# was published stays, nothing half-made is left, and the next refresh works.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_server('crash', 'restart_after_crash = on');
my $db = 'shopdb';

query($node, 'postgres', undef,
	"CREATE ROLE alice LOGIN; CREATE DATABASE $db; GRANT CREATE ON DATABASE $db TO alice");
query($node, $db, 'alice', 'CREATE EXTENSION rfmseg; CREATE SCHEMA mine');
make_orders($node, $db, 'alice', 'mine.orders');
make_hold($node, $db, 'alice', 'mine');
query($node, $db, 'alice', q{SELECT rfmseg.deploy('shop');}
	  . map_orders('shop', 'mine.orders', q{filter => 'mine.hold()'}));

my $amcheck = query($node, $db, undef,
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
query($node, $db, undef, 'CREATE EXTENSION amcheck') if $amcheck;

# The two ways to go down. After each the server is up again.
sub kill_backend
{
	my ($session, @others) = @_;

	# The postmaster ends all other sessions before it starts anew
	my @pids = map { $_->pid } $session, @others;
	kill 'KILL', $session->pid;
	my $patience = $PostgreSQL::Test::Utils::timeout_default * 10;
	while (kill(0, @pids) > 0)
	{
		die 'the server\'s processes do not end' if $patience-- == 0;
		usleep(100_000);
	}
	$_->wait_for_end foreach $session, @others;
	wait_until($node, $db, 'true');
	return;
}

sub stop_immediately
{
	my (@sessions) = @_;
	$node->stop('immediate');
	$_->wait_for_end foreach @sessions;
	$node->start;
	return;
}

my %going_down = (
	'kill -9' => \&kill_backend,
	'pg_ctl stop -m immediate' => \&stop_immediately);

# Tables and indexes hold together
sub is_sound
{
	my ($name) = @_;
	SKIP:
	{
		skip 'amcheck is not installed', 1 if !$amcheck;
		$node->command_ok(
			[
				'pg_amcheck', '--heapallindexed', '-s', 'shop*', '-s', 'pg_catalog',
				$db
			],
			"$name: pg_amcheck finds nothing");
	}
	return;
}

# Each time a customer more buys
my $customer = 1000;
sub buy
{
	$customer++;
	query(
		$node, $db, 'alice',
		"INSERT INTO mine.orders (line, invoice, cust, bought_at, pieces, price)
		VALUES ($customer, $customer, $customer, '2023-06-01', 1, 10)");
	return;
}

# What must hold after each crash
sub goes_on
{
	my ($name, $published, $run, $in_block) = @_;
	is( query($node, $db, undef, q{SELECT to_regclass('shop.segment_profiles') IS NOT NULL})
		  eq 't' ? published_state($node, $db, 'alice') : '',
		$published,
		"$name: the old segments are there");
	is(leftovers($node, $db), '', "$name: no table of the refresh is left");
	is_sound($name);

	query($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
	is( query(
			$node, $db, 'alice',
			"SELECT string_agg(status, ' ' ORDER BY run_id) FROM shop.runs WHERE run_id > $run"
		),
		$in_block ? 'succeeded' : 'interrupted succeeded',
		"$name: the next refresh works, "
		  . ($in_block
			? 'and of the interrupted one there is no record'
			: 'and says that the one before was interrupted'));
	is( query(
			$node, $db, 'alice',
			"SELECT count(*) FILTER (WHERE customer_id = $customer), count(*) = (SELECT customers FROM shop.runs WHERE is_current),
				(SELECT sum(customer_count) FROM shop.segment_profiles) = count(*) FROM shop.customer_segments"
		),
		'1|t|t',
		"$name: the new customer is published");
	is( query(
			$node, $db, 'alice',
			q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'shop_core.scored_customers'::regclass}
		),
		'1',
		"$name: and only one set of rows is kept");
	return;
}

sub crash_in
{
	my ($step, $lock, $way, $begin) = @_;
	my $name = "$way in step $step" . ($begin ? ' in a block' : '') . " ($lock)";
	my $exists = query($node, $db, undef,
		q{SELECT to_regclass('shop.segment_profiles') IS NOT NULL}) eq 't';
	my $published = $exists ? published_state($node, $db, 'alice') : '';
	my $run = query($node, $db, 'alice', 'SELECT coalesce(max(run_id), 0) FROM shop.runs');
	buy();
	my $gate = close_gate($node, $db, 'alice', $lock);
	my $session = RfmsegTest::Session->new($node, $db, 'alice');
	$session->tell('BEGIN;') if $begin;
	$session->tell(q{CALL rfmseg.refresh('shop');});
	wait_for_step($node, $db, $session, $step);
	$going_down{$way}->($session, $gate);
	goes_on($name, $published, $run, $begin);
	return;
}

# The very first refresh: there is nothing yet, and nothing may come of it
crash_in('record', 'LOCK TABLE shop_core.run_segments', 'kill -9', 0);

foreach my $way (sort keys %going_down)
{
	crash_in(@$_, $way, 0) foreach step_gates();
}
crash_in('publish', (step_gates())[-1]->[1], 'kill -9', 1);

# While one waits for another, both go down
{
	my $published = published_state($node, $db, 'alice');
	my $run = query($node, $db, 'alice', 'SELECT max(run_id) FROM shop.runs');
	buy();
	my $gate = close_gate($node, $db, 'alice', 'LOCK TABLE shop_core.run_segments');
	my $first = RfmsegTest::Session->new($node, $db, 'alice');
	my $second = RfmsegTest::Session->new($node, $db, 'alice');
	$first->tell(q{CALL rfmseg.refresh('shop');});
	wait_for_step($node, $db, $first, 'record');
	$second->tell(q{CALL rfmseg.refresh('shop');});
	wait_until($node, $db,
		'EXISTS (SELECT FROM pg_locks WHERE pid = ' . $second->pid . ' AND NOT granted)');
	kill_backend($second, $first, $gate);
	is(published_state($node, $db, 'alice'),
		$published, 'two at once: the old segments are there');
	is(leftovers($node, $db), '', 'two at once: no table of theirs is left');
	query($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
	is( query(
			$node, $db, 'alice',
			"SELECT string_agg(status, ' ' ORDER BY run_id) FROM shop.runs WHERE run_id > $run"
		),
		'interrupted interrupted succeeded',
		'two at once: the next refresh works, and says that both were interrupted');
}

# What is committed stays, also if the server goes down at once
buy();
query($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
my $published = published_state($node, $db, 'alice');
stop_immediately();
is(published_state($node, $db, 'alice'),
	$published, 'a refresh that has ended has ended');
is_sound('at last');

done_testing();
