// Ctrl-C, and what waits for it or for a socket.
#pragma once

#include <chrono>
#include <stdexcept>

namespace customer_import::client {

// Thrown where work is given up because of Ctrl-C.
class Interrupted : public std::runtime_error {
public:
    Interrupted() : std::runtime_error("canceled") {}
};

// SIGINT and SIGTERM, counted instead of ending the process. There may be one object only, made before any thread starts.
class Interrupts {
public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    // How many came so far.
    int count() const;
    // Throws Interrupted once more than `before` came.
    void check(int before = 0) const;

    // Sleeps until the socket (-1: none) is ready for `events` of poll(2), until one more signal comes, or for this long.
    // Returns whether the socket is ready.
    bool wait(int socket, short events, std::chrono::milliseconds time) const;

private:
    int descriptor_ = -1;
    mutable int count_ = 0;
};

}  // namespace customer_import::client
