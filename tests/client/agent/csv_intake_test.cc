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

}  // namespace
}  // namespace shoal::client
