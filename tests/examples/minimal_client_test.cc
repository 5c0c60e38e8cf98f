// The example devices against a coordinator in this process.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/child_process.h"
#include "client/include/shoal/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/v1/admin.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_coordinator.h"

namespace shoal::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

class MinimalClientTest : public ::testing::Test {
 protected:
  // A task for one device at a time whose model takes `inputs` features.
  void CreateTask(int inputs) {
    v1::ModelDefinition model;
    model.mutable_logistic()->set_inputs(inputs);
    model.mutable_logistic()->set_outputs(2);
    CreateTask(model);
  }

  void CreateTask(const v1::ModelDefinition& model) {
    v1::CreateTaskRequest request;
    v1::Task& task = *request.mutable_task();
    task.set_name("points");
    task.set_population("points");
    *task.mutable_model() = model;
    task.mutable_training()->set_learning_rate(0.1);
    task.mutable_round()->set_cohort(1);
    task.mutable_round()->set_min_reports(1);
    task.mutable_round()->set_over_selection(1);
    task.set_rounds(3);
    grpc::ClientContext context;
    v1::TaskReport report;
    ASSERT_TRUE(admin_->CreateTask(&context, request, &report).ok());
  }

  std::string Invite() {
    grpc::ClientContext context;
    v1::InviteDevicesRequest request;
    request.set_uses(1);
    request.mutable_valid_for()->set_seconds(60);
    v1::Invitation invitation;
    const grpc::Status status =
        admin_->InviteDevices(&context, request, &invitation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return invitation.token();
  }

  void EnrollDevice() {
    SHOAL_ASSERT_OK(Enroll({.coordinator = coordinator_.address(),
                            .ca_pem = coordinator_.ca().ca().certificate_pem,
                            .invitation = Invite(),
                            .device_name = "example",
                            .state_folder = state_}));
  }

  // Its exit code.
  int Run(const std::vector<std::string>& arguments,
          const std::string& program = "minimal_client") {
    std::vector<std::string> command = {
        std::filesystem::path(ExecutableFolder())
            .parent_path()
            .append("bin/" + program)};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto process = ChildProcess::Start(
        {.command = command, .environment = {}, .log_path = log_});
    EXPECT_THAT(process, IsOk());
    if (!process.ok()) return -1;
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.has_value());
    return exit.has_value() ? exit->code : -1;
  }
  std::string Output() { return TailOfFile(log_, 100); }

  void AwaitVersion(int64_t version) {
    const absl::Time end = absl::Now() + kPatience;
    while (absl::Now() < end) {
      const auto models = coordinator_.store().ListModels("points", 10);
      SHOAL_ASSERT_OK(models);
      for (const auto& model : *models) {
        if (model.version == version) return;
      }
      absl::SleepFor(absl::Milliseconds(10));
    }
    FAIL() << "no version " << version;
  }

  TestCoordinator coordinator_;
  const std::unique_ptr<v1::Admin::Stub> admin_ =
      v1::Admin::NewStub(coordinator_.Connect(
          coordinator_.Issue("admin", protocol::Role::kOperator)));
  const std::string state_ = coordinator_.folder() + "/device";
  const std::string log_ = coordinator_.folder() + "/output";
};

TEST_F(MinimalClientTest, EnrolledDeviceContributesAndPredicts) {
  CreateTask(2);
  EnrollDevice();
  EXPECT_EQ(Run({coordinator_.address(), state_, "points"}), 0) << Output();
  EXPECT_THAT(Output(), AllOf(HasSubstr("; come back in "),
                              HasSubstr("the model of version 0 gives "
                                        "(0.9, 0.1) class 1 with 0.50")));
  const auto rounds = coordinator_.store().ListRounds("points", 1, 0);
  SHOAL_ASSERT_OK(rounds);
  EXPECT_EQ(coordinator_.store().ListContributions(1)->size(), 1u);
}

TEST_F(MinimalClientTest, GatewayInCContributesFromItsOwnLoop) {
  CreateTask(4);
  EnrollDevice();
  EXPECT_EQ(Run({coordinator_.address(), state_, "points"}, "sensor_gateway"),
            0)
      << Output();
  EXPECT_THAT(Output(), AllOf(HasSubstr("; come back in "),
                              HasSubstr("the window rises with 0.50")));
  EXPECT_EQ(coordinator_.store().ListContributions(1)->size(), 1u);
}

TEST_F(MinimalClientTest, OwnTrainerLearnsOverSeveralRounds) {
  v1::ModelDefinition model;
  model.mutable_external()->set_parameters(3);
  model.mutable_external()->set_classes(2);
  CreateTask(model);
  EnrollDevice();
  const std::vector<std::string> arguments = {coordinator_.address(), state_,
                                              "points"};
  EXPECT_EQ(Run(arguments, "own_trainer"), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("version 0 says that (0.9, 0.1) is below "
                                  "with 0.50"));
  AwaitVersion(1);
  EXPECT_EQ(Run(arguments, "own_trainer"), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("version 1 says that (0.9, 0.1) is below "
                                  "with 0.54"));
  AwaitVersion(2);
  const auto rounds = coordinator_.store().ListRounds("points", 3, 0);
  SHOAL_ASSERT_OK(rounds);
}

TEST_F(MinimalClientTest, ModelOfAProductIsNotForDevicesWithoutItsTrainer) {
  v1::ModelDefinition model;
  model.mutable_external()->set_parameters(3);
  CreateTask(model);
  EnrollDevice();
  EXPECT_EQ(Run({coordinator_.address(), state_, "points"}), 1);
  EXPECT_THAT(Output(), HasSubstr("model external 3 is a product's own"));
}

TEST_F(MinimalClientTest, DeviceWithoutTaskSaysSoAndFails) {
  EnrollDevice();
  EXPECT_EQ(Run({coordinator_.address(), state_, "points"}), 1);
  EXPECT_THAT(Output(), HasSubstr("has no active task"));
}

TEST_F(MinimalClientTest, DeviceThatIsNotEnrolledIsToldHow) {
  EXPECT_EQ(Run({coordinator_.address(), state_, "points"}), 1);
  EXPECT_THAT(Output(), HasSubstr("shoal-agent enroll"));
}

TEST_F(MinimalClientTest, MissingArgumentsAreUsageErrors) {
  EXPECT_EQ(Run({coordinator_.address()}), 2);
  EXPECT_THAT(Output(), HasSubstr("usage: "));
}

// Its examples do not fit the task: every round fails, and the task says why.
TEST_F(MinimalClientTest, TaskThatFitsNoDeviceTellsItsTrouble) {
  CreateTask(5);
  EnrollDevice();
  EXPECT_EQ(Run({coordinator_.address(), state_, "points"}), 1);
  v1::TaskReport report;
  for (const absl::Time end = absl::Now() + kPatience;
       report.rounds_failed_in_a_row() == 0 && absl::Now() < end;) {
    grpc::ClientContext context;
    v1::GetTaskRequest request;
    request.set_name("points");
    ASSERT_TRUE(admin_->GetTask(&context, request, &report).ok());
  }
  EXPECT_GE(report.rounds_failed_in_a_row(), 1u);
  EXPECT_THAT(report.trouble(),
              AllOf(HasSubstr("The last round failed. Round 1 needed"),
                    HasSubstr("1 stopped on data"),
                    HasSubstr("do not fit the task's model")));
}

}  // namespace
}  // namespace shoal::testing
