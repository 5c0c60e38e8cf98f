// The examples that work on real data, each as several devices of one task.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/child_process.h"
#include "client/include/shoal/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/npy.h"
#include "shoal/v1/admin.grpc.pb.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_coordinator.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;

class RealDataTest : public ::testing::Test {
 protected:
  void CreateTask(const std::string& population, int inputs, int outputs) {
    v1::CreateTaskRequest request;
    v1::Task& task = *request.mutable_task();
    task.set_name("task");
    task.set_population(population);
    task.mutable_model()->mutable_logistic()->set_inputs(inputs);
    task.mutable_model()->mutable_logistic()->set_outputs(outputs);
    task.mutable_training()->set_learning_rate(0.2);
    task.mutable_training()->set_batch_size(10);
    task.mutable_training()->set_epochs(3);
    task.mutable_round()->set_cohort(1);
    task.mutable_round()->set_over_selection(1);
    task.set_rounds(1000);
    grpc::ClientContext context;
    v1::TaskReport report;
    const grpc::Status made = admin_->CreateTask(&context, request, &report);
    ASSERT_TRUE(made.ok()) << made.error_message();
  }

  void EnrollDevice() {
    grpc::ClientContext context;
    v1::InviteDevicesRequest request;
    request.set_uses(1);
    request.mutable_valid_for()->set_seconds(60);
    v1::Invitation invitation;
    ASSERT_TRUE(admin_->InviteDevices(&context, request, &invitation).ok());
    SHOAL_ASSERT_OK(Enroll({.coordinator = coordinator_.address(),
                            .ca_pem = coordinator_.ca().ca().certificate_pem,
                            .invitation = invitation.token(),
                            .device_name = "example",
                            .state_folder = state_}));
  }

  // Its exit code.
  int Run(const std::string& program,
          const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {
        std::filesystem::path(ExecutableFolder())
            .parent_path()
            .append("bin/" + program),
        coordinator_.address(), state_};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto process = ChildProcess::Start(
        {.command = command, .environment = {}, .log_path = log_});
    EXPECT_THAT(process, IsOk());
    const auto exit = (*process)->Wait(absl::Seconds(120));
    EXPECT_TRUE(exit.has_value());
    return exit.has_value() ? exit->code : -1;
  }
  std::string Output() { return TailOfFile(log_, 200); }

  TestCoordinator coordinator_;
  const std::unique_ptr<v1::Admin::Stub> admin_ =
      v1::Admin::NewStub(coordinator_.Connect(
          coordinator_.Issue("admin", protocol::Role::kOperator)));
  const std::string state_ = coordinator_.folder() + "/device";
  const std::string log_ = coordinator_.folder() + "/output";
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
  EXPECT_EQ(Run("wearable", {folder, "1"}), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("the first window is standing"));
  EXPECT_THAT(Output(), HasSubstr("of 347 windows recognised"));
}

TEST_F(RealDataTest, CameraGetsBetterWithEveryPictureThatIsCorrected) {
  const std::string digits = DataDir() + "/optdigits/optdigits.tra";
  SHOAL_SKIP_WITHOUT(digits);
  CreateTask("cameras", 64, 10);
  EnrollDevice();
  EXPECT_EQ(Run("camera", {digits}), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("session 1: recognised 0 of 50"));
  EXPECT_THAT(Output(), HasSubstr("session 8: recognised 4"));
}

TEST_F(RealDataTest, CameraWithoutPicturesFails) {
  EnrollDevice();
  EXPECT_EQ(Run("camera", {"/nowhere"}), 1);
  EXPECT_THAT(Output(), HasSubstr("no picture"));
}

}  // namespace
}  // namespace shoal::testing
