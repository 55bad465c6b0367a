// How many imports run at the same time, and whose turn it is when one more may.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pg/background/waiting_imports.h"

namespace customer_import::pg {

// The places of customer_import.max_running_imports, and who has them.
class Places {
public:
    // Counts an import that runs. `is_blocked`: all its workers wait for locks.
    void take(const WaitingImport& import, bool is_blocked);

    // How many imports of an operator run.
    int count_running(const std::string& operator_name) const;

    // Whether one more import may run. What is blocked leaves its place to other operators, though no more imports than
    // there are places. Where large files have all places there is one more for a small file, of an operator of whom
    // nothing runs. In all twice as many run as there are places, also when one lock blocks all of them.
    bool has_one_for(const WaitingImport& import) const;

private:
    struct Running {
        int imports = 0;
        int blocked = 0;  // of those
    };
    std::map<std::string, Running> operators_;
    Running all_;
    int small_ = 0;  // that are not blocked
};

// The turns of operators.
class Turns {
public:
    // Of imports that could start, the one whose turn it is: of the operator with the fewest running imports, among
    // equals that which has waited longest; of its imports, the first. end(): there is no place for any of them.
    std::vector<WaitingImport>::iterator next(std::vector<WaitingImport>& candidates, const Places& places);

private:
    std::map<std::string, std::int64_t> last_;  // when an operator had its last one
    std::int64_t number_ = 0;
};

}  // namespace customer_import::pg
