#include "client/agent/csv_intake.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CsvIntakeTest : public ::testing::Test {
 protected:
  CsvIntakeTest() {
    options_.num_features = 2;
    options_.num_classes = 100;
  }

  void OpenStore() {
    auto opened = ExampleStore::Open(options_, StorePath(), clock_);
    SHOAL_ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  void Write(const std::string& csv) {
    SHOAL_ASSERT_OK(ReplaceFile(Path(), csv));
  }
  static CsvIntake::End RunToEnd(CsvIntake& intake) {
    std::optional<CsvIntake::End> end;
    while (!end.has_value()) end = intake.Step();
    return *std::move(end);
  }
  CsvIntake::End Take() {
    CsvIntake intake(Path(), *store_);
    return RunToEnd(intake);
  }
  std::vector<int32_t> Labels() {
    const auto data = store_->Snapshot().value();
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < data->num_examples(); ++i) {
      labels.push_back(data->label(i));
    }
    return labels;
  }

  std::string Path() const { return folder_.path() + "/a.csv"; }
  std::string StorePath() const { return folder_.path() + "/store"; }

  TemporaryFolder folder_;
  VirtualClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  ExampleStoreOptions options_;
  std::unique_ptr<ExampleStore> store_;
};

// Otherwise the same file would be tried for ever.
TEST_F(CsvIntakeTest, FeatureThatTheStoreWantsIsTheFilesFault) {
  OpenStore();
  Write("label,a,b\n3,1,2\n1,,0.2\n");
  const CsvIntake::End end = Take();
  EXPECT_THAT(end.file, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("a.csv:3: feature 0 is missing")));
  SHOAL_EXPECT_OK(end.store);
  EXPECT_THAT(Labels(), IsEmpty());
}

TEST_F(CsvIntakeTest, ColumnsAreFoundByTheirNames) {
  options_.labels_per_example = 2;
  OpenStore();
  Write("label_2,b,label_1,a\n5,0.5,6,0.25\n");
  SHOAL_ASSERT_OK(Take().file);
  const auto data = store_->Snapshot().value();
  std::vector<float> features(2);
  data->CopyFeatures(0, absl::MakeSpan(features));
  EXPECT_THAT(features, ElementsAre(0.5f, 0.25f));  // as the columns stand
  std::vector<int32_t> labels(2);
  data->CopyLabels(0, absl::MakeSpan(labels));
  EXPECT_THAT(labels, ElementsAre(6, 5));
}

// The store fails between two rows, and takes an example of another way before
// the file is tried again.
TEST_F(CsvIntakeTest, StoreThatFailsIsNotTheFilesFaultAndNoRowIsTakenTwice) {
  options_.max_examples = 16;  // one in each of the store's files
  OpenStore();
  const std::string obstacle = StorePath() + "/000000000002.examples";
  std::filesystem::create_directories(obstacle + "/x");
  Write("label,a,b\n1,1,1\n2,2,2\n3,3,3\n");
  const CsvIntake::End failed = Take();
  SHOAL_EXPECT_OK(failed.file);
  EXPECT_THAT(failed.store.message(), HasSubstr(obstacle));
  EXPECT_THAT(Labels(), ElementsAre(1));

  std::filesystem::remove_all(obstacle);
  const std::vector<float> features = {9, 9};
  const int32_t label = 9;
  const Example other = {features, {&label, 1}, {}};
  SHOAL_ASSERT_OK(store_->Add({&other, 1}));
  const CsvIntake::End end = Take();
  SHOAL_EXPECT_OK(end.file);
  SHOAL_EXPECT_OK(end.store);
  EXPECT_EQ(end.num_rows, 3);
  EXPECT_THAT(Labels(), ElementsAre(1, 9, 2, 3));
}

TEST_F(CsvIntakeTest, RowsThatFillTheLastPieceAreAllTaken) {
  options_.num_features = (1 << 14) - 1;  // with its label two rows of a piece
  OpenStore();
  const std::vector<std::string> names(options_.num_features, "x");
  const std::string values =
      absl::StrJoin(std::vector<int>(options_.num_features, 1), ",");
  std::string csv = absl::StrCat("label,", absl::StrJoin(names, ","), "\n");
  for (int label = 0; label < 4; ++label) {
    absl::StrAppend(&csv, label, ",", values, "\n");
  }
  Write(csv);
  EXPECT_EQ(Take().num_rows, 4);
  EXPECT_THAT(Labels(), ElementsAre(0, 1, 2, 3));
}

TEST_F(CsvIntakeTest, HeaderAloneIsAFileWithoutExamples) {
  OpenStore();
  Write("label,a,b\n");
  const CsvIntake::End end = Take();
  SHOAL_EXPECT_OK(end.file);
  EXPECT_EQ(end.num_rows, 0);
}

TEST_F(CsvIntakeTest, FileThatHasGoneIsNotFound) {
  OpenStore();
  EXPECT_THAT(Take().file, StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CsvIntakeTest, ChangeWhileItIsReadIsNoticed) {
  options_.num_features = 20000;
  options_.num_classes = 0;
  OpenStore();
  const std::string row = absl::StrJoin(std::vector<int>(20000, 1), ",") + "\n";
  const std::string header =
      absl::StrJoin(std::vector<std::string>(20000, "x"), ",") + "\n";
  Write(header + row + row + row);
  CsvIntake intake(Path(), *store_);
  ASSERT_FALSE(intake.Step().has_value());
  // While it is checked, it is checked once more.
  Write(header + row + row);
  while (store_->num_examples() == 0) ASSERT_FALSE(intake.Step().has_value());
  Write(header + row);
  EXPECT_THAT(RunToEnd(intake).file,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("changed while it was read")));
}

}  // namespace
}  // namespace shoal::client
