// The example devices against a coordinator in this process.
#include <string>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/example_program_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class MinimalClientTest : public ExampleProgramTest {
 protected:
  void CreateTask(int inputs) {
    ExampleProgramTest::CreateTask(LogisticTask("points", inputs, 2));
  }
  void CreateExternalTask(int classes) {
    v1::Task task = LogisticTask("points", 1, 2);
    task.mutable_model()->mutable_external()->set_parameters(3);
    task.mutable_model()->mutable_external()->set_classes(classes);
    ExampleProgramTest::CreateTask(task);
  }
  int Run(const std::string& program = "minimal_client") {
    return RunDevice(program, {"points"});
  }
};

TEST_F(MinimalClientTest, EnrolledDeviceContributesAndPredicts) {
  CreateTask(2);
  EnrollDevice();
  EXPECT_EQ(Run(), 0) << Output();
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
  EXPECT_EQ(Run("sensor_gateway"), 0) << Output();
  EXPECT_THAT(Output(), AllOf(HasSubstr("; come back in "),
                              HasSubstr("the window rises with 0.50")));
  EXPECT_EQ(coordinator_.store().ListContributions(1)->size(), 1u);
}

TEST_F(MinimalClientTest, OwnTrainerLearnsOverSeveralRounds) {
  CreateExternalTask(2);
  EnrollDevice();
  EXPECT_EQ(Run("own_trainer"), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("version 0 says that (0.9, 0.1) is below "
                                  "with 0.50"));
  AwaitVersion("points", 1);
  EXPECT_EQ(Run("own_trainer"), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("version 1 says that (0.9, 0.1) is below "
                                  "with 0.54"));
  AwaitVersion("points", 2);
}

TEST_F(MinimalClientTest, ModelOfAProductIsNotForDevicesWithoutItsTrainer) {
  CreateExternalTask(0);
  EnrollDevice();
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(Output(), HasSubstr("model external 3 is a product's own"));
}

TEST_F(MinimalClientTest, DeviceWithoutTaskSaysSoAndFails) {
  EnrollDevice();
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(Output(), HasSubstr("has no active task"));
}

TEST_F(MinimalClientTest, DeviceThatIsNotEnrolledIsToldHow) {
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(Output(), HasSubstr("shoal-agent enroll"));
}

TEST_F(MinimalClientTest, MissingArgumentsAreUsageErrors) {
  EXPECT_EQ(ExampleProgramTest::Run("minimal_client", {}), 2);
  EXPECT_THAT(Output(), HasSubstr("usage: "));
}

// Its examples do not fit the task: every round fails, and the task says why.
TEST_F(MinimalClientTest, TaskThatFitsNoDeviceTellsItsTrouble) {
  CreateTask(5);
  EnrollDevice();
  EXPECT_EQ(Run(), 1);
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
