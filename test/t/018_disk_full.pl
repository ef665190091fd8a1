
# No room left: a refresh whose tables, whose temporary files or whose write-ahead
# log find the disk full fails, the old segments stay, and once there is room the
# next refresh works.
#
# The disk is real and small: a tmpfs in a mount namespace of this test's own,
# which needs no root where the kernel allows user namespaces.

use strict;
use warnings;

use File::Temp;
use FindBin;
use lib $FindBin::RealBin;

# The server must run within the namespace, and so must this program: it starts
# itself again in there, before anything else.
BEGIN
{
	my @enter = ('unshare', '--user', '--map-current-user', '--keep-caps', '--mount');
	my $mount = 'mount -t tmpfs -o size=40m,mode=0700 none "$RFMSEG_SMALL_DISK"';
	if (!defined $ENV{RFMSEG_SMALL_DISK})
	{
		local $ENV{RFMSEG_SMALL_DISK} = File::Temp::tempdir(CLEANUP => 1, TMPDIR => 1);
		if (system(join(' ', @enter) . " sh -c '$mount' 2>/dev/null") == 0)
		{
			my $status = system(@enter, 'sh', '-c', "$mount && exec \"\$@\"", 'sh', $^X, (map { "-I$_" } @INC), $0);
			exit($status >> 8 || $status);
		}
	}
}

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;
use Time::HiRes qw(usleep);

my $db = 'shopdb';
my $disk = $ENV{RFMSEG_SMALL_DISK};
plan skip_all => 'no mount namespace for a small disk: unshare is missing or forbidden' if !defined $disk;
my $no_room = qr/No space left on device|could not extend file/;

# Leaves so many kilobytes
my $ballast = "$disk/ballast";
sub leave
{
	my ($kilobytes) = @_;
	unlink $ballast;
	my ($free) = (split ' ', (split /\n/, `df -Pk "$disk"`)[1])[3];
	open my $file, '>', $ballast or die $!;
	print $file "\0" x 1024 for 1 .. $free - $kilobytes;
	close $file or die $!;
	return;
}

sub make_room { unlink $ballast; return }

# The old segments stay; and when there is room again, a refresh works
sub goes_on
{
	my ($node, $published, $name) = @_;
	is(published_state($node, $db, 'alice'), $published, "$name: the old segments are there");
	is(leftovers($node, $db), '', "$name: no table is left half-made");
	make_room();
	query($node, $db, 'alice', q{CALL rfmseg.refresh('shop')});
	is( query($node, $db, 'alice', q{SELECT count(*) = (SELECT customers FROM shop.runs WHERE is_current) FROM shop.customer_segments;
			SELECT count(*) FROM shop_core.runs WHERE status = 'running';}),
		"t\n0", "$name: with room there is a refresh");
	return published_state($node, $db, 'alice');
}

sub deploy
{
	my ($node) = @_;
	query($node, 'postgres', undef, "CREATE ROLE alice LOGIN; CREATE DATABASE $db; GRANT CREATE ON DATABASE $db TO alice");
	query($node, $db, 'alice', 'CREATE EXTENSION rfmseg; CREATE SCHEMA mine');
	make_orders($node, $db, 'alice', 'mine.orders');
	# more customers than the small disk has room for, and some more lines
	query($node, $db, 'alice', q{
		INSERT INTO mine.orders SELECT 10000 + i, 10000 + i, 1000 + i % 12000, timestamptz '2023-03-01 UTC' + i % 400 * interval '1 day', 1, 1 + i % 90, 'sku', 'category', 0
			FROM generate_series(1, 40000) i;
		SELECT rfmseg.deploy('shop');} . map_orders('shop', 'mine.orders') . q{CALL rfmseg.refresh('shop')});
	return published_state($node, $db, 'alice');
}

#
# A tablespace without room
#

{
	my $node = new_server('tablespace');
	my $published = deploy($node);
	mkdir "$disk/$_" or die $! foreach qw(tables files);
	query($node, $db, undef, "CREATE TABLESPACE tables OWNER alice LOCATION '$disk/tables'");
	query($node, $db, undef, "CREATE TABLESPACE files OWNER alice LOCATION '$disk/files'");

	foreach my $kilobytes (0, 300, 2500)
	{
		leave($kilobytes);
		fails_with($node, $db, 'alice', q{SET default_tablespace = tables; CALL rfmseg.refresh('shop')},
			'53100', $no_room, "$kilobytes kB for tables");
		is( query($node, $db, 'alice', q{SELECT status, error_code, error_message ~ 'No space left on device|could not extend file' FROM shop_core.runs ORDER BY run_id DESC LIMIT 1}),
			'failed|53100|t', 'the run says why');
		$published = goes_on($node, $published, "$kilobytes kB for tables");
	}
	query($node, $db, 'alice', q{SET default_tablespace = tables; CALL rfmseg.refresh('shop')});
	is(query($node, $db, undef, q{SELECT count(*) > 0 FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE spcname = 'tables' AND relname ~ '^scored_customers'}),
		't', 'with room it works there too');
	$published = published_state($node, $db, 'alice');

	# Temporary files, on a disk and up to a limit
	leave(100);
	fails_with($node, $db, 'alice', q{SET temp_tablespaces = files; SET work_mem = '64kB'; SET hash_mem_multiplier = 1; CALL rfmseg.refresh('shop')},
		'53100', $no_room, 'no room for temporary files');
	$published = goes_on($node, $published, 'no room for temporary files');
	query($node, $db, undef, 'GRANT SET ON PARAMETER temp_file_limit TO alice');
	fails_with($node, $db, 'alice', q{SET temp_file_limit = '100kB'; SET work_mem = '64kB'; SET hash_mem_multiplier = 1; CALL rfmseg.refresh('shop')},
		'53400', qr/temp_file_limit/, 'temp_file_limit');
	is( query($node, $db, 'alice', q{SELECT string_agg(error_code, ' ' ORDER BY run_id) FROM (SELECT * FROM shop_core.runs WHERE status = 'failed' ORDER BY run_id DESC LIMIT 2) r}),
		'53100 53400', 'both are on record');
	goes_on($node, $published, 'temp_file_limit');
	$node->stop;
}

#
# The disk that everything is on, the write-ahead log too: then the server itself
# goes down
#

{
	system('rm', '-rf', "$disk/tables", "$disk/files");
	my $node = PostgreSQL::Test::Cluster->new('whole');
	$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ]);
	$node->append_conf('postgresql.conf', "autovacuum = off\nmin_wal_size = 2MB\nmax_wal_size = 4MB\nrestart_after_crash = off\nwal_recycle = off\n");
	my $log = $node->data_dir . '/pg_wal';
	system('cp', '-a', $log, "$disk/wal") == 0 && system('rm', '-rf', $log) == 0 && symlink("$disk/wal", $log) or die 'cannot move pg_wal';
	$node->start;
	my $published = deploy($node);
	query($node, $db, undef, 'CHECKPOINT');

	leave(1200);
	my ($state, $said) = error_of($node, $db, 'alice', q{CALL rfmseg.refresh('shop'); CALL rfmseg.refresh('shop'); CALL rfmseg.refresh('shop')});
	like($said, qr/No space left on device|connection to server was lost|server closed the connection/, 'no room for the write-ahead log');
	like(slurp_file($node->logfile), qr/PANIC:.*No space left on device/, 'takes the server down');
	my $postmaster = $node->{_pid};
	my $patience = $PostgreSQL::Test::Utils::timeout_default * 10;
	while (kill(0, $postmaster) > 0 && $patience-- > 0) { usleep(100_000) }
	$node->{_pid} = undef;
	make_room();
	unlink $node->data_dir . '/postmaster.pid';
	$node->start;
	my ($run) = published_state($node, $db, 'alice') =~ /^(\d+)/;
	my ($before) = $published =~ /^(\d+)/;
	if ($run == $before)
	{
		is(published_state($node, $db, 'alice'), $published, 'no room for the write-ahead log: the old segments are there');
	}
	else
	{
		cmp_ok($run, '>', $before, 'no room for the write-ahead log: the segments of a refresh that had ended');
	}
	goes_on($node, published_state($node, $db, 'alice'), 'no room for the write-ahead log');
	$node->stop;
}

done_testing();
