// Imports a file with Go and lib/pq: go run golang.go FILE REJECTED_FILE. PGHOST and its like name the server.
package main

import (
	"database/sql"
	"fmt"
	_ "github.com/lib/pq"
	"io"
	"os"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	const mode, status = "Create & Update", " FROM customer_import.import_status WHERE id = $1"
	db, file := must(sql.Open("postgres", "")), must(os.Open(os.Args[1])) // each call on any connection of the pool
	one := func(sql string, values ...any) (cell string) {
		must(0, db.QueryRow(sql, values...).Scan(&cell))
		return
	}
	next := func() []byte { return must(io.ReadAll(io.LimitReader(file, 1<<20))) }
	upload, at := one("SELECT customer_import.begin_upload($1, background => true)", os.Args[1]), "0"
	for chunk := next(); len(chunk) > 0; chunk = next() { // with `at`, its place, a chunk may be sent again
		at = one("SELECT customer_import.append_upload($1, $2, $3)", upload, chunk, at)
	}
	fmt.Println(one("SELECT count(code) FROM customer_import.preview_upload($1, $2)", upload, mode), "faulty records")
	id := one("SELECT import_id FROM customer_import.import_upload($1, $2, background => true)", upload, mode)
	for ended := ""; ended != "true"; ended = one("SELECT finished_at IS NOT NULL"+status, id) {
		fmt.Println(<-time.After(time.Second), one("SELECT concat_ws(' ', state, bar)"+status, id))
	}
	fmt.Println(one("SELECT message"+status, id), one("SELECT customer_import.import_report($1) -> 'issues'", id))
	must(0, os.WriteFile(os.Args[2], []byte(one("SELECT customer_import.rejected_csv($1)", id)), 0o644))
	fmt.Println(one("SELECT message FROM customer_import.undo_import($1)", id))
}
