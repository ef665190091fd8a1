
# What happens after a refresh: one notification each, none for a failed one;
# and campaigns whose true effect is known are measured as they should be.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $node = new_server('campaigns');
my $db = 'shopdb';
query($node, 'postgres', undef, "CREATE DATABASE $db; CREATE ROLE nobody_special LOGIN");
query($node, $db, undef, q{CREATE EXTENSION rfmseg; SELECT rfmseg.deploy('shop')});
query($node, $db, undef, q{SELECT count(*) FROM rfmseg.generate('shop', 1500, 3)});

#
# One notification for each committed refresh
#

# psql prints what came in after each statement
my $listener = RfmsegTest::Session->new($node, $db, 'nobody_special');
$listener->ask('LISTEN rfmseg_shop;');
my $heard = sub { return grep { /^Asynchronous notification/ } split /\n/, $listener->ask('SELECT 1;') };

query($node, $db, undef, q{CALL rfmseg.refresh('shop', '2025-06-01 UTC')});
my @news = $heard->();
is(scalar @news, 1, 'a refresh is told of once');
like($news[0], qr/"deployment" : "shop", "run_id" : 1, "as_of" : "2025-06-01T00:00:00\+00:00", "is_current" : true, "customers" : \d+, "changed" : \d+\}/,
	'with its numbers, and nothing of anybody');
query($node, $db, undef, q{CALL rfmseg.refresh('shop', '2025-07-01 UTC'); CALL rfmseg.refresh('shop', '2025-05-01 UTC')});
@news = $heard->();
is(scalar @news, 2, 'so are two, one of which looks back');
my %told = map { /"run_id" : (\d+).*"is_current" : (\w+).*"changed" : (\d+)/ ? ($1 => [ $2, $3 ]) : () } @news;
is($told{3}[0], 'false', 'and says so');
is($told{2}[1], query($node, $db, undef, q{SELECT count(*) FROM shop.segment_changes WHERE run_id = 2}),
	'as many have changed as segment_changes shows');
query($node, $db, undef, q{BEGIN; CALL rfmseg.refresh('shop', '2025-08-01 UTC'); ROLLBACK});
is(scalar $heard->(), 0, 'a refresh that is rolled back is not told of');
query($node, $db, undef, q{SELECT rfmseg.expect('shop', 'transactions', 'impossible', 'total_amount < -1e9', 'fail')});
isnt((error_of($node, $db, undef, q{CALL rfmseg.refresh('shop', '2025-08-01 UTC')}))[0], '', 'a refresh fails');
is(scalar $heard->(), 0, 'and is not told of');
query($node, $db, undef, q{SELECT rfmseg.unexpect('shop', 'transactions', 'impossible')});
query($node, $db, undef, q{BEGIN; CALL rfmseg.refresh('shop', '2025-08-01 UTC'); COMMIT});
@news = $heard->();
is(scalar @news, 1, 'one within a transaction is told of once that is committed');
$listener->quit;

# Of an audience that is rolled back, the server's log alone tells
query($node, $db, undef, q{BEGIN; SELECT count(*) FROM rfmseg.audience('shop', 'Champions'); ROLLBACK});
is(query($node, $db, undef, q{SELECT count(*) FROM shop_core.audience_exports}), '0', 'an export that is rolled back has no record');
like(slurp_file($node->logfile), qr/LOG:.*audience of deployment "shop" exported by "\w+": \d+ customers/, 'but a line in the server\'s log');

# The example, as its users run it
SKIP:
{
	skip 'python3 has no psycopg2', 2 if system('python3 -c "import psycopg2" 2>/dev/null') != 0;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $db);
	my ($out, $err) = ('', '');
	my $example = IPC::Run::start([ 'python3', "$FindBin::RealBin/../../examples/listen.py", 'shop', '1' ],
		'>', \$out, '2>', \$err, IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default));
	$example->pump until $out =~ /listening to rfmseg_shop/;
	query($node, $db, undef, q{CALL rfmseg.refresh('shop', '2025-09-01 UTC')});
	ok($example->finish, 'the example listens until it has heard of a refresh') or diag($err);
	like($out, qr/^run \d+ as of 2025-09-01T00:00:00\+00:00: \d+ customers, \d+ changed \(.*time: \d+/m, 'and says what that changed') or diag($err);
}

#
# Planted effects of none, 5 and 20 per cent, each measured with 200 seeds
#
# The seed is what chance does: it assigns the arms, and makes the effect. So
# of 200 intervals of 95 per cent, about 190 hold the truth.

query($node, $db, undef, q{
	UPDATE shop_raw.customers SET marketing_consent = true;
	CALL rfmseg.refresh('shop', '2025-10-01 UTC');
	CREATE TABLE measured (effect numeric, seed int, low numeric, high numeric, conversion_low numeric, conversion_high numeric);
	CREATE PROCEDURE measure(effect numeric, seeds int) LANGUAGE plpgsql AS $$
	DECLARE
		last_line bigint := (SELECT max(transaction_id) FROM shop_raw.transactions);
		run int := (SELECT run_id FROM shop_core.runs WHERE is_current);
	BEGIN
		FOR seed IN 1 .. seeds LOOP
			PERFORM rfmseg.start_campaign('shop', 'autumn', holdout => 0.4, days => 75, seed => seed, effect => 2);
			PERFORM rfmseg.generate_campaign_effect('shop', 'autumn', measure.effect, seed);
			-- as a refresh at the end of its days would, but for all that does not belong to it
			UPDATE shop_core.runs SET as_of = '2026-01-01 UTC', events_until = '2026-01-01 UTC' WHERE run_id = run;
			PERFORM rfmseg._measure_campaigns('shop', run);
			INSERT INTO measured SELECT measure.effect, seed, revenue_lift_low, revenue_lift_high, conversion_lift_low, conversion_lift_high
			FROM shop.campaign_results WHERE arm = 'treated';
			UPDATE shop_core.runs SET as_of = '2025-10-01 UTC', events_until = '2025-10-01 UTC' WHERE run_id = run;
			DELETE FROM shop_core.campaigns;
			DELETE FROM shop_raw.transactions WHERE transaction_id > last_line;
		END LOOP;
	END $$;
	VACUUM ANALYZE});
foreach my $effect ('0', '0.05', '0.2')
{
	query($node, $db, undef, "CALL measure($effect, 200)");
	my ($n, $covered, $found, $quiet) = split /\|/, query($node, $db, undef, qq{
		SELECT count(*), count(*) FILTER (WHERE effect BETWEEN low AND high), count(*) FILTER (WHERE low > 0 OR high < 0),
			count(*) FILTER (WHERE 0 BETWEEN conversion_low AND conversion_high) FROM measured WHERE effect = $effect});
	is($n, 200, "200 campaigns with an effect of $effect");
	ok($covered >= 186 && $covered <= 194, "$covered of their intervals hold it");
	if ($effect == 0)
	{
		ok($found >= 6 && $found <= 14, "$found are false alarms");
		ok($quiet >= 186 && $quiet <= 194, "and of conversion " . (200 - $quiet));
	}
}

# Where many customers are worth the same, arms are even too
query($node, $db, undef, q{
	CREATE SCHEMA flat;
	CREATE TABLE flat.orders AS SELECT c AS who, timestamptz '2025-01-01 12:00 UTC' + (c % 7 + 40 * n) * interval '1 day' AS at, 10 + c % 5 AS amount
		FROM generate_series(1, 600) AS c, generate_series(0, 3) AS n;
	CREATE TABLE flat.people AS SELECT c AS who, true AS agreed FROM generate_series(1, 600) AS c;
	SELECT rfmseg.deploy('flat_shop');
	SELECT rfmseg.map_transactions('flat_shop', source => 'flat.orders', customer_id => 'who', event_at => 'at', amount => 'amount');
	SELECT rfmseg.map_customers('flat_shop', source => 'flat.people', customer_id => 'who', marketing_consent => 'agreed')});
query($node, $db, undef, q{CALL rfmseg.refresh('flat_shop', '2025-03-25 UTC')});
query($node, $db, undef, q{
	SELECT count(*) FROM generate_series(1, 200) AS seed, rfmseg.start_campaign('flat_shop', 'c' || seed, holdout => 0.5, days => 7, seed => seed, effect => 5)});
query($node, $db, undef, q{CALL rfmseg.refresh('flat_shop', '2025-04-01 UTC')});
my $bias = query($node, $db, undef, q{SELECT round(avg(revenue_lift), 4) FROM flat_shop.campaign_results WHERE arm = 'treated'});
cmp_ok(abs($bias), '<', 0.005, "200 campaigns without an effect measure none on average ($bias)");

$node->stop;
done_testing();
