// Imports a file with libpqxx: libpqxx FILE REJECTED_FILE. PGHOST and its like name the server.
// g++ -std=c++17 libpqxx.cpp -o libpqxx -lpqxx -lpq
#include <chrono>
#include <fstream>
#include <iostream>
#include <pqxx/pqxx>
#include <thread>

int main(int, char** arguments) {
    const std::string mode = "Create & Update", name = arguments[1];
    pqxx::connection connection;
    pqxx::nontransaction db{connection};  // each call is a transaction of its own
    const auto upload =
        db.exec_params("SELECT customer_import.begin_upload($1, background => true)", name)[0][0].as<long long>();
    std::ifstream file(name, std::ios::binary);
    file.exceptions(std::ios::badbit);
    std::string chunk(1 << 20, '\0');
    for (long long at = 0; file.read(chunk.data(), chunk.size()), file.gcount() > 0; at += file.gcount()) {
        db.exec_params("SELECT customer_import.append_upload($1, $2, $3)", upload,
                       pqxx::binarystring(chunk.data(), file.gcount()), at);  // with `at` it may be sent again
    }
    for (const auto& row : db.exec_params("SELECT outcome, count(*) FROM customer_import.preview_upload($1, $2) "
                                          "GROUP BY outcome", upload, mode))
        std::cout << "Preview: " << row[0] << ' ' << row[1] << '\n';
    const auto id = db.exec_params("SELECT import_id FROM customer_import.import_upload($1, $2, background => true)",
                                   upload, mode)[0][0].as<long long>();
    pqxx::row status;
    do {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        status = db.exec_params("SELECT * FROM customer_import.import_status WHERE id = $1", id)[0];
        std::cout << status["state"] << ' ' << status["bar"].c_str() << std::endl;
    } while (status["finished_at"].is_null());
    std::cout << status["message"] << ' ' << status["created"] << " created, " << status["rejected"] << " rejected\n";
    for (const auto& issue : db.exec_params("SELECT line, message FROM customer_import.import_issues "
                                            "WHERE import_id = $1 ORDER BY line, issue_number LIMIT 5", id))
        std::cout << "line " << issue[0] << ": " << issue[1] << '\n';
    std::ofstream(arguments[2], std::ios::binary)
        << db.exec_params("SELECT customer_import.rejected_csv($1)", id)[0][0];
    std::cout << db.exec_params("SELECT message FROM customer_import.undo_import($1)", id)[0][0] << '\n';
}
