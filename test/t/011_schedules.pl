
# Schedules: jobs of a real pg_cron that refresh deployments as the role that
# asked for them, and what to do where there is none. Jobs run at full minutes,
# unless pg_cron knows seconds, so this waits up to a minute for them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

# Everything that anybody might take for a quote, an escape or a variable
my $odd = q{it's %odd};
my $odder = q{$HOME `id` "x" \\' %d;&};
my $daily = '0 3 * * *';

sub literal { return q{'} . $_[0] =~ s/'/''/gr . q{'} }

sub quoted { return '"' . $_[0] =~ s/"/""/gr . '"' }

# SQL that makes a deployment that can be refreshed
sub deploy
{
	my ($name, $table) = @_;
	return 'SELECT rfmseg.deploy(' . literal($name) . ');'
	  . map_orders($name =~ s/'/''/gr, $table // 'orders');
}

# What a script says beside its rows, notices too
sub said
{
	my ($node, $database, $user, $sql) = @_;
	my ($state, $said) = error_of($node, $database, $user, "SET client_min_messages = notice; $sql");
	diag($said) if $state ne '';
	return $said;
}

# The statement that an error's hint tells to run
sub statement_of_hint
{
	my ($node, $database, $user, $sql) = @_;
	my (undef, $said) = error_of($node, $database, $user, $sql);
	my ($statement) = $said =~ /^HINT:.*? say (.*?;)/m;
	diag($said) unless $statement;
	return $statement;
}

sub succeeded
{
	my ($node, $database, $deployment, $by) = @_;
	my $runs = quoted("${deployment}_core") . '.runs';
	wait_until($node, $database, "EXISTS (SELECT FROM $runs WHERE status <> 'running')");
	is( query($node, $database, undef, "SELECT status, requested_by FROM $runs ORDER BY run_id LIMIT 1"),
		"succeeded|$by", "a job refreshes $deployment as $by");
	return;
}

#
# Without pg_cron: the line for a crontab
#

my $plain = new_server('plain');
foreach ([ 'shop', 'alice', 'shopdb' ], [ $odd, 'al ice', 'shop=db' ], [ $odder, $odder, $odder ], [ "\xC3\xA9%\n", $odd, $odd ])
{
	my ($deployment, $role, $database) = @$_;
	query($plain, 'postgres', undef, 'CREATE ROLE ' . quoted($role) . ' LOGIN; CREATE DATABASE ' . quoted($database));
	query($plain, $database, undef, 'GRANT CREATE ON DATABASE ' . quoted($database) . ' TO ' . quoted($role) . ';
		GRANT CREATE ON SCHEMA public TO ' . quoted($role) . '; CREATE EXTENSION rfmseg');
	make_orders($plain, $database, $role);
	query($plain, $database, $role, deploy($deployment));
	my (undef, $said) = error_of($plain, $database, $role, 'SELECT rfmseg.schedule(' . literal($deployment) . ", '$daily')");
	my ($line) = $said =~ /^HINT:.*: (\Q$daily\E psql .*)$/m;
	ok($line, "a line for $deployment") or diag($said);
	is($line, qq{0 3 * * * psql -X -U alice -d shopdb -c "CALL rfmseg.refresh('shop')"},
		'it is what a person would write')
	  if $deployment eq 'shop';

	# Vixie's cron and its heirs take \% for % and an unescaped % for a line
	# break; others hand the command to the shell as it stands
	my ($command) = $line =~ /^\Q$daily\E (.*)/;
	unlike($command =~ s/\\%//gr, qr/%/, 'no % that cron would take for a line break');
	local $ENV{PGHOST} = $plain->host;
	local $ENV{PGPORT} = $plain->port;
	foreach ($command, $command =~ s/\\%/%/gr)
	{
		is(system('sh', '-c', $_), 0, 'the shell runs it');
	}
	is( query($plain, $database, undef, 'SELECT count(*), min(requested_by) FROM ' . quoted("${deployment}_core") . q{.runs WHERE status = 'succeeded'}),
		"2|$role", 'and it refreshes that deployment as that role');
}
query($plain, 'postgres', undef, qq{CREATE DATABASE "a\n* * * * * id"});
query($plain, "a\n* * * * * id", undef, 'CREATE EXTENSION rfmseg; SELECT rfmseg.deploy($$shop$$)');
my (undef, $no_line) = error_of($plain, "a\n* * * * * id", undef, "SELECT rfmseg.schedule('shop', '$daily')");
like($no_line, qr/^HINT:  Install it, or use another scheduler/m, 'a line break is not put into a crontab');

unless (-f $plain->config_data('--sharedir') . '/extension/pg_cron.control')
{
  SKIP: { skip 'pg_cron is not installed', 1 }
	done_testing();
	exit;
}
$plain->stop;

#
# A job refreshes
#

# pg_cron runs jobs in background workers, or logs in for each
my $db = 'postgres';
my @preload = (q{shared_preload_libraries = 'pg_cron'}, "cron.database_name = '$db'");
my $node = new_server('workers', @preload, 'cron.use_background_workers = on', 'max_worker_processes = 20');
my $guest = PostgreSQL::Test::Cluster->new('sessions');
$guest->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$guest->append_conf('postgresql.conf', join("\n", @preload, "cron.host = '" . $guest->host . "'", ''));
$guest->start;

foreach my $server ($node, $guest)
{
	query($server, $db, undef, qq{
		CREATE EXTENSION pg_cron;
		CREATE EXTENSION rfmseg;
		CREATE ROLE alice LOGIN;
		GRANT CREATE ON DATABASE $db TO alice;
		GRANT CREATE ON SCHEMA public TO alice});
	make_orders($server, $db, 'alice');
	query($server, $db, 'alice', deploy('shop'));
}

# The schema is pg_cron's, and not open to everybody
fails_with($node, $db, 'alice', "SELECT rfmseg.schedule('shop', '$daily')",
	'42501', qr/"alice" may not use schema cron.*^HINT:.*GRANT USAGE ON SCHEMA cron TO alice;/ms, 'who may not use pg_cron is told what to ask for');
fails_with($node, $db, 'alice', q{SELECT rfmseg.unschedule('shop')},
	'42501', qr/GRANT USAGE ON SCHEMA cron TO alice;/, 'likewise of unschedule');
is(query($node, $db, 'alice', 'SELECT count(*) FROM rfmseg.schedules()'), '0', 'and sees no job');
my $grant = statement_of_hint($node, $db, 'alice', "SELECT rfmseg.schedule('shop', '$daily')");
query($_, $db, undef, $grant) foreach ($node, $guest);

my ($major, $minor) = query($node, $db, undef, q{SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'}) =~ /^(\d+)\.(\d+)/;
my $knows_seconds = $major > 1 || $minor >= 5;
my $soon = $knows_seconds ? '1 second' : '* * * * *';

query($guest, $db, 'alice', "SELECT rfmseg.schedule('shop', '$soon')");
my $job = query($node, $db, 'alice', "SELECT rfmseg.schedule('shop', '$soon')");
is( query($node, $db, undef, 'SELECT jobid, jobname, schedule, command, database, username, active FROM cron.job'),
	"$job|rfmseg $db.shop|$soon|CALL rfmseg.refresh('shop')|$db|alice|t",
	'a schedule is a job of the caller\'s');

# Names of every kind
foreach my $name ($odd, $odder)
{
	query($node, $db, 'alice', deploy($name) . 'SELECT rfmseg.schedule(' . literal($name) . ", '$soon')");
}
# A refresh that fails
query($node, $db, 'alice', "SELECT rfmseg.deploy('empty'); SELECT rfmseg.schedule('empty', '$soon')");

# A group that may not log in owns the deployment: a member has the job, as
# docs/schedules.md says
query($node, $db, undef, qq{
	CREATE ROLE team;
	GRANT team TO alice;
	GRANT CREATE ON DATABASE $db TO team;
	GRANT USAGE ON SCHEMA cron TO team;
	GRANT SELECT ON orders TO team});
query($node, $db, 'alice', 'SET ROLE team;' . deploy('team'));
fails_with($node, $db, 'alice', "SET ROLE team; SELECT rfmseg.schedule('team', '$daily')",
	'55000', qr/role "team" may not log in.*^HINT:.*ALTER ROLE team LOGIN/ms, 'a role that may not log in has no job');
my ($by_hand) = slurp_file("$FindBin::RealBin/../../docs/schedules.md") =~ /^(SELECT cron\.schedule\(.*SET ROLE shop_owner.*\);)$/m;
$by_hand =~ s/shop_owner/team/g;
$by_hand =~ s/crm\.shop/$db.team/;
$by_hand =~ s/''shop''/''team''/;
$by_hand =~ s/\Q$daily\E/$soon/;
query($node, $db, 'alice', $by_hand);

# Another database than pg_cron's: a superuser runs the statement of the hint
query($node, $db, undef, 'CREATE DATABASE second; GRANT CREATE ON DATABASE second TO alice');
query($node, 'second', undef, 'CREATE EXTENSION rfmseg; GRANT CREATE ON SCHEMA public TO alice');
make_orders($node, 'second', 'alice');
query($node, 'second', 'alice', deploy('shop') . deploy($odd));
fails_with($node, 'second', 'alice', "SELECT rfmseg.schedule('shop', '$soon')",
	'55000', qr/from another database, not from "second".*^HINT:.*cron\.schedule_in_database\(/ms,
	'another database than pg_cron\'s');
query($node, 'second', undef, 'GRANT pg_read_all_settings TO alice');
fails_with($node, 'second', 'alice', "SELECT rfmseg.schedule('shop', '$soon')",
	'55000', qr/from database "$db", not from "second"/, 'whoever may read that setting is told which');
query($node, 'second', undef, 'REVOKE pg_read_all_settings FROM alice');
foreach my $name ('shop', $odd)
{
	my (undef, $said) = error_of($node, 'second', 'alice', 'SELECT rfmseg.schedule(' . literal($name) . ", '$soon')");
	my ($statement) = $said =~ /(SELECT cron\.schedule_in_database\(.*\));/;
	query($node, $db, undef, $statement);
}
is( query($node, $db, undef, q{SELECT job_name, deployment, database, username FROM rfmseg.schedules() WHERE database = 'second' ORDER BY job_id}),
	qq{rfmseg second.shop|shop|second|alice\nrfmseg second."it's %odd"|$odd|second|alice}, 'its statements make jobs that run there');

succeeded($node, $db, $_, 'alice') foreach ('shop', $odd, $odder, 'team');
succeeded($node, 'second', $_, 'alice') foreach ('shop', $odd);
succeeded($guest, $db, 'shop', 'alice');
like(published_state($node, $db, 'alice'), qr/\|150 /, 'and its segments are published');
wait_until($node, $db, q{EXISTS (SELECT FROM empty_core.runs WHERE status = 'failed')});

# Enough of that: the rest wants them to keep still
my $later = '0 4 * * *';
query($_, $db, undef, "UPDATE cron.job SET schedule = '$later'") foreach ($node, $guest);
wait_until($node, $db, 'NOT EXISTS (SELECT FROM rfmseg.schedules() WHERE last_status IS NULL OR last_end IS NULL)');

# Watching
is( query($node, $db, 'alice', qq{
		SELECT deployment, schedule, database, username, active, last_status, last_end >= last_start, last_message LIKE '%no purchases%'
		FROM rfmseg.schedules() WHERE database = '$db' AND deployment IN ('shop', 'empty', 'team') ORDER BY job_id}),
	join("\n", "shop|$later|$db|alice|t|succeeded|t|f", "empty|$later|$db|alice|t|failed|t|t", "team|$later|$db|alice|t|succeeded|t|f"),
	'schedules shows what became of the last run');
is(query($node, $db, undef, q{SELECT DISTINCT time_zone FROM rfmseg.schedules()}), 'GMT', 'and the time zone');
is(query($node, $db, 'alice', q{SELECT count(time_zone) FROM rfmseg.schedules()}), '0', 'to those who may know it');
is(query($node, $db, undef, q{SELECT count(*) FROM rfmseg.schedules()}), '7', 'a superuser sees all jobs');
query($node, $db, undef, qq{
	CREATE ROLE bob LOGIN;
	GRANT CREATE ON DATABASE $db TO bob;
	GRANT USAGE ON SCHEMA cron TO bob;});
is(query($node, $db, 'bob', q{SELECT count(*) FROM rfmseg.schedules()}), '0', 'others only their own');
query($node, $db, undef, 'REVOKE SELECT ON cron.job_run_details FROM PUBLIC');
is(query($node, $db, 'alice', q{SELECT count(*), count(last_status) FROM rfmseg.schedules()}), '7|0', 'without the record of runs it shows the jobs');

#
# Changing and removing
#

is( query($node, $db, 'alice', "SELECT rfmseg.schedule('shop', '$daily')"),
	$job, 'another schedule of the same deployment is the same job');
is( query($node, $db, undef, qq{SELECT schedule, count(*) OVER () FROM cron.job WHERE jobname = 'rfmseg $db.shop'}),
	"$daily|1", 'with the new times');
my $notices = said($node, $db, 'alice', "SELECT rfmseg.schedule('shop', '$daily')");
like($notices, qr/the schedule that "shop" had is replaced/, 'a notice says so');
like($notices, qr/recency in "shop" counts from the last purchase.*as_of_mode => 'clock'/s, 'and another what as_of does');
is( query($node, $db, 'alice', 'SELECT as_of_mode FROM shop_core.settings'), 'data', 'which is not changed');
unlike(said($node, $db, 'alice', "SELECT rfmseg.configure('shop', as_of_mode => 'clock'); SELECT rfmseg.schedule('shop', '$daily')"),
	qr/counts from/, 'by the clock there is nothing to say');

fails_with($node, $db, 'alice', q{SELECT rfmseg.schedule('shop', '99 3 * * *')},
	'22023', qr/invalid schedule: 99 3 \* \* \*.*^HINT:/ms, 'what pg_cron does not understand is refused');
is( query($node, $db, undef, qq{SELECT schedule FROM cron.job WHERE jobid = $job}),
	$daily, 'and the schedule stays');

fails_with($node, $db, 'bob', "SELECT rfmseg.schedule('shop', '$daily')", '42501', qr/belongs to role "alice"/, 'nobody schedules another role\'s deployment');
fails_with($node, $db, 'bob', q{SELECT rfmseg.unschedule('shop')}, '42501', qr/belongs to role "alice"/, 'nor ends its schedule');
fails_with($node, $db, undef, "SELECT rfmseg.schedule('shop', '$daily')", '42501', qr/belongs to role "alice"/, 'not even a superuser');
query($node, $db, undef, "SET ROLE alice; SELECT rfmseg.schedule('shop', '$daily')");
is( query($node, $db, undef, qq{SELECT username FROM cron.job WHERE jobid = $job}), 'alice', 'after SET ROLE the job is that role\'s');

query($node, $db, undef, "UPDATE cron.job SET active = false WHERE jobid = $job");
like(said($node, $db, 'alice', "SELECT rfmseg.schedule('shop', '$daily')"),
	qr/job $job is not active, and stays so.*HINT:.*unschedule/s, 'a job that was turned off stays so, and a notice says that');

is(query($node, $db, 'alice', q{SELECT rfmseg.unschedule('shop')}), 't', 'unschedule says that there was a schedule');
is(query($node, $db, 'alice', q{SELECT rfmseg.unschedule('shop')}), 'f', 'or that there was none');
is(query($node, $db, undef, "SELECT count(*) FROM cron.job WHERE jobid = $job"), '0', 'and the job is gone');
is( query($node, $db, 'alice', "BEGIN; SELECT rfmseg.schedule('shop', '$daily') > $job; ROLLBACK; SELECT rfmseg.unschedule('shop')"),
	"t\nf", 'a schedule is part of its transaction');

# One's own job can always be removed
query($node, $db, 'alice', qq{SELECT rfmseg.deploy('gone'); SELECT rfmseg.schedule('gone', '$daily');
	SET client_min_messages = error; DROP SCHEMA gone, gone_core, gone_raw CASCADE});
is(query($node, $db, 'alice', q{SELECT rfmseg.unschedule('gone')}), 't', 'the job of a deployment that is gone can be removed');
fails_with($node, $db, 'alice', q{SELECT rfmseg.unschedule('gone')}, '42704', qr/"gone" does not exist/, 'once');

# undeploy
like(said($node, $db, 'alice', q{SELECT rfmseg.undeploy('empty')}), qr/the schedule of "empty" is removed, too/, 'undeploy takes the schedule along');
is(query($node, $db, undef, q{SELECT count(*) FROM cron.job WHERE command LIKE '%empty%'}), '0', 'indeed');
unlike(said($node, $db, 'alice', q{SELECT rfmseg.deploy('brief'); SELECT rfmseg.undeploy('brief')}), qr/schedule|job/, 'where there is none it says nothing');
query($node, $db, 'alice', "SELECT rfmseg.deploy('kept'); SELECT rfmseg.schedule('kept', '$daily'); CREATE TABLE kept.x ()");
fails_with($node, $db, 'alice', q{SELECT rfmseg.undeploy('kept')}, '2BP01', qr/cannot be removed/, 'undeploy that fails');
is(query($node, $db, undef, q{SELECT count(*) FROM cron.job WHERE command LIKE '%kept%'}), '1', 'leaves the schedule');
my $bobs = query($node, $db, 'bob', q{SELECT cron.schedule('mine', '0 4 * * *', 'CALL rfmseg.refresh(''root'')')});
$notices = said($node, $db, undef, "SELECT rfmseg.deploy('root'); SELECT rfmseg.schedule('root', '$daily'); SELECT rfmseg.undeploy('root')");
like($notices, qr/the schedule of "root" is removed, too/, 'undeploy removes one\'s own');
like($notices, qr/job $bobs of role "bob" still refreshes "root".*\n.*cron\.unschedule\($bobs\)/,
	'and tells of other jobs that it sees');
query($node, $db, 'bob', "SELECT cron.unschedule($bobs)");

# A job in pg_cron's database, of another one
my $elsewhere = statement_of_hint($node, 'second', 'alice', q{SELECT rfmseg.unschedule('shop')});
query($node, $db, 'alice', $elsewhere);
is(query($node, $db, undef, q{SELECT count(*) FROM cron.job WHERE database = 'second'}), '1', 'the hint of unschedule removes a job of another database');

#
# What others plant
#

# Functions beside pg_cron's own, that match a careless call better
query($node, $db, undef, qq{CREATE ROLE mallory LOGIN; GRANT USAGE, CREATE ON SCHEMA cron TO mallory; GRANT CREATE ON DATABASE $db TO mallory});
query($node, $db, 'mallory', q{
	CREATE SCHEMA evil;
	GRANT USAGE ON SCHEMA evil TO PUBLIC;
	CREATE TABLE evil.victims (name text, what text);
	GRANT INSERT ON evil.victims TO PUBLIC;
	CREATE FUNCTION cron.schedule(name, text, text) RETURNS bigint LANGUAGE sql
		AS $$ INSERT INTO evil.victims VALUES (current_user, 'schedule'); SELECT 1::bigint $$;
	CREATE FUNCTION cron.schedule(varchar, varchar, varchar) RETURNS bigint LANGUAGE sql
		AS $$ INSERT INTO evil.victims VALUES (current_user, 'schedule'); SELECT 1::bigint $$;
	CREATE FUNCTION cron.unschedule(int) RETURNS boolean LANGUAGE sql
		AS $$ INSERT INTO evil.victims VALUES (current_user, 'unschedule'); SELECT true $$;
	CREATE FUNCTION evil.text_equal(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE sql
		AS $$ INSERT INTO evil.victims VALUES (current_user, '='); SELECT true $$;
	CREATE OPERATOR evil.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = evil.text_equal)});
is( query($node, $db, 'alice', qq{
		SET search_path = evil, cron, pg_catalog;
		SELECT rfmseg.schedule('shop', '$daily') > $job;
		SELECT deployment FROM rfmseg.schedules() WHERE job_id > $job AND schedule OPERATOR(pg_catalog.=) '$daily' AND deployment LIKE 'shop';
		SELECT rfmseg.unschedule('shop')}),
	"t\nshop\nt", 'with forged functions about, pg_cron\'s own are called');
is(query($node, $db, undef, 'SELECT * FROM evil.victims'), '', 'and none of the forged');

# A whole schema of that name, in a database without pg_cron
query($node, 'second', undef, 'GRANT CREATE ON DATABASE second TO mallory');
query($node, 'second', 'mallory', q{
	CREATE SCHEMA cron;
	GRANT USAGE ON SCHEMA cron TO PUBLIC;
	CREATE TABLE cron.job (jobid bigint, jobname text, schedule text, command text, database text, username text, active boolean);
	GRANT ALL ON cron.job TO PUBLIC;
	INSERT INTO cron.job VALUES (1, 'rfmseg second.shop', '* * * * *', $$CALL rfmseg.refresh('shop')$$, 'second', 'alice', true);
	CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
	CREATE FUNCTION cron.unschedule(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$});
fails_with($node, 'second', 'alice', "SELECT rfmseg.schedule('shop', '$daily')", '55000', qr/pg_cron runs jobs from another database/, 'a forged schema cron is not called');
fails_with($node, 'second', 'alice', q{SELECT rfmseg.unschedule('shop')}, '55000', qr/pg_cron runs jobs from another database/, 'nor by unschedule');
is(query($node, 'second', 'alice', 'SELECT count(*) FROM rfmseg.schedules()'), '0', 'nor read');
is(query($node, 'second', 'alice', q{SELECT 'undeployed' FROM rfmseg.undeploy('shop')}), 'undeployed', 'nor by undeploy');

#
# pg_cron in other states
#

# An extension in a database from which no jobs run; pg_cron allows it in one of this name
query($node, $db, undef, 'CREATE DATABASE contrib_regression');
query($node, 'contrib_regression', undef, q{CREATE EXTENSION pg_cron; CREATE EXTENSION rfmseg; SELECT rfmseg.deploy('shop')});
fails_with($node, 'contrib_regression', undef, "SELECT rfmseg.schedule('shop', '$daily')", '55000', qr/from database "$db", not from "contrib_regression"/, 'an extension that is not in use');
is(query($node, 'contrib_regression', undef, 'SELECT count(*) FROM cron.job'), '0', 'gets no job');

# Not created, or older than its library
query($node, $db, undef, q{DROP EXTENSION pg_cron CASCADE; SELECT rfmseg.deploy('root')});
fails_with($node, $db, undef, "SELECT rfmseg.schedule('root', '$daily')",
	'55000', qr/its extension is not created there.*^HINT:.*CREATE EXTENSION pg_cron/ms, 'loaded, but not created');
query($node, $db, undef, q{CREATE EXTENSION pg_cron VERSION '1.2'});
foreach my $version ('1.2', '1.3')
{
	query($node, $db, undef, "ALTER EXTENSION pg_cron UPDATE TO '$version'");
	fails_with($node, $db, undef, "SELECT rfmseg.schedule('root', '$daily')", '0A000', qr/has version \Q$version\E.*^HINT:.*ALTER EXTENSION/ms, "version $version is too old");
	is(query($node, $db, undef, 'SELECT count(*) FROM rfmseg.schedules()'), '0', 'and has no jobs for us');
}
query($node, $db, undef, q{ALTER EXTENSION pg_cron UPDATE TO '1.4'});
like(query($node, $db, undef, "SELECT rfmseg.schedule('root', '$daily'); SELECT deployment FROM rfmseg.schedules(); SELECT rfmseg.unschedule('root')"),
	qr/^\d+\nroot\nt$/, '1.4 is not');
query($node, $db, undef, q{GRANT USAGE ON SCHEMA cron TO alice; REVOKE SELECT ON cron.job FROM PUBLIC});
fails_with($node, $db, 'alice', "SELECT rfmseg.schedule('shop', '$daily')", '42501', qr/GRANT SELECT ON cron\.job TO alice;/, 'a table of jobs that may not be read');
query($node, $db, undef, q{SELECT rfmseg.undeploy('root')});

done_testing();
