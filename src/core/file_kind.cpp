#include "core/file_kind.h"

#include <algorithm>
#include <optional>
#include <string>

#include "core/format.h"
#include "core/text.h"

namespace customer_import {

namespace {

using namespace std::string_view_literals;

constexpr const char* kSaveAsCsv = "Save it as CSV UTF-8.";
constexpr const char* kUnpack = "Unpack it, and import the CSV file that is in it.";
constexpr const char* kNoTable = "Save the table itself as CSV UTF-8.";

struct Kind {
    std::string_view begin;
    std::string_view what;  // "the file is …"
    const char* hint;
};

constexpr Kind kKinds[] = {
    {"\x1F\x8B"sv, "compressed with gzip", kUnpack},
    {"BZh91AY&SY"sv, "compressed with bzip2", kUnpack},
    {"\xFD\x37zXZ\0"sv, "compressed with xz", kUnpack},
    {"\x28\xB5\x2F\xFD"sv, "compressed with Zstandard", kUnpack},
    {"7z\xBC\xAF\x27\x1C"sv, "a 7z archive", kUnpack},
    {"Rar!\x1A\x07"sv, "a RAR archive", kUnpack},
    {"PK\5\6"sv, "an empty ZIP archive", kUnpack},
    {"%PDF-"sv, "a PDF document", kNoTable},
    {"{\\rtf"sv, "an RTF document", kNoTable},
    {"\x89PNG\r\n"sv, "a picture (PNG)", kNoTable},
    {"\xFF\xD8\xFF"sv, "a picture (JPEG)", kNoTable},
    {"GIF89a"sv, "a picture (GIF)", kNoTable},
    {"SQLite format 3\0"sv, "an SQLite database", kNoTable},
    {"\xFF\xFE\0\0"sv, "encoded in UTF-32", kSaveAsCsv},
    {"\0\0\xFE\xFF"sv, "encoded in UTF-32", kSaveAsCsv},
};

// Of text, without blanks before it, in lower case.
constexpr Kind kMarkups[] = {
    {"<!doctype html"sv, "an HTML page", kSaveAsCsv},
    {"<html"sv, "an HTML page", kSaveAsCsv},
    {"<head"sv, "an HTML page", kSaveAsCsv},
    {"<meta"sv, "an HTML page", kSaveAsCsv},
    {"<body"sv, "an HTML page", kSaveAsCsv},
    {"<table"sv, "an HTML page", kSaveAsCsv},
    {"<style"sv, "an HTML page", kSaveAsCsv},
    {"<div"sv, "an HTML page", kSaveAsCsv},
    {"<!--"sv, "an HTML page", kSaveAsCsv},
    {"[{"sv, "JSON", kSaveAsCsv},
    {"{\""sv, "JSON", kSaveAsCsv},
    {"{}"sv, "JSON", kSaveAsCsv},
};

Refusal refuse_kind(std::string_view what, const char* hint) {
    return broken_file(format("the file is {}", what), {}, hint);
}

constexpr std::string_view kZipMember = "PK\3\4"sv;
constexpr std::size_t kZipHeaderBytes = 30;

std::size_t two_bytes(std::string_view text, std::size_t offset) {
    return static_cast<unsigned char>(text[offset]) | std::size_t{static_cast<unsigned char>(text[offset + 1])} << 8;
}

// What the member of an archive that `member` begins with says of it, if it says anything.
std::string_view kind_of_member(std::string_view member) {
    const std::size_t name_bytes = two_bytes(member, 26);
    const std::string_view name = member.substr(kZipHeaderBytes, name_bytes);
    if (name.starts_with("xl/")) {
        return "an Excel workbook (xlsx)";
    }
    if (name.starts_with("word/")) {
        return "a Word document (docx)";
    }
    if (name.starts_with("ppt/")) {
        return "a PowerPoint presentation (pptx)";
    }
    if (name.ends_with(".iwa") || name == "Index.zip") {
        return "a Numbers spreadsheet (numbers)";
    }
    if (name != "mimetype") {
        return {};
    }
    const std::size_t content = kZipHeaderBytes + name_bytes + two_bytes(member, 28);
    const std::string_view type = content < member.size() ? member.substr(content) : std::string_view();
    return type.starts_with("application/vnd.oasis.opendocument.spreadsheet") ? "an OpenDocument spreadsheet (ods)"
           : type.starts_with("application/vnd.oasis.opendocument")           ? "an OpenDocument file"
                                                                              : std::string_view();
}

// By the members whose names are among the first bytes. Office is known also by how it writes the first one, whose name
// is the same in all its documents: a workbook is the likeliest of them here.
Refusal refuse_zip(std::string_view begin) {
    for (std::size_t at = 0; at != std::string_view::npos; at = begin.find(kZipMember, at + 1)) {
        const std::string_view member = begin.substr(at);
        if (member.size() < kZipHeaderBytes) {
            break;
        }
        if (const std::string_view what = kind_of_member(member); !what.empty()) {
            return refuse_kind(what, kSaveAsCsv);
        }
    }
    const bool is_office = begin.starts_with("PK\3\4\x14\0\6\0"sv) ||
                           begin.substr(std::min(begin.size(), kZipHeaderBytes)).starts_with("[Content_Types].xml");
    return is_office ? refuse_kind("an Excel workbook (xlsx)", kSaveAsCsv) : refuse_kind("a ZIP archive", kUnpack);
}

Refusal refuse_ole(std::string_view begin) {
    const auto has_stream = [&](std::string_view name) {
        std::string wide;
        for (const char c : name) {
            wide.append({c, '\0'});
        }
        return begin.find(wide) != std::string_view::npos;
    };
    if (has_stream("EncryptedPackage")) {
        return refuse_kind("an Excel workbook with a password", kSaveAsCsv);
    }
    return has_stream("WordDocument") ? refuse_kind("a Word document (doc)", kNoTable)
                                      : refuse_kind("an Excel workbook (xls)", kSaveAsCsv);
}

std::optional<Refusal> refuse_markup(std::string_view begin) {
    const std::string text = ascii_lower(trim(begin.substr(0, kFileKindBytes)));
    for (const Kind& kind : kMarkups) {
        if (text.starts_with(kind.begin)) {
            return refuse_kind(kind.what, kind.hint);
        }
    }
    if (!text.starts_with("<?xml")) {
        return std::nullopt;
    }
    const auto has = [&](std::string_view word) { return text.find(word) != std::string::npos; };
    return has("office:spreadsheet") || has("excel.sheet") ? refuse_kind("an Excel workbook (XML)", kSaveAsCsv)
           : has("<html")                                  ? refuse_kind("an HTML page", kSaveAsCsv)
                                                           : refuse_kind("an XML file", kSaveAsCsv);
}

}  // namespace

std::string_view marked_encoding(std::string_view begin) {
    return begin.starts_with("\xEF\xBB\xBF"sv) ? kUtf8
           : begin.starts_with("\xFF\xFE"sv)   ? kUtf16LittleEndian
           : begin.starts_with("\xFE\xFF"sv)   ? kUtf16BigEndian
                                               : std::string_view();
}

std::string_view unmarked_utf16(std::string_view begin) {
    const std::size_t nul = begin.find('\0');
    return nul == std::string_view::npos ? std::string_view() : nul % 2 == 0 ? kUtf16BigEndian : kUtf16LittleEndian;
}

Status refuse_other_kind(std::string_view begin) {
    for (const Kind& kind : kKinds) {
        if (begin.starts_with(kind.begin)) {
            return refuse_kind(kind.what, kind.hint);
        }
    }
    if (begin.starts_with(kZipMember)) {
        return refuse_zip(begin);
    }
    if (begin.starts_with("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv)) {
        return refuse_ole(begin);
    }
    if (marked_encoding(begin) == kUtf8) {
        begin.remove_prefix(3);
    }
    return refuse_markup(begin);
}

}  // namespace customer_import
