// Devices of the SDK and a whole coordinator, over mutual TLS, in the settings
// that do not trust the coordinator: who takes part, and who refuses to.
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/include/shoal/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
#include "shoal/v1/admin.grpc.pb.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_coordinator.h"

namespace shoal::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr int kDevices = 4;
constexpr char kTask[] = "signed";
constexpr absl::Duration kGiveUpAfter = absl::Seconds(60);

class Examples final : public ExampleSource {
 public:
  int64_t num_examples() const override { return data_.num_examples(); }
  int num_features() const override { return data_.num_features(); }
  int num_classes() const override { return data_.num_classes(); }
  int32_t label(int64_t index) const override { return data_.label(index); }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    data_.CopyFeatures(index, out);
  }

 private:
  const learning::InMemoryDataset data_ = SmallExamples();
};

// As an operator at the other end of `channel` would.
grpc::Status CreateTask(v1::CoordinatorTrust coordinator,
                        const std::shared_ptr<grpc::Channel>& channel) {
  v1::CreateTaskRequest request;
  v1::Task& task = *request.mutable_task();
  task.set_name(kTask);
  task.set_population("small");
  task.mutable_model()->mutable_logistic()->set_inputs(4);
  task.mutable_model()->mutable_logistic()->set_outputs(3);
  task.mutable_training()->set_learning_rate(0.1);
  task.mutable_round()->set_cohort(kDevices);
  task.mutable_round()->set_min_reports(kDevices);
  task.mutable_round()->set_over_selection(1);
  task.set_rounds(1);
  v1::SecureAggregation& groups = *task.mutable_secure_aggregation();
  groups.set_coordinator(coordinator);
  groups.set_min_group(kDevices);
  groups.set_max_group(kDevices);
  v1::TaskReport report;
  grpc::ClientContext context;
  return v1::Admin::NewStub(channel)->CreateTask(&context, request, &report);
}

class SignedGroupsTest : public ::testing::Test {
 protected:
  void MakeTask(v1::CoordinatorTrust coordinator) {
    const grpc::Status status =
        CreateTask(coordinator, coordinator_.Connect(coordinator_.Issue(
                                    "operator", protocol::Role::kOperator)));
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  // The report of one session of each device, at the same time.
  std::vector<SessionReport> RunDevices(
      const std::optional<AggregationDemands>& demands) {
    std::vector<SessionReport> reports(kDevices);
    std::vector<std::thread> threads;
    for (int i = 0; i < kDevices; ++i) {
      threads.emplace_back([&, i] {
        ClientOptions options;
        options.coordinator = coordinator_.address();
        options.state_folder =
            absl::StrCat(coordinator_.folder(), "/device-", i);
        options.population = "small";
        options.secure_aggregation = demands;
        coordinator_.ca().WriteCredentials(
            options.state_folder, coordinator_.Issue(absl::StrCat("device-", i),
                                                     protocol::Role::kDevice));
        Examples examples;
        ClientDependencies dependencies;
        dependencies.examples = &examples;
        const auto client = Client::Create(options, dependencies);
        ASSERT_THAT(client, IsOk());
        const auto report = (*client)->RunOnce();
        ASSERT_THAT(report, IsOk());
        reports[i] = *report;
      });
    }
    for (std::thread& thread : threads) thread.join();
    return reports;
  }

  void ExpectCompleted() {
    const absl::Time deadline = absl::Now() + kGiveUpAfter;
    while (absl::Now() < deadline) {
      const auto row = coordinator_.store().GetTask(kTask);
      ASSERT_THAT(row, IsOk());
      if (coordinator::IsFinal(row->state)) return;
      absl::SleepFor(absl::Milliseconds(5));
    }
    ADD_FAILURE() << "the task did not complete";
  }

  std::string CaPem() const { return coordinator_.ca().ca().certificate_pem; }

  TestCoordinator coordinator_;
};

std::vector<int> Outcomes(const std::vector<SessionReport>& reports) {
  std::vector<int> outcomes;
  for (const SessionReport& report : reports) {
    outcomes.push_back(report.outcome);
  }
  return outcomes;
}

TEST_F(SignedGroupsTest, EnrolledDevicesSignForEachOther) {
  MakeTask(v1::COORDINATOR_TRUST_SEMI_MALICIOUS);
  const auto reports = RunDevices(std::nullopt);
  EXPECT_THAT(Outcomes(reports), Each(SessionReport::kContributed))
      << reports[0].explanation;
  ExpectCompleted();
}

TEST_F(SignedGroupsTest, DevicesThatNameACaJoinAMaliciousCoordinator) {
  MakeTask(v1::COORDINATOR_TRUST_MALICIOUS);
  AggregationDemands demands;
  demands.coordinator = AggregationDemands::kMalicious;
  demands.min_devices = kDevices;
  demands.ca_pem = CaPem();
  const auto reports = RunDevices(demands);
  EXPECT_THAT(Outcomes(reports), Each(SessionReport::kContributed))
      << reports[0].explanation;
  ExpectCompleted();
}

TEST_F(SignedGroupsTest, WithoutACaNobodyJoinsAMaliciousCoordinator) {
  MakeTask(v1::COORDINATOR_TRUST_MALICIOUS);
  for (const SessionReport& report : RunDevices(std::nullopt)) {
    EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
    EXPECT_THAT(report.explanation, HasSubstr("secure_aggregation.ca"));
  }
}

TEST_F(SignedGroupsTest, LessThanTheOwnerInsistsOnIsRefused) {
  MakeTask(v1::COORDINATOR_TRUST_HONEST);
  AggregationDemands demands;
  demands.coordinator = AggregationDemands::kSemiMalicious;
  for (const SessionReport& report : RunDevices(demands)) {
    EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
    EXPECT_THAT(report.explanation,
                HasSubstr("the device's owner insists on semi_malicious"));
  }
}

TEST(InsecureGroupsTest, WithoutTlsSignedTasksAreRefusedInWords) {
  TestCoordinatorOptions options;
  options.insecure = true;
  const TestCoordinator coordinator(std::move(options));
  const grpc::Status status = CreateTask(v1::COORDINATOR_TRUST_SEMI_MALICIOUS,
                                         coordinator.ConnectAnonymously());
  EXPECT_THAT(status.error_message(), HasSubstr("only honest works without"));
}

}  // namespace
}  // namespace shoal::testing
