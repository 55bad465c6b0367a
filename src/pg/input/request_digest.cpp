#include "pg/input/request_digest.h"

#include "core/format.h"
#include "pg/input/import_options.h"
#include "pg/server/guard.h"

namespace customer_import::pg {

namespace {

constexpr std::size_t kDigestBytes = PG_SHA256_DIGEST_LENGTH;

// SHA-256 as the server has it. The file is of users: no two of them are to be taken for one on purpose.
class Digest {
public:
    Digest()
        : context_(call([] {
              pg_cryptohash_ctx* context = pg_cryptohash_create(PG_SHA256);
              require(context, context == nullptr ? -1 : pg_cryptohash_init(context));
              return context;
          })) {}
    ~Digest() {
        release([&] { pg_cryptohash_free(context_); });
    }
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;

    void add(std::string_view bytes) {
        call([&] {
            require(context_,
                    pg_cryptohash_update(context_, reinterpret_cast<const uint8*>(bytes.data()), bytes.size()));
        });
    }

    std::string take() {
        std::string digest(kDigestBytes, '\0');
        call([&] {
            require(context_, pg_cryptohash_final(context_, reinterpret_cast<uint8*>(digest.data()), digest.size()));
        });
        return digest;
    }

private:
    // Only within call().
    static void require(pg_cryptohash_ctx* context, int result) {
        if (result < 0) {
            ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                            errmsg("could not compute SHA-256: %s", pg_cryptohash_error(context))));
        }
    }

    pg_cryptohash_ctx* context_;
};

std::string digest_of(std::string_view bytes) {
    Digest digest;
    digest.add(bytes);
    return digest.take();
}

}  // namespace

std::string request_digest(const ImportRequest& request, InputSource& file) {
    const std::string_view delimiter = request.delimiter ? std::string_view(&*request.delimiter, 1) : "";
    std::string digest = digest_of(
        format("{}\n{}\n{}\n{}", request.mode_name(), request.encoding.name(), delimiter, options_json(request)));
    if (!file.exists()) {
        return digest;
    }
    Digest content;
    file.rewind();
    for (std::string_view chunk = file.next(); !chunk.empty(); chunk = file.next()) {
        check_interrupts();
        content.add(chunk);
    }
    file.rewind();
    digest += content.take();
    return digest;
}

RequestDifference compare_requests(std::string_view first, std::string_view second) {
    if (first.substr(0, kDigestBytes) != second.substr(0, kDigestBytes)) {
        return RequestDifference::options;
    }
    first.remove_prefix(kDigestBytes);
    second.remove_prefix(kDigestBytes);
    return first.empty() || second.empty() || first == second ? RequestDifference::none : RequestDifference::file;
}

}  // namespace customer_import::pg
