// Imports a file with JDBC: java -cp postgresql.jar Jdbc.java URL FILE REJECTED_FILE
import java.nio.file.*;
import java.sql.*;

class Jdbc {
    static Connection db;

    // The first cell of the first row. A Long is a bigint, a byte[] a bytea, a String a text.
    static Object one(String sql, Object... values) throws SQLException {
        try (PreparedStatement call = db.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) call.setObject(i + 1, values[i]);
            ResultSet row = call.executeQuery();
            row.next();
            return row.getObject(1);
        }
    }

    public static void main(String[] args) throws Exception {
        String mode = "Create & Update", status = " FROM customer_import.import_status WHERE id = ?";
        db = DriverManager.getConnection(args[0]); // autocommit: each call is a transaction of its own
        Object upload = one("SELECT customer_import.begin_upload(?, background => true)", args[1]), at = 0L;
        try (var file = Files.newInputStream(Path.of(args[1]))) {
            for (byte[] chunk; (chunk = file.readNBytes(1 << 20)).length > 0;) // with `at` a chunk may be sent again
                at = one("SELECT customer_import.append_upload(?, ?, ?)", upload, chunk, at);
        }
        System.out.println("Preview: " + one("SELECT json_object_agg(outcome, n) FROM (SELECT outcome, count(*) AS n"
            + " FROM customer_import.preview_upload(?, ?) GROUP BY outcome) AS counts", upload, mode));
        Object id = one("SELECT import_id FROM customer_import.import_upload(?, ?, background => true,"
            + " request_id => ?)", upload, mode, java.util.UUID.randomUUID().toString());
        for (Object ended = false; ended.equals(false); ended = one("SELECT finished_at IS NOT NULL" + status, id)) {
            Thread.sleep(1000);
            System.out.println(one("SELECT concat_ws(' ', state, bar)" + status, id));
        }
        System.out.println(one("SELECT message" + status, id)); // with the counts
        System.out.println(one("SELECT string_agg(format('line %s: %s', line, message), E'\\n') FROM (SELECT *"
            + " FROM customer_import.import_issues WHERE import_id = ? ORDER BY line, issue_number LIMIT 5) AS x", id));
        Files.write(Path.of(args[2]), (byte[]) one("SELECT customer_import.rejected_csv_bytes(?)", id));
        System.out.println(one("SELECT message FROM customer_import.undo_import(?)", id));
    }
}
