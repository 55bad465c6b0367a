<?php
// Imports a file with PHP's pgsql: php php.php FILE REJECTED_FILE. PGHOST and its like name the server.
const MODE = 'Create & Update';
[, $name, $rejected_name] = $argv;
$db = pg_connect('');

function rows(string $sql, ...$values): array
{
    $result = pg_query_params($GLOBALS['db'], $sql, $values) or throw new Exception(pg_last_error($GLOBALS['db']));
    return pg_fetch_all($result);
}

$upload = rows('SELECT customer_import.begin_upload($1, background => true) AS id', $name)[0]['id'];
$file = fopen($name, 'rb');
for ($at = 0; ($chunk = fread($file, 1 << 20)) != ''; $at += strlen($chunk)) {
    // Parameters are text: bytes have to be escaped. With $at a chunk may be sent again.
    rows('SELECT customer_import.append_upload($1, $2, $3)', $upload, pg_escape_bytea($db, $chunk), $at);
}
$counts = rows('SELECT outcome, count(*) FROM customer_import.preview_upload($1, $2) GROUP BY outcome', $upload, MODE);
echo 'Preview: ', json_encode(array_column($counts, 'count', 'outcome')), "\n";

$id = rows(
    'SELECT import_id FROM customer_import.import_upload($1, $2, background => true, request_id => $3)',
    $upload, MODE, bin2hex(random_bytes(16))
)[0]['import_id'];
do {
    sleep(1);
    $status = rows('SELECT * FROM customer_import.import_status WHERE id = $1', $id)[0];
    echo "$status[state] $status[bar]\n";
} while ($status['finished_at'] === null);
echo "$status[message] ($status[created] created, $status[updated] updated, $status[rejected] rejected)\n";
$first = 'SELECT * FROM customer_import.import_issues WHERE import_id = $1 ORDER BY line, issue_number LIMIT 5';
foreach (rows($first, $id) as $issue) {
    echo "line $issue[line]: $issue[message]\n";
}
file_put_contents($rejected_name, rows('SELECT customer_import.rejected_csv($1) AS csv', $id)[0]['csv']);
echo rows('SELECT message FROM customer_import.undo_import($1)', $id)[0]['message'], "\n";
