// Brings a file to the server in chunks of 1 MiB, several of them on their way at once, with flat memory.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "client/session.h"
#include "client/terminal.h"

namespace customer_import::client {

class Upload {
public:
    // The file is opened here; "-" is standard input. Throws std::system_error. `background`: the chunks outlive a crash of
    // the server. The references must outlive the object.
    Upload(Session& session, Progress& progress, const std::string& path, bool background);
    ~Upload();
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    // Sends all. A lost connection is made again, and what had not arrived is sent again. Throws ServerError,
    // ConnectionLost, Interrupted, std::system_error.
    void send();

    // Removes it from the server, if there is a connection; does not throw.
    void discard();

    // Its number, once send() has returned.
    const std::string& number() const { return number_; }

private:
    struct Chunk {
        std::int64_t at;
        std::string bytes;
    };

    void begin();
    void send_all();
    bool read_chunk();
    void send_chunk(const Chunk& chunk);
    void take_answers(std::size_t left);
    void flush();
    void resume();
    void begin_again();
    void show();

    Session& session_;
    Progress& progress_;
    const std::string path_;
    const bool background_;
    int file_ = -1;
    std::int64_t size_ = 0;  // 0: not known
    std::string number_;
    std::int64_t read_ = 0;
    bool at_end_ = false;
    bool is_resumed_ = false;  // after a lost connection
    std::deque<Chunk> sent_;   // and not answered yet
    std::int64_t arrived_ = 0;
};

}  // namespace customer_import::client
