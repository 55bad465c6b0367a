#!/usr/bin/perl
# Imports a file with Perl's DBD::Pg: perl perl.pl FILE REJECTED_FILE. PGHOST and its like name the server.
use v5.36;
use DBI;
use DBD::Pg qw(:pg_types);

my ($name, $rejected_name, $mode) = (@ARGV, 'Create & Update');
binmode STDOUT, ':utf8';
my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
sub row ($sql, @values) { $db->selectrow_array($sql, undef, @values) }

my ($upload) = row('SELECT customer_import.begin_upload(?, background => true)', $name);
my $append = $db->prepare('SELECT customer_import.append_upload(?, ?, ?)');
open my $file, '<:raw', $name or die "$name: $!";
for (my $at = 0; read($file, my $chunk, 1 << 20) // die "$name: $!"; $at += length $chunk) {
    $append->bind_param(1, $upload);
    $append->bind_param(2, $chunk, { pg_type => PG_BYTEA });    # without the type it is text, up to the first NUL
    $append->bind_param(3, $at);                                 # with it a chunk may be sent again
    $append->execute;
}
my $preview = $db->selectall_arrayref(
    'SELECT outcome, count(*) FROM customer_import.preview_upload(?, ?) GROUP BY outcome', undef, $upload, $mode);
say "Preview: @$_" for @$preview;

my ($id) = row('SELECT import_id FROM customer_import.import_upload(?, ?, background => true, request_id => ?)',
    $upload, $mode, "perl-$$-" . time);
my $status;
do {
    sleep 1;
    $status = $db->selectrow_hashref('SELECT * FROM customer_import.import_status WHERE id = ?', undef, $id);
    say join ' ', $status->{state}, $status->{bar} // '';
} until $status->{finished_at};
say "$status->{message} ($status->{created} created, $status->{updated} updated, $status->{rejected} rejected)";
my $issues = $db->selectall_arrayref('SELECT line, message FROM customer_import.import_issues WHERE import_id = ?'
      . ' ORDER BY line, issue_number LIMIT 5', undef, $id);
say "line $_->[0]: $_->[1]" for @$issues;
open my $rejected, '>:utf8', $rejected_name or die "$rejected_name: $!";
print $rejected row('SELECT customer_import.rejected_csv(?)', $id);
say row('SELECT message FROM customer_import.undo_import(?)', $id);
