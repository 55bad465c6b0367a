#include "client/upload.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/format.h"

namespace customer_import::client {

namespace {

constexpr std::size_t kChunkBytes = 1024 * 1024;
constexpr std::size_t kOnTheirWay = 4;
constexpr std::chrono::seconds kLook{1};

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// What the server says of a place in an upload whose bytes are not there.
bool is_of_lost_upload(const ServerError& error) {
    return error.sqlstate() == "22023" || error.sqlstate() == "42704" || error.sqlstate() == "55000";
}

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Upload::Upload(Session& session, Progress& progress, const std::string& path, bool background)
    : session_(session), progress_(progress), path_(path), background_(background) {
    if (path == "-") {
        file_ = STDIN_FILENO;
    } else {
        file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file_ < 0) {
            fail(format("cannot open \"{}\"", path));
        }
    }
    struct stat status {};
    if (fstat(file_, &status) == 0 && S_ISREG(status.st_mode)) {
        size_ = status.st_size;
    } else if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        fail(format("cannot read \"{}\"", path));
    }
}

Upload::~Upload() {
    if (file_ > STDIN_FILENO) {
        close(file_);
    }
}

void Upload::begin() {
    const std::size_t slash = path_.rfind('/');
    const Value name = path_ == "-" ? Value() : Value(slash == std::string::npos ? path_ : path_.substr(slash + 1));
    number_ = *session_.query("SELECT customer_import.begin_upload($1, $2)",
                              {name, background_ ? "true" : "false"})[0][0];
}

void Upload::send() {
    begin();
    show();
    for (;;) {
        try {
            send_all();
            break;
        } catch (const ConnectionLost&) {
            resume();
        } catch (const ServerError& error) {
            if (!is_resumed_ || !is_of_lost_upload(error)) {
                throw;
            }
            begin_again();
        }
    }
    progress_.show(arrived_, size_);
    progress_.finish();
}

// After the connection was lost: what has not been answered is sent again, at its place, where bytes that are there do nothing.
void Upload::resume() {
    progress_.note("The connection was lost; connecting again");
    session_.reconnect();
    is_resumed_ = true;
    show();
}

// A crash of the server has taken the chunks.
void Upload::begin_again() {
    if (lseek(file_, 0, SEEK_SET) != 0) {
        throw std::runtime_error("the server has lost the upload, and the input cannot be read again");
    }
    session_.connect();
    discard();
    begin();
    sent_.clear();
    read_ = arrived_ = 0;
    at_end_ = is_resumed_ = false;
    show();
}

void Upload::show() { progress_.start(path_ == "-" ? "Uploading" : format("Uploading {}", path_), "bytes"); }

void Upload::send_all() {
    PQsetnonblocking(session_.connection(), 1);
    PQenterPipelineMode(session_.connection());
    for (const Chunk& chunk : sent_) {
        send_chunk(chunk);
    }
    while (read_chunk()) {
        send_chunk(sent_.back());
        take_answers(kOnTheirWay - 1);
    }
    take_answers(0);
    PQexitPipelineMode(session_.connection());
    PQsetnonblocking(session_.connection(), 0);
}

// Reads the next chunk to the end of sent_. Returns false at the end of the file.
bool Upload::read_chunk() {
    if (at_end_) {
        return false;
    }
    Chunk chunk{read_, std::string(kChunkBytes, '\0')};
    std::size_t filled = 0;
    while (filled < kChunkBytes) {
        session_.interrupts().check();
        pollfd descriptor = {file_, POLLIN, 0};
        if (size_ == 0 && poll(&descriptor, 1, 200) == 0) {
            continue;  // a pipe whose writer takes its time
        }
        const ssize_t bytes = read(file_, chunk.bytes.data() + filled, kChunkBytes - filled);
        if (bytes < 0 && errno != EINTR) {
            fail(format("cannot read \"{}\"", path_));
        }
        if (bytes == 0) {
            at_end_ = true;
            break;
        }
        filled += static_cast<std::size_t>(std::max<ssize_t>(bytes, 0));
    }
    if (filled == 0) {
        return false;
    }
    chunk.bytes.resize(filled);
    read_ += static_cast<std::int64_t>(filled);
    sent_.push_back(std::move(chunk));
    return true;
}

void Upload::send_chunk(const Chunk& chunk) {
    PGconn* const connection = session_.connection();
    const std::string at = std::to_string(chunk.at);
    const char* const values[] = {number_.c_str(), chunk.bytes.data(), at.c_str()};
    const int lengths[] = {0, static_cast<int>(chunk.bytes.size()), 0};
    const int formats[] = {0, 1, 0};
    const auto put = [&](const char* statement, int count, const char* const* texts) {
        return PQsendQueryParams(connection, statement, count, nullptr, texts, count == 3 ? lengths : nullptr,
                                 count == 3 ? formats : nullptr, 0) != 0;
    };
    bool good = true;
    if (session_.acts()) {
        const char* const name = session_.options().operator_name->c_str();
        good = put("BEGIN", 0, nullptr) && put("SELECT customer_import.act_as($1)", 1, &name);
    }
    good = good && put("SELECT customer_import.append_upload($1::bigint, $2::bytea, $3::bigint)", 3, values);
    if (good && session_.acts()) {
        good = put("COMMIT", 0, nullptr);
    }
    if (!good || PQpipelineSync(connection) == 0) {
        throw ConnectionLost(PQerrorMessage(connection));
    }
    flush();
}

void Upload::flush() {
    PGconn* const connection = session_.connection();
    for (int unsent = PQflush(connection); unsent != 0; unsent = PQflush(connection)) {
        if (unsent < 0) {
            throw ConnectionLost(PQerrorMessage(connection));
        }
        session_.interrupts().check();
        session_.interrupts().wait(PQsocket(connection), POLLIN | POLLOUT, kLook);
        if (PQconsumeInput(connection) == 0) {
            throw ConnectionLost(PQerrorMessage(connection));
        }
    }
}

// Takes the server's answers until no more than `left` chunks are without one.
void Upload::take_answers(std::size_t left) {
    PGconn* const connection = session_.connection();
    std::unique_ptr<ServerError> error;
    while (sent_.size() > left) {
        while (PQisBusy(connection) != 0) {
            session_.interrupts().check();
            session_.wait(kLook);
        }
        const Result result(PQgetResult(connection), &PQclear);
        if (!result) {  // the end of one statement's results
            if (PQstatus(connection) != CONNECTION_OK) {
                throw ConnectionLost(PQerrorMessage(connection));
            }
            continue;
        }
        switch (PQresultStatus(result.get())) {
            case PGRES_FATAL_ERROR:
                if (PQstatus(connection) != CONNECTION_OK) {
                    throw ConnectionLost(PQerrorMessage(connection));
                }
                if (!error) {
                    error = std::make_unique<ServerError>(result.get());
                }
                break;
            case PGRES_PIPELINE_SYNC:
                if (error) {
                    throw ServerError(*error);
                }
                arrived_ = sent_.front().at + static_cast<std::int64_t>(sent_.front().bytes.size());
                sent_.pop_front();
                progress_.show(arrived_, size_);
                break;
            default: break;
        }
    }
}

void Upload::discard() {
    if (number_.empty()) {
        return;
    }
    try {
        if (PQpipelineStatus(session_.connection()) != PQ_PIPELINE_OFF ||
            PQstatus(session_.connection()) != CONNECTION_OK) {
            session_.connect();
        }
        session_.query("SELECT customer_import.discard_upload($1)", {number_});
    } catch (const std::exception&) {
        // The server discards it by itself, after customer_import.upload_lifetime.
    }
}

}  // namespace customer_import::client
