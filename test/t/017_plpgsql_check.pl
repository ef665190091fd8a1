
# What plpgsql_check says of the functions: types, columns and variables that do
# not exist or are not used, and SQL put together from what nobody has quoted.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RfmsegTest;
use Test::More;

my $node = new_server('check');
my $db = 'postgres';
if (query($node, $db, undef, q{SELECT count(*) FROM pg_available_extensions WHERE name = 'plpgsql_check'}) eq '0')
{
	plan skip_all => 'plpgsql_check is not installed';
}
query($node, $db, undef, q{
	CREATE EXTENSION rfmseg;
	SELECT rfmseg.deploy('shop'); CALL rfmseg.demo('demo', customers => 50)});
# in a session of its own: some versions of it lose their way in procedures that commit
query($node, $db, undef, q{CREATE SCHEMA checker; CREATE EXTENSION plpgsql_check SCHEMA checker});

# Findings of a schema's functions, "function: message", but for what it cannot
# know, as most of the SQL is made when it runs
sub findings
{
	my ($schema, $level) = @_;
	return query($node, $db, undef, qq{
		WITH finding AS (
			SELECT p.proname, c.level, c.message, c.detail
			FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang, LATERAL
				checker.plpgsql_check_function_tb(p.oid, fatal_errors => false, other_warnings => true, extra_warnings => true,
					performance_warnings => false, security_warnings => true) AS c
			WHERE p.pronamespace = '$schema'::regnamespace AND l.lanname = 'plpgsql' AND p.prorettype <> 'trigger'::regtype
		), blind AS (
			-- records that EXECUTE fills; texts that are made to be arrays or jsonb
			SELECT * FROM finding WHERE message ~ '^(record ".*" is not assigned|cached plan is not valid|cannot determinate a result of dynamic SQL|target type is different)'
		)
		SELECT proname || ': ' || message FROM finding
		WHERE (level = 'security') = ('$level' = 'security')
			AND message NOT IN (SELECT message FROM blind)
			-- where a record's fields are unknown, their use is not seen
			AND NOT (message ~ '^(never read variable|unused parameter) ' AND proname IN (SELECT proname FROM blind))
			-- filled by RETURN QUERY EXECUTE
			AND NOT (message LIKE 'OUT variable % is maybe unmodified' AND detail LIKE '%dynamic SQL%')
		ORDER BY 1});
}

# It finds something, if there is something
query($node, $db, undef, q{
	CREATE SCHEMA bad;
	CREATE FUNCTION bad.bad(name text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		unused int;
	BEGIN
		EXECUTE 'SELECT FROM ' || name;
		PERFORM no_such_column FROM rfmseg.rules;
	END $$});
my $found = findings('bad', 'other');
like($found, qr/unused variable "unused"/, 'an unused variable is found');
like($found, qr/column "no_such_column" does not exist/, 'and a column that does not exist');
like(findings('bad', 'security'), qr/is not sanitized/, 'and an argument that nobody has quoted');

is(findings('rfmseg', 'other'), '', 'nothing of the kind in the extension\'s functions');

# These put together SQL from texts that are SQL already. It sees that %s stands
# where a text goes in, and not who made the text. A function that comes to this
# list needs a reason.
my %reason = (
	# names quoted by quote_ident() or a regclass, just before or by the caller
	(map { $_ => 'relation' } qw(_add_masks _apply_masks _choose_transforms _close _comment _fit_lifetime _grant_role _holdout_period _holds_rows
		_is_empty _leave_out_small _revoke_all _set_row_filter _summarize_as_of hand_over undeploy register_lifetime_model)),
	# queries composed by other functions, which quote all names and values
	(map { $_ => 'query' } qw(_build_source _check_dataset _cluster_census _create_clean_views _create_contact_views _create_published_views
		_insert_totals _land _put_back _quarantine _score _train audience start_campaign)),
	# predicates and expressions of the owner's, checked to be one expression: see docs/security.md
	(map { $_ => 'expression' } qw(_blame _example_key _type_of)));
my %seen = map { /^(\w+): / ? ($1 => 1) : () } split /\n/, findings('rfmseg', 'security');
is(join(' ', sort grep { !$reason{$_} } keys %seen), '', 'no function puts together SQL from arguments, but those known to be right');
is(query($node, $db, undef, q{SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE pronamespace IN (
	SELECT oid FROM pg_namespace WHERE nspname ~ '^(shop|demo)(_|$)')}), '', 'a deployment has no functions of its own');

done_testing();
