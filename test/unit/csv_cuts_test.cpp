// The reader's most important property: however a file is cut into chunks, the same records come out.
#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "csv_files.h"

namespace customer_import {
namespace {

using namespace std::string_literals;

void expect_same_in_two_chunks(const std::string& text) {
    const ReadFile whole = read_file(text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        const std::string_view view = text;
        ASSERT_EQ(read_chunks({view.substr(0, cut), view.substr(cut)}), whole) << "cut at " << cut << " of:\n" << text;
    }
}

void expect_same_byte_by_byte(const std::string& text) {
    std::vector<std::string_view> bytes;
    for (const char& c : text) {
        bytes.emplace_back(&c, 1);
    }
    ASSERT_EQ(read_chunks(bytes), read_file(text)) << text;
}

void expect_same_in_random_chunks(const std::string& text, std::mt19937& random, std::size_t longest) {
    std::vector<std::string_view> chunks;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t size = random() % (longest + 1);
        chunks.push_back(std::string_view(text).substr(begin, size));
        begin += size;
    }
    ASSERT_EQ(read_chunks(chunks), read_file(text)) << text;
}

std::vector<std::string> nasty_files() {
    return {
        "",
        "\n",
        "\r",
        "\r\n",
        "a",
        "\"",
        "\"\"",
        "\xEF\xBB\xBF",
        "\xEF\xBB",
        "\xEF\xBB\xBF\xEF\xBB\xBF"
        "a,b\n1,2",
        "\xFF\xFE"
        "a\0,\0"s,
        "\xFF\xFE\0\0a\0\0\0"s,
        "\0\0\xFE\xFF\0\0\0a"s,
        "a\0,\0b\0\r\0\n\0"s,
        "a,b\r\n1,2\r\n\r\n3,4\r\n",
        "a,b\r1,2\r\r3,4\r",
        "a,b\n\r1,2\n\r\r\n3,4",
        "sep=;\na;b\n1;2\n",
        "sep=;\r\na;b\r\n1;2\r\n",
        "sep=|\r\ra|b",
        "sep=;",
        "\xEF\xBB\xBFsep=\t\r\na\tb\r\n",
        "\"a\r\n,;;\",\"b\"\"\r\"\r\n1,\"2\r\n\r\n3\"\r\n",
        "a,b\n\"x\r\n\r\ry\n\",2\n",
        "a,b\n\"\"\"\",\"\"\n\"\"\"\n\"\"\",\"\n\"\n",
        "a,b\nx\"y,z\n\"q\"r,s\n\"1\n2\"x,\"\n3,4\n",
        "a,b\r\nx\"\r\n\"y\"z\r\n1,2",
        "a,b\nx,\"y\nz\n",
        "a,b\r\n\"1\r\n2\",\"3\r\n\r\n4",
        "a,\"b\nx,y\n",
        "user\"Name,b\nx,\"y\"\n",
        "user\"Name;b\n\"x\";y\nz",
        "a;b\n1,2;\xFF\n\0;\n"s,
        "a,b\n,\n,,\n\" \"\n ,\t\n",
        "\n\n\r\ra,b\n\n\n",
        "a|b\n\xC3\xA9|\xE2\x82\xAC\r\n\xF0\x9F\x98\x80|\"\xF0\x9F\r\x98\x80\"\n",
        "userName,addRoles\r\n\"Ann\",\"buyer, approver\"\r\n\"Bob \"\"the\"\" Builder\",\"a\r\nb\"\r\n",
    };
}

std::string random_file(std::mt19937& random) {
    static const char* const kParts[] = {"a",    "b",   ",",     ";",   "\"",  "\"",   "\"\"",
                                         "\n",   "\r",  "\r\n",  " ",   "\t",  "|",    "\xC3\xA9",
                                         "\xFF", "x,y", "\"q\"", ",\"", "\",", "\"\n", "\n\""};
    std::string text = random() % 3 == 0 ? "a,b\n" : "";
    for (std::size_t count = random() % 40; count > 0; --count) {
        text += kParts[random() % std::size(kParts)];
    }
    return text;
}

// Mostly well-formed files, so that the reader comes far.
std::string random_table(std::mt19937& random) {
    static const char* const kBreaks[] = {"\n", "\r\n", "\r"};
    static const char* const kCells[] = {"",           "a",      " ",          "user@example.com", "\"\"",    "\"x,y\"",
                                         "\"1\r\n2\"", "\"\r\"", "\"a\"\"b\"", "\xC3\xA9",         "\"\n\n\""};
    std::string text = "userName;addRoles";
    for (std::size_t records = random() % 8; records > 0; --records) {
        text += kBreaks[random() % 3];
        text += kCells[random() % std::size(kCells)];
        text += ";";
        text += kCells[random() % std::size(kCells)];
        if (random() % 12 == 0) {
            text += "\"";
        }
    }
    if (random() % 2 == 0) {
        text += kBreaks[random() % 3];
    }
    return text;
}

TEST(CsvCuts, NastyFilesInTwoChunks) {
    for (const std::string& text : nasty_files()) {
        expect_same_in_two_chunks(text);
    }
}

TEST(CsvCuts, NastyFilesByteByByte) {
    for (const std::string& text : nasty_files()) {
        expect_same_byte_by_byte(text);
    }
}

TEST(CsvCuts, NastyFilesInThreeChunks) {
    for (const std::string& text : nasty_files()) {
        const ReadFile whole = read_file(text);
        const std::string_view view = text;
        for (std::size_t first = 0; first <= text.size(); ++first) {
            for (std::size_t second = first; second <= text.size(); ++second) {
                ASSERT_EQ(read_chunks({view.substr(0, first), view.substr(first, second - first), view.substr(second)}),
                          whole)
                    << first << " " << second << " of:\n"
                    << text;
            }
        }
    }
}

TEST(CsvCuts, RandomBytesInAllTwoChunks) {
    std::mt19937 random(4);
    for (int i = 0; i < 1500; ++i) {
        expect_same_in_two_chunks(random_file(random));
    }
}

TEST(CsvCuts, RandomBytesInRandomChunks) {
    std::mt19937 random(5);
    for (int i = 0; i < 5000; ++i) {
        const std::string text = random_file(random);
        expect_same_byte_by_byte(text);
        expect_same_in_random_chunks(text, random, 6);
    }
}

TEST(CsvCuts, RandomTablesInAllTwoChunks) {
    std::mt19937 random(6);
    for (int i = 0; i < 1000; ++i) {
        expect_same_in_two_chunks(random_table(random));
    }
}

TEST(CsvCuts, RandomTablesInRandomChunks) {
    std::mt19937 random(7);
    for (int i = 0; i < 5000; ++i) {
        const std::string text = random_table(random);
        expect_same_byte_by_byte(text);
        expect_same_in_random_chunks(text, random, 12);
    }
}

// Records around the limit, cut around the limit.
TEST(CsvCuts, LongRecords) {
    const std::string fill(kMaxRecordBytes - 10, 'x');
    for (const std::string& head : {"a,b\n"s, "a,b\r\n\""s, "\""s, "a,b\n\"\n\",\""s}) {
        for (std::size_t more = 5; more < 12; ++more) {
            for (const std::string tail : {"", "\n", "\r\n", "\"", "\"\r\n", "\n\r", "\n\"\n", "\r\n\r\n1,2"}) {
                const std::string text = head + fill + std::string(more, 'y') + tail;
                const std::string_view view = text;
                const ReadFile whole = read_file(text);
                for (std::size_t back = 0; back < 4; ++back) {
                    const std::size_t cut = text.size() - back;
                    ASSERT_TRUE(read_chunks({view.substr(0, cut), view.substr(cut)}) == whole)
                        << head << " " << more << " " << tail << " " << back << ": " << whole.message;
                }
            }
        }
    }
}

TEST(CsvCuts, LongRecordsInOrdinaryChunks) {
    for (const std::string& tail : {"\n1,2\n"s, "\",z\n1,2\n"s}) {
        for (std::size_t size : {kMaxRecordBytes - 5, kMaxRecordBytes - 4, kMaxRecordBytes + 1, 3 * kMaxRecordBytes}) {
            const std::string text = "a,b\n\"" + std::string(size, 'x') + tail;
            std::vector<std::string_view> chunks;
            for (std::size_t begin = 0; begin < text.size(); begin += 65536) {
                chunks.push_back(std::string_view(text).substr(begin, 65536));
            }
            ASSERT_TRUE(read_chunks(chunks) == read_file(text)) << size;
        }
    }
}

}  // namespace
}  // namespace customer_import
