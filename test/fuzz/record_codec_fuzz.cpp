// Any bytes as an encoded record: reading must stay inside of them, and what is read must survive being written and read
// again. The first byte chooses the order.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/batch.h"
#include "core/record_codec.h"
#include "records.h"
#include "require.h"

using namespace customer_import;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const RecordOrder order = data[0] % 2 == 0 ? RecordOrder::by_user_name : RecordOrder::by_line;
    Batch batch;
    const bool decoded = decode_record({reinterpret_cast<const char*>(data) + 1, size - 1}, order, batch);
    require(batch.size() == (decoded ? 1 : 0), "a record is decoded or not");
    if (!decoded) {
        return 0;
    }
    std::string bytes;
    encode_record(batch.records()[0], order, bytes);
    Batch again;
    require(decode_record(bytes, order, again), "an encoded record can be decoded");
    require(same_record(again.records()[0], batch.records()[0]), "an encoded record is that record");
    return 0;
}
