// A validator with its header, catalog and batch, for the tests of the validator.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/row_validator.h"

namespace customer_import {

using Cells = std::vector<std::string_view>;

class RowValidatorTest : public testing::Test {
protected:
    void SetUp() override {
        for (const char* code : {"buyer", "approver", "companyAdmin", "Viewer"}) {
            catalog_.add(code);
        }
    }

    void use_header(const Cells& header, const ValidatorOptions& options = {},
                    const std::vector<Field>& fields = standard_fields()) {
        auto created = HeaderMap::create(header, fields, header_options_);
        ASSERT_TRUE(std::holds_alternative<HeaderMap>(created)) << std::get<Refusal>(created).message;
        header_ = std::get<HeaderMap>(std::move(created));
        validator_ = std::make_unique<RowValidator>(*header_, catalog_, options);
    }

    // Returns true when the record is valid.
    bool check(const Cells& cells) {
        std::string raw;
        for (const std::string_view cell : cells) {
            raw.append(raw.empty() ? "" : ",").append(cell);
        }
        const CsvRecord record{7, raw, false, false, cells};
        return check_record(record);
    }

    bool check_record(const CsvRecord& record) {
        const std::size_t before = batch_.size();
        refusal_ = validator_->validate(record, batch_, issues_);
        const bool added = batch_.size() > before;
        EXPECT_EQ(added, issues_.empty() && !refusal_);
        return added;
    }

    const Record& last() const { return batch_.records().back(); }

    void expect_issue(std::size_t index, IssueCode code, std::string_view column, std::optional<std::string> value,
                      std::string_view message, std::string_view hint = {}) {
        ASSERT_LT(index, issues_.size());
        const Issue& issue = issues_[index];
        EXPECT_EQ(issue_code_name(issue.code), issue_code_name(code));
        EXPECT_EQ(issue.column, column);
        EXPECT_EQ(issue.has_value, value.has_value());
        EXPECT_EQ(issue.value, value.value_or(""));
        EXPECT_EQ(issue.message, message);
        EXPECT_EQ(issue.hint, hint);
        EXPECT_EQ(issue.detail, "");
        EXPECT_EQ(issue.sqlstate, "");
    }

    static Cells codes(std::span<const std::string_view> list) { return {list.begin(), list.end()}; }

    RoleCatalog catalog_;
    HeaderOptions header_options_;
    std::optional<HeaderMap> header_;
    std::unique_ptr<RowValidator> validator_;
    Batch batch_;
    std::vector<Issue> issues_;
    Status refusal_;
};

}  // namespace customer_import
