// Imports a file with pg of Node: node node_pg.mjs FILE REJECTED_FILE. PGHOST and its like name the server.
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const [file, rejectedFile, mode = 'Create & Update'] = process.argv.slice(2);
const db = new pg.Client();
await db.connect();
const rows = async (sql, ...values) => (await db.query(sql, values)).rows;

const [{ upload }] = await rows('SELECT customer_import.begin_upload($1, background => true) AS upload', file);
let at = 0; // the place of a chunk: with it a chunk may be sent again
for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
  await rows('SELECT customer_import.append_upload($1, $2, $3)', upload, chunk, at);
  at += chunk.length;
}
console.log('Preview:', await rows(
  'SELECT outcome, count(*) FROM customer_import.preview_upload($1, $2) GROUP BY outcome', upload, mode));
await db.query('LISTEN customer_import'); // before the import is queued
let wake = () => {};
db.on('notification', () => wake());
const woken = () => Promise.race([new Promise((resolve) => { wake = resolve; }), sleep(1000)]);
const [{ import_id: id }] = await rows( // a bigint, which pg gives as a string
  'SELECT import_id FROM customer_import.import_upload($1, $2, background => true, request_id => $3)',
  upload, mode, randomUUID());
let status;
do {
  await woken(); // a notification says: look; without one, look as well
  [status] = await rows('SELECT * FROM customer_import.import_status WHERE id = $1', id);
  console.log(status.state, status.bar ?? '');
} while (!status.finished_at);
console.log(status.message, `${status.created} created, ${status.updated} updated, ${status.rejected} rejected`);
for (const issue of await rows('SELECT line, message FROM customer_import.import_issues WHERE import_id = $1 ' +
  'ORDER BY line, issue_number LIMIT 5', id)) console.log(`line ${issue.line}: ${issue.message}`);
await writeFile(rejectedFile, (await rows('SELECT customer_import.rejected_csv_bytes($1) AS bytes', id))[0].bytes);
console.log((await rows('SELECT message FROM customer_import.undo_import($1)', id))[0].message);
await db.end();
