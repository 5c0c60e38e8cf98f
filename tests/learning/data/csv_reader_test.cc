#include "learning/data/csv_reader.h"

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Records = std::vector<std::vector<std::string>>;

class CsvReaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<Records> ReadAll(absl::string_view contents) {
    const std::string path = WriteFile(folder_.path(), "a.csv", contents);
    auto reader = CsvReader::Open(path);
    if (!reader.ok()) return reader.status();
    Records records;
    while (true) {
      const auto more = reader->Next();
      if (!more.ok()) return more.status();
      if (!*more) return records;
      records.push_back(reader->fields());
    }
  }
  TemporaryFolder folder_;
};

TEST_F(CsvReaderTest, SplitsRecordsAndFields) {
  EXPECT_THAT(
      ReadAll("a,b\r\nc,\n,d"),
      IsOkAndHolds(ElementsAre(ElementsAre("a", "b"), ElementsAre("c", ""),
                               ElementsAre("", "d"))));
}

TEST_F(CsvReaderTest, LastLineMayHaveAnEnd) {
  EXPECT_THAT(ReadAll("a\n"), IsOkAndHolds(ElementsAre(ElementsAre("a"))));
  EXPECT_THAT(ReadAll(""), IsOkAndHolds(ElementsAre()));
}

TEST_F(CsvReaderTest, QuotedFieldsHoldCommasLinesAndQuotes) {
  EXPECT_THAT(ReadAll("\"a,b\",\"c\r\nd\",\"say \"\"hi\"\"\",\"\"\n"),
              IsOkAndHolds(
                  ElementsAre(ElementsAre("a,b", "c\r\nd", "say \"hi\"", ""))));
}

TEST_F(CsvReaderTest, ByteOrderMarkIsPassedOver) {
  EXPECT_THAT(ReadAll("\xEF\xBB\xBF"
                      "a,b"),
              IsOkAndHolds(ElementsAre(ElementsAre("a", "b"))));
  EXPECT_THAT(ReadAll("\xEF\xBBx"), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("byte order mark")));
}

TEST_F(CsvReaderTest, GzippedFilesAreReadToo) {
  EXPECT_THAT(ReadAll(Gzip("a,b\n")),
              IsOkAndHolds(ElementsAre(ElementsAre("a", "b"))));
  std::string packed = Gzip("a,b\n");
  packed.resize(packed.size() - 5);
  EXPECT_THAT(ReadAll(packed), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(CsvReaderTest, MalformedRecordIsNamedWithItsFirstLine) {
  const struct {
    std::string contents;
    const char* error;
  } cases[] = {
      {"a\n\"b\nc", "a.csv:2: a quoted field does not end"},
      {"a\n\"b\n\"c\n", "a.csv:2: text follows the closing quote"},
      {"a\nb\"c\"\n", "a.csv:2: a quote inside a field"},
      {"a\nb\rc\n", "a.csv:2: a carriage return without"},
      {"a\n" + std::string(2000000, 'x'), "a.csv:2: a record of more than"},
      {"a\n" + std::string(2000000, ','), "a.csv:2: a record of more than"},
  };
  for (const auto& bad : cases) {
    EXPECT_THAT(
        ReadAll(bad.contents),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad.error)));
  }
}

TEST_F(CsvReaderTest, LinesInsideQuotesAreCounted) {
  EXPECT_THAT(
      ReadAll("\"a\n\n\"\nb\"\n"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a.csv:4: ")));
}

}  // namespace
}  // namespace shoal::learning
