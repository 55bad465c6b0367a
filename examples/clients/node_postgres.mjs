// Imports a file with postgres.js: node node_postgres.mjs FILE REJECTED_FILE. PGHOST and its like name the server.
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';

const mode = 'Create & Update';
const [file, rejectedFile] = process.argv.slice(2);
const sql = postgres(); // a pool: each statement is a transaction of its own, on any of its connections

const [{ upload }] = await sql`SELECT customer_import.begin_upload(${file}, background => true) AS upload`;
let at = 0; // the place of a chunk: with it a chunk may be sent again
for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
  await sql`SELECT customer_import.append_upload(${upload}, ${chunk}, ${at})`;
  at += chunk.length;
}
console.log('Preview:', ...await sql`
  SELECT outcome, count(*) FROM customer_import.preview_upload(${upload}, ${mode}) GROUP BY outcome`);

const [{ import_id: id }] = await sql`SELECT import_id FROM customer_import.import_upload(
  ${upload}, ${mode}, background => true, request_id => ${randomUUID()})`; // a bigint: a string
let status;
do {
  await sleep(1000);
  [status] = await sql`SELECT * FROM customer_import.import_status WHERE id = ${id}`;
  console.log(status.state, status.bar ?? '');
} while (!status.finished_at);
console.log(status.message, `${status.created} created, ${status.updated} updated, ${status.rejected} rejected`);
for (const issue of await sql`SELECT line, message FROM customer_import.import_issues
    WHERE import_id = ${id} ORDER BY line, issue_number LIMIT 5`) console.log(`line ${issue.line}: ${issue.message}`);
await writeFile(rejectedFile, (await sql`SELECT customer_import.rejected_csv_bytes(${id}) AS bytes`)[0].bytes);
console.log((await sql`SELECT message FROM customer_import.undo_import(${id})`)[0].message);
await sql.end();
