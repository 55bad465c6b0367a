# Imports a file with Ruby's pg: ruby ruby.rb FILE REJECTED_FILE. PGHOST and its like name the server.
require 'pg'
require 'securerandom'

MODE = 'Create & Update'
name, rejected_name = ARGV
DB = PG.connect
DB.type_map_for_results = PG::BasicTypeMapForResults.new(DB) # numbers and arrays instead of text

def rows(sql, *values) = DB.exec_params(sql, values).to_a

upload = rows('SELECT customer_import.begin_upload($1, background => true) AS id', name)[0]['id']
at = 0 # the place of a chunk: with it a chunk may be sent again
File.open(name, 'rb') do |file|
  while (chunk = file.read(1 << 20))
    # Format 1: the bytes as they are. A text cannot hold all of them.
    rows('SELECT customer_import.append_upload($1, $2, $3)', upload, { value: chunk, format: 1 }, at)
    at += chunk.bytesize
  end
end
puts "Preview: #{rows('SELECT outcome, count(*) FROM customer_import.preview_upload($1, $2) GROUP BY outcome',
                      upload, MODE).to_h(&:values)}"

id = rows('SELECT import_id FROM customer_import.import_upload($1, $2, background => true, request_id => $3)',
          upload, MODE, SecureRandom.uuid)[0]['import_id']
begin
  sleep 1
  status = rows('SELECT state, bar, message, finished_at, created, updated, unchanged, skipped, rejected
                 FROM customer_import.import_status WHERE id = $1', id)[0]
  puts "#{status['state']} #{status['bar']}"
end until status['finished_at']
puts "#{status['message']} #{status.slice('created', 'updated', 'unchanged', 'skipped', 'rejected')}"
rows('SELECT line, message FROM customer_import.import_issues WHERE import_id = $1
      ORDER BY line, issue_number LIMIT 5', id).each { |issue| puts "line #{issue['line']}: #{issue['message']}" }
File.binwrite(rejected_name, rows('SELECT customer_import.rejected_csv($1) AS csv', id)[0]['csv'])
puts rows('SELECT message FROM customer_import.undo_import($1)', id)[0]['message']
