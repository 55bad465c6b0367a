-- P5: pgloader puts the file into `stage`, whose columns :columns it has. One of its workers writes, so that `line`
-- follows the file; with a single worker in all it waits for itself for ever where the file has 100,000 records.
\setenv P5_FILE :file
\setenv P5_DATABASE :DBNAME
\setenv P5_COLUMNS :columns
\setenv P5_PEERS :peers
\! folder=$(mktemp -d) && pgloader --quiet --root-dir "$folder" "$P5_PEERS/parts/p5_csv.load" </dev/null; rm -rf "$folder"
