// The examples that work on real data, each as several devices of one task.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/npy.h"
#include "tests/examples/example_program_fixture.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;

class RealDataTest : public ExampleProgramTest {
 protected:
  void CreateTask(const std::string& population, int inputs, int outputs) {
    v1::Task task = LogisticTask(population, inputs, outputs);
    task.mutable_training()->set_learning_rate(0.2);
    task.mutable_training()->set_batch_size(10);
    task.mutable_training()->set_epochs(3);
    task.set_rounds(1000);
    ExampleProgramTest::CreateTask(task);
  }
};

// Writes the windows of one subject as UCI distributes them.
void WriteHar(const std::string& folder, int subject) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const learning::NpyArray windows,
      learning::OpenNpy(DataDir() + "/uci_har/har_x.npy"));
  const auto integers = [](const char* name) {
    return *learning::ReadIntegers(
        *learning::OpenNpy(absl::StrCat(DataDir(), "/uci_har/", name)));
  };
  const std::vector<int64_t> labels = integers("har_y.npy");
  const std::vector<int64_t> subjects = integers("har_subject.npy");
  std::filesystem::create_directories(folder + "/train");
  std::ofstream x(folder + "/train/X_train.txt");
  std::ofstream y(folder + "/train/y_train.txt");
  std::ofstream s(folder + "/train/subject_train.txt");
  std::vector<float> row(windows.num_columns);
  std::vector<int64_t> own;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (subjects[i] == subject) own.push_back(static_cast<int64_t>(i));
  }
  SHOAL_ASSERT_OK(learning::ForEachRow(
      windows.rows, own, [&](size_t at, absl::Span<const char> bytes) {
        learning::DecodeFloats(windows, bytes, absl::MakeSpan(row));
        for (const float value : row) x << absl::StrFormat(" %15.7e", value);
        x << "\n";
        y << labels[own[at]] + 1 << "\n";
        s << subject << "\n";
        return absl::OkStatus();
      }));
}

TEST_F(RealDataTest, WearableLearnsToNameActivities) {
  SHOAL_SKIP_WITHOUT(DataDir() + "/uci_har/har_x.npy");
  const std::string folder = coordinator_.folder() + "/har";
  WriteHar(folder, 1);
  CreateTask("wearables", 561, 6);
  EnrollDevice();
  EXPECT_EQ(RunDevice("wearable", {folder, "1"}), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("the first window is standing"));
  EXPECT_THAT(Output(), HasSubstr("of 347 windows recognised"));
}

TEST_F(RealDataTest, CameraGetsBetterWithEveryPictureThatIsCorrected) {
  const std::string digits = DataDir() + "/optdigits/optdigits.tra";
  SHOAL_SKIP_WITHOUT(digits);
  CreateTask("cameras", 64, 10);
  EnrollDevice();
  EXPECT_EQ(RunDevice("camera", {digits}), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("session 1: recognised 0 of 50"));
  EXPECT_THAT(Output(), HasSubstr("session 8: recognised 4"));
}

TEST_F(RealDataTest, CameraWithoutPicturesFails) {
  EnrollDevice();
  EXPECT_EQ(RunDevice("camera", {"/nowhere"}), 1);
  EXPECT_THAT(Output(), HasSubstr("no picture"));
}

}  // namespace
}  // namespace shoal::testing
