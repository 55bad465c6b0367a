#include "pg/input/file_check.h"

#include "core/csv_reader.h"
#include "core/record_shape.h"
#include "core/report.h"
#include "core/row_validator.h"
#include "pg/access/identity.h"
#include "pg/input/file_decoder.h"
#include "pg/input/import_options.h"
#include "pg/input/preparers.h"

namespace customer_import::pg {

// Validates records and passes them on.
class FileCheck::Sink final : public RecordSink {
public:
    // Without a taker records are only counted; with `header_only` they are passed over.
    Sink(FileCheck& check, RecordTaker* taker, bool header_only = false)
        : check_(check), taker_(taker), header_only_(header_only) {}

    Status header(const CsvRecord& record) override {
        auto header = HeaderMap::create(record.fields, check_.fields_,
                                        header_options(check_.request_, check_.catalog_));
        if (auto* refusal = std::get_if<Refusal>(&header)) {
            return std::move(*refusal);
        }
        check_.header_ = std::get<HeaderMap>(std::move(header));
        check_.raw_header_ = check_.request_.encoding.exact(record.raw, record.offset);
        ValidatorOptions options;
        options.fold_user_names = check_.target_.fold_user_names;
        options.check_interrupts = check_interrupts;
        options.collect_unknown_codes = check_.request_.create_unknown_roles;
        options.keep_damaged = check_.request_.keep_damaged;
        options.warnings = &check_.warnings_;
        if (!check_.request_.encoding.is_utf8()) {
            const FileEncoding& encoding = check_.request_.encoding;
            options.encoding = encoding.name();
            options.describe_invalid = [&encoding](std::string_view text, std::size_t offset) {
                return encoding.describe_invalid(text, offset);
            };
        }
        validator_.emplace(*check_.header_, check_.catalog_, options);
        if (options.collect_unknown_codes && check_.request_.kind == ImportKind::retry) {
            preparers_ = PreparedRecords(check_.request_).read(current_identity().name);
            options.collect_unknown_codes = false;
            limited_.emplace(*check_.header_, check_.catalog_, options);
        }
        return {};
    }

    Status record(const CsvRecord& read) override {
        check_interrupts();
        if (header_only_) {
            return {};
        }
        const std::string_view raw = check_.request_.encoding.exact(read.raw, read.offset);
        CsvRecord record = read;
        record.line = check_.source_.line_of_next_record(read.line);
        RowValidator& validator = validator_of(record.line);
        if (Status refusal = validator.validate(record, batch_, issues_)) {
            return refusal;
        }
        if (taker_ != nullptr) {
            if (issues_.empty() && raw.data() != read.raw.data()) {
                batch_.replace_raw(raw);
            }
            if (issues_.empty()) {
                taker_->valid(batch_.records().back());
            } else {
                taker_->rejected(record.line, validator.user_name(), issues_, raw);
            }
        }
        if (batch_.size() >= kForgetRecords || batch_.bytes() >= kForgetBytes) {
            batch_.clear();
        }
        return {};
    }

    void passed_over(std::int64_t line) override {
        check_interrupts();
        if (!header_only_) {
            (void)check_.source_.line_of_next_record(line);
        }
    }

    bool is_header_only() const { return header_only_; }
    bool has_header() const { return validator_.has_value(); }
    const std::vector<std::string>& unknown_codes() const { return validator_->unknown_codes(); }

private:
    static constexpr std::size_t kForgetRecords = 1000;
    static constexpr std::size_t kForgetBytes = 1024 * 1024;

    // A record of a retry may do what both its preparer and the operator that retries it may do.
    RowValidator& validator_of(std::int64_t line) {
        const Preparer* preparer = limited_ ? preparers_.find(line) : nullptr;
        return preparer != nullptr && preparer->is_limited ? *limited_ : *validator_;
    }

    FileCheck& check_;
    RecordTaker* const taker_;
    const bool header_only_;
    Batch batch_;
    std::vector<Issue> issues_;
    std::optional<RowValidator> validator_;
    std::optional<RowValidator> limited_;  // of a retry: for operators that may not add codes
    Preparers preparers_;
};

FileCheck::FileCheck(ImportRequest& request, InputSource& source, const Target& target, RoleCatalog& catalog)
    : request_(request), source_(source), target_(target), catalog_(catalog), fields_(target.fields()) {}

void FileCheck::run(Sink& sink) {
    source_.rewind();
    FileDecoder decoder(request_.encoding, request_.kind == ImportKind::file);
    warnings_ = {};
    RecordShaper shaper({request_.strict, [this] { return source_.completes_next_record(); }}, sink, warnings_);
    // What comes behind the header in its chunk is not to be counted where that alone is read.
    CsvReader reader({request_.delimiter}, sink.is_header_only() ? static_cast<RecordSink&>(sink) : shaper);
    auto refuse = [](const Status& status) {
        if (status) {
            throw ImportError(*status);
        }
    };
    const auto is_done = [&] { return sink.is_header_only() && sink.has_header(); };
    for (std::string_view chunk = source_.next(); !chunk.empty(); chunk = source_.next()) {
        check_interrupts();
        refuse(reader.feed(decoder.next(chunk)));
        if (is_done()) {
            break;
        }
    }
    if (!is_done()) {
        refuse(reader.feed(decoder.finish()));
        encoding_advice_ = decoder.advice();
    }
    if (!is_done()) {  // what is wrong behind the header is not asked for
        refuse(reader.finish());
    }
    delimiter_ = reader.delimiter();
}

std::vector<std::string> FileCheck::warnings() const {
    std::vector<std::string> texts = header_->warnings();
    for (std::string& text : warnings_.texts()) {
        texts.push_back(std::move(text));
    }
    if (!encoding_advice_.empty()) {
        texts.push_back(encoding_advice_);
    }
    return texts;
}

std::string FileCheck::encoding_hint() const { return as_sentence(encoding_advice_); }

void FileCheck::read_header() {
    Sink sink(*this, nullptr, true);
    run(sink);
}

void FileCheck::add_unknown_codes() {
    Sink sink(*this, nullptr);
    run(sink);
    new_codes_ = sink.unknown_codes();
    for (const std::string& code : new_codes_) {
        catalog_.add(code);
    }
}

void FileCheck::read(RecordTaker& taker) {
    Sink sink(*this, &taker);
    run(sink);
}

}  // namespace customer_import::pg
