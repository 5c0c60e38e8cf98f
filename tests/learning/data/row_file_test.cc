#include "learning/data/row_file.h"

#include <utility>
#include <vector>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// A header "##", then rows of three.
constexpr absl::string_view kContents = "##aaabbbcccddd";

class RowFileTest : public ::testing::TestWithParam<bool> {
 protected:
  RowFile Write(absl::string_view contents) {
    return {WriteFile(folder_.path(), "rows",
                      GetParam() ? Gzip(contents) : std::string(contents)),
            2, 4, 3};
  }
  // All that ForEachRow shows, and its status.
  static std::pair<std::vector<std::pair<size_t, std::string>>, absl::Status>
  Visit(const RowFile& file, std::vector<int64_t> rows) {
    std::vector<std::pair<size_t, std::string>> seen;
    const absl::Status status =
        ForEachRow(file, rows, [&](size_t i, absl::Span<const char> bytes) {
          seen.emplace_back(i, std::string(bytes.begin(), bytes.end()));
          return absl::OkStatus();
        });
    return {seen, status};
  }
  TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(All, RowFileTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Gzipped" : "Plain";
                         });

TEST_P(RowFileTest, VisitsTheRowsAskedFor) {
  const auto [seen, status] = Visit(Write(kContents), {0, 2, 3});
  SHOAL_EXPECT_OK(status);
  EXPECT_THAT(seen,
              ElementsAre(Pair(0, "aaa"), Pair(1, "ccc"), Pair(2, "ddd")));
}

TEST_P(RowFileTest, NoRowsAreVisitedWhenNoneAreAskedFor) {
  const auto [seen, status] = Visit(Write(kContents), {});
  SHOAL_EXPECT_OK(status);
  EXPECT_TRUE(seen.empty());
}

TEST_P(RowFileTest, TheFirstErrorOfAVisitEndsIt) {
  int visits = 0;
  EXPECT_THAT(ForEachRow(Write(kContents), {0, 1},
                         [&](size_t, absl::Span<const char>) {
                           ++visits;
                           return absl::CancelledError("enough");
                         }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(visits, 1);
}

TEST_P(RowFileTest, SharedRowsAreTheSameEveryTime) {
  const SharedRows rows(Write(kContents));
  for (int time = 0; time < 3; ++time) {
    std::string seen;
    SHOAL_EXPECT_OK(
        rows.ForEach({0, 2, 3}, [&](size_t i, absl::Span<const char> bytes) {
          absl::StrAppend(&seen, i, std::string(bytes.begin(), bytes.end()));
          return absl::OkStatus();
        }));
    EXPECT_EQ(seen, "0aaa1ccc2ddd");
  }
}

TEST_P(RowFileTest, SharedRowsSayWhatIsWrongEveryTime) {
  const SharedRows rows(Write("##aaabbbcccd"));
  for (int time = 0; time < 3; ++time) {
    EXPECT_THAT(rows.ForEach({0, 3},
                             [](size_t, absl::Span<const char>) {
                               return absl::OkStatus();
                             }),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("truncated: it ends in row 3 (1 of 3")));
  }
}

TEST_P(RowFileTest, WrongSizeIsDataLoss) {
  for (absl::string_view contents : {"##aaabbbcccdd", "##aaabbbcccdddd"}) {
    const RowFile file = Write(contents);
    // What is plain is measured, what is gzipped is read to its end.
    const absl::Status status =
        GetParam() ? Visit(file, {0}).second : CheckSize(file);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss)) << contents;
  }
}

TEST(CheckSize, NamesBothSizes) {
  TemporaryFolder folder;
  const RowFile file = {WriteFile(folder.path(), "rows", "##aaabb"), 2, 2, 3};
  EXPECT_THAT(CheckSize(file),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("truncated: 7 bytes, expected 8")));
}

}  // namespace
}  // namespace shoal::learning
