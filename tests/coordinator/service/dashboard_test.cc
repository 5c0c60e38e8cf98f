#include "coordinator/service/dashboard.h"

#include <httplib.h>

#include <nlohmann/json.hpp>
#include <string>

#include "dashboard/bundle.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/service/service_fixture.h"
#include "tests/support/require.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::nlohmann::json;
using protocol::Role;
using ::shoal::testing::FromGrpc;
using ::shoal::testing::RawDevice;
using ::shoal::testing::RawOperator;
using ::shoal::testing::SmallTask;
using ::shoal::testing::TestCoordinator;
using ::shoal::testing::TestCoordinatorOptions;
using ::shoal::testing::Update;
using ::testing::HasSubstr;
using ::testing::Not;

TestCoordinatorOptions WithHttp(const Clock& clock) {
  TestCoordinatorOptions options;
  options.http = true;
  options.clock = &clock;
  return options;
}

v1::Task PrivateTask(const std::string& name) {
  v1::Task task = SmallTask(name, /*cohort=*/1, /*rounds=*/3);
  auto& privacy = *task.mutable_differential_privacy();
  privacy.mutable_central()->set_noise_multiplier(1);
  privacy.set_clip_norm(1);
  privacy.mutable_budget()->set_epsilon(20);
  privacy.mutable_budget()->set_delta(1e-5);
  return task;
}

// A coordinator whose clock stands still unless it is told.
class DashboardTest : public ::testing::Test {
 protected:
  httplib::Result Get(const std::string& path) {
    return httplib::Client("http://" + coordinator_.server().http_address())
        .Get(path);
  }
  json Data() {
    const auto answer = Get("/dashboard.json");
    EXPECT_EQ(answer->status, 200) << answer->body;
    EXPECT_EQ(answer->get_header_value("Content-Type"), "application/json");
    return json::parse(answer->body);
  }
  json LaterData() {
    clock_.Advance(absl::Seconds(1));
    return Data();
  }
  // The privacy report of the only task, once `is_there`: it is made by another
  // thread.
  template <typename Condition>
  json AwaitPrivacy(const Condition& is_there) {
    for (int i = 0; i < 2000; ++i) {
      const json list = LaterData()["privacy"];
      if (list.size() == 1 && is_there(list[0])) return list[0];
      absl::SleepFor(absl::Milliseconds(5));
    }
    ADD_FAILURE() << "no such report comes";
    return {};
  }
  // Waits for the round to be committed.
  void TrainOnce(const std::string& task, uint64_t rounds) {
    RawDevice device(
        coordinator_.Connect(coordinator_.Issue("phone", Role::kDevice)));
    v1::UploadReceipt receipt;
    const std::string token = device.AwaitAssignment().token();
    ASSERT_TRUE(device.Upload(token, Update(1), receipt).ok());
    for (int i = 0; i < 2000; ++i) {
      if (operator_.GetTask(task).rounds_committed() == rounds) return;
      clock_.Advance(absl::Milliseconds(1));
      absl::SleepFor(absl::Milliseconds(5));
    }
    FAIL() << "round " << rounds << " is not committed";
  }

  VirtualClock clock_{absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()))};
  TestCoordinator coordinator_{WithHttp(clock_)};
  RawOperator operator_{
      coordinator_.Connect(coordinator_.Issue("admin", Role::kOperator))};
};

TEST_F(DashboardTest, DocumentScriptAndStyleAreServed) {
  const auto document = Get("/");
  EXPECT_EQ(document->status, 200);
  EXPECT_THAT(document->body, HasSubstr("id=\"shoal-dashboard\""));
  EXPECT_THAT(document->body, HasSubstr("src=\"dashboard.js\""));
  EXPECT_THAT(document->body, HasSubstr("href=\"dashboard.css\""));
  EXPECT_EQ(Get("/dashboard.js")->body, dashboard::Script());
  EXPECT_EQ(Get("/dashboard.css")->body, dashboard::Style());
}

TEST_F(DashboardTest, DataAreThoseOfTheReportsOfOperators) {
  operator_.CreateTask(SmallTask("plain", 1, 5));
  const json data = Data();
  EXPECT_EQ(data["at"], absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", clock_.Now(),
                                         absl::UTCTimeZone()));
  EXPECT_EQ(data["privacy"], json::array());
  ASSERT_EQ(data["status"]["tasks"].size(), 1u);
  const json& task = data["status"]["tasks"][0];
  EXPECT_EQ(task["name"], "plain");
  EXPECT_EQ(task["population"], "phones");
  EXPECT_EQ(task["rounds"], 5);
  EXPECT_EQ(task["state"], "active");
  EXPECT_EQ(task["is_private"], false);
}

// Others than operators see the page.
TEST_F(DashboardTest, NoDeviceIsNamed) {
  v1::Task task = SmallTask("secure", /*cohort=*/3, /*rounds=*/5);
  task.mutable_secure_aggregation()->set_min_group(3);
  task.mutable_round()->mutable_deadline()->set_seconds(60);
  operator_.CreateTask(task);
  RawDevice device(
      coordinator_.Connect(coordinator_.Issue("phone", Role::kDevice)));
  v1::CheckInRequest greeting = RawDevice::Greeting();
  greeting.mutable_secure_aggregation()->add_versions(
      protocol::kSecureAggregationVersion);
  v1::CheckInResponse response;
  for (int i = 0; i < 1000 && !response.has_assignment(); ++i) {
    ASSERT_TRUE(device.CheckIn(greeting, response).ok());
  }
  const int64_t round = operator_.GetTask("secure").newest_round().id();
  const std::string id =
      ::shoal::testing::Require(coordinator_.store().ListDevices(1, ""))[0].id;
  SHOAL_ASSERT_OK(coordinator_.store().RecordFault(
      {id, round, clock_.Now(), "sent what is wrong"}));
  clock_.Advance(absl::Seconds(61));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(device.CheckIn(greeting, response).ok());
    if (operator_.GetTask("secure").rounds_failed() == 1) break;
    absl::SleepFor(absl::Milliseconds(5));
  }
  // Operators are told who it was.
  ASSERT_THAT(operator_.GetTask("secure").trouble(), HasSubstr(id));
  clock_.Advance(absl::Seconds(1));
  const json data = Data();
  EXPECT_THAT(data["status"]["tasks"][0]["trouble"].get<std::string>(),
              HasSubstr("The last round failed"));
  EXPECT_THAT(data.dump(), Not(HasSubstr(id)));
}

TEST_F(DashboardTest, PrivateTasksHaveWhatTheySpent) {
  operator_.CreateTask(PrivateTask("secret"));
  EXPECT_EQ(Data()["status"]["tasks"][0]["is_private"], true);
  const auto any = [](const json&) { return true; };
  const auto committed = [](int rounds) {
    return [rounds](const json& privacy) {
      return privacy["rounds_committed"] == rounds;
    };
  };
  json privacy = AwaitPrivacy(any);
  EXPECT_EQ(privacy["task"], "secret");
  EXPECT_EQ(privacy["budget_epsilon"], 20);
  EXPECT_EQ(privacy["spent_epsilon"], 0);
  EXPECT_EQ(privacy["projected_rounds"], 3);

  TrainOnce("secret", 1);
  const double once = AwaitPrivacy(committed(1))["spent_epsilon"];
  // Of one release with a noise multiplier of 1.
  EXPECT_NEAR(once, 4.38, 0.01);
  TrainOnce("secret", 2);
  privacy = AwaitPrivacy(committed(2));
  EXPECT_GT(privacy["spent_epsilon"], once);
  v1::GetPrivacyRequest request;
  request.set_task("secret");
  v1::PrivacyReport report;
  SHOAL_ASSERT_OK(
      FromGrpc(operator_.Call(&v1::Admin::Stub::GetPrivacy, request, report)));
  EXPECT_EQ(privacy["spent_epsilon"], report.spent_epsilon());
  EXPECT_EQ(privacy["projected_epsilon"], report.projected_epsilon());
  EXPECT_EQ(privacy["guarantee"], report.guarantee());
  // Nothing has happened since.
  const json later = LaterData();
  EXPECT_EQ(later["privacy_at"], later["at"]);
}

TEST_F(DashboardTest, StoppedTaskSpendsNothingMore) {
  operator_.CreateTask(PrivateTask("secret"));
  AwaitPrivacy(
      [](const json& privacy) { return privacy["projected_epsilon"] > 0; });
  v1::SetTaskStateRequest request;
  request.set_name("secret");
  request.set_state(v1::TASK_STATE_STOPPED);
  v1::TaskReport report;
  SHOAL_ASSERT_OK(FromGrpc(
      operator_.Call(&v1::Admin::Stub::SetTaskState, request, report)));
  EXPECT_EQ(LaterData()["status"]["tasks"][0]["state"], "stopped");
  AwaitPrivacy(
      [](const json& privacy) { return privacy["projected_epsilon"] == 0; });
}

TEST_F(DashboardTest, AnswersOfOneSecondAreTheSame) {
  const json first = Data();
  operator_.CreateTask(SmallTask("plain", 1, 5));
  clock_.Advance(absl::Milliseconds(900));
  EXPECT_EQ(Data(), first);
  clock_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(Data()["status"]["tasks"].size(), 1u);
}

}  // namespace
}  // namespace shoal::coordinator
