// A device's owner says no: shoal-agent opt-out, opt-in and forget, with the
// agent at work and without.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "tests/client/agent/agent_program_fixture.h"

namespace shoal::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

// Trains for minutes.
protocol::Plan LongPlan() {
  protocol::Plan plan = HandwritingPlan();
  plan.model.architecture = learning::MlpSpec{784, {1000}, 10};
  plan.training.epochs = 10'000;
  return plan;
}

size_t Count(const std::string& text, const std::string& part) {
  const std::vector<std::string> pieces = absl::StrSplit(text, part);
  return pieces.size() - 1;
}

class LeaveProgramTest : public AgentProgramTest {
 protected:
  int Say(const std::string& what, std::vector<std::string> more = {},
          const std::string& failpoint = "") {
    more.insert(more.begin(), {what, "--config", ConfigPath()});
    return Run(more, failpoint);
  }
  std::unique_ptr<ChildProcess> StartAgent() {
    return Start({"run", "--config", ConfigPath()});
  }
  nlohmann::json Status() {
    EXPECT_EQ(Run({"status", "--state", State(), "--json"}), 0) << Log();
    const std::string log = Log();
    return nlohmann::json::parse(log.substr(log.rfind("\n{") + 1), nullptr,
                                 false);
  }
  // Until it has been logged so often, by all runs.
  void AwaitLog(const std::string& text, size_t times = 1) {
    const absl::Time end = absl::Now() + kPatience;
    while (Count(Log(), text) < times) {
      ASSERT_LT(absl::Now(), end) << Log();
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
  std::vector<std::string> NamesInState() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(State())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void ExpectEnds(ChildProcess& agent) {
    const auto exit = agent.Wait(kPatience);
    ASSERT_TRUE(exit.has_value()) << "still running\n" << Log();
    EXPECT_EQ(exit->code, protocol::kExitOk) << Log();
  }
};

// --- opting out --------------------------------------------------------------

TEST_F(LeaveProgramTest, RunningAgentObeysBeforeItsNextMiniBatch) {
  Serve(LongPlan());
  const auto agent = StartAgent();
  service_->AwaitFetch();
  ASSERT_EQ(Say("opt-out"), 0) << Log();
  AwaitLog("outcome=held_back");
  EXPECT_THAT(fleet_->counted(), IsEmpty());
  EXPECT_THAT(fleet_->abandoned(), IsEmpty());  // nothing was sent
  EXPECT_EQ(Status()["participation"], "opted_out");
  ExpectStops(*agent);
}

TEST_F(LeaveProgramTest, StoppedAgentObeysWhenItIsStarted) {
  Serve();
  ASSERT_EQ(RunOnce(), 0) << Log();
  ASSERT_EQ(Say("opt-out", {"--json"}), 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("\"participation\": \"opted_out\""));
  server_.reset();  // a session could not end well
  EXPECT_EQ(RunOnce(), protocol::kExitOk) << Log();
  Run({"status", "--state", State()});
  EXPECT_THAT(Log(), HasSubstr("opted out: no sessions until"));
}

TEST_F(LeaveProgramTest, RunningAgentTakesPartAgainAfterOptIn) {
  Serve();
  std::filesystem::create_directory(State());
  ASSERT_EQ(Say("opt-out"), 0) << Log();
  const auto agent = StartAgent();
  AwaitLog("outcome=held_back");
  ASSERT_EQ(Say("opt-in"), 0) << Log();
  AwaitLog("outcome=contributed");
  ExpectStops(*agent);
}

TEST_F(LeaveProgramTest, FolderThatIsMissingIsWrongUse) {
  Serve();
  EXPECT_EQ(Say("opt-out"), protocol::kExitUsage);
  EXPECT_EQ(Say("forget", {"--yes"}), protocol::kExitUsage) << Log();
  EXPECT_FALSE(std::filesystem::exists(State()));
}

// --- forgetting --------------------------------------------------------------

TEST_F(LeaveProgramTest, ForgettingNeedsConfirmation) {
  Serve();
  ASSERT_EQ(RunOnce(), 0) << Log();
  EXPECT_EQ(Say("forget"), protocol::kExitUsage);  // there is no terminal
  EXPECT_THAT(Log(), HasSubstr("expected --yes"));
  EXPECT_EQ(fleet_->times_forgotten(), 0);
  EXPECT_EQ(Status()["participation"], "takes_part");
}

TEST_F(LeaveProgramTest, ForgottenDeviceLeavesAnEmptyFolder) {
  ServeTls();
  ASSERT_EQ(Enroll("welcome"), 0) << Log();
  ASSERT_EQ(RunOnce(), 0) << Log();
  EXPECT_THAT(NamesInState(),
              IsSupersetOf({"key.pem", "models", "newest.bin", "status.json"}));
  ASSERT_EQ(Say("forget", {"--yes", "--json"}), 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("\"participation\": \"forgotten\""));
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
  EXPECT_EQ(fleet_->times_forgotten(), 1);
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);  // not enrolled
}

TEST_F(LeaveProgramTest, RunningAgentEndsAndLeavesNothingBehind) {
  Serve(LongPlan());
  const auto agent = StartAgent();
  service_->AwaitFetch();
  ASSERT_EQ(Say("forget", {"--yes"}), 0) << Log();
  ExpectEnds(*agent);
  EXPECT_THAT(Log(), HasSubstr("this device is forgotten"));
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
  EXPECT_THAT(fleet_->counted(), IsEmpty());
  EXPECT_THAT(fleet_->abandoned(), IsEmpty());
  EXPECT_GE(fleet_->times_forgotten(), 1);
}

// It waits for examples and for its next session, which is far away.
TEST_F(LeaveProgramTest, SleepingAgentGivesItsExamplesUpOnceItIsWoken) {
  ServeSmall();
  const auto agent = StartListening();
  ASSERT_EQ(Add("1", "0,1,0,0"), 0) << Log();
  AwaitLog("outcome=contributed");
  ASSERT_TRUE(std::filesystem::exists(State() + "/examples"));
  ASSERT_EQ(Say("forget", {"--yes"}), 0) << Log();
  EXPECT_FALSE(std::filesystem::exists(State() + "/examples"));
  EXPECT_NE(Add("2", "0,0,1,0"), 0);  // wakes it, and is not taken in
  ExpectEnds(*agent);
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
}

TEST_F(LeaveProgramTest, ForgettingOfflineIsCompletedByTheAgentLater) {
  ServeTls();
  ASSERT_EQ(Enroll("welcome"), 0) << Log();
  ASSERT_EQ(RunOnce(), 0) << Log();
  const size_t contributed = fleet_->counted().size();
  server_.reset();

  EXPECT_EQ(Say("forget", {"--yes"}), protocol::kExitUnreachable) << Log();
  EXPECT_THAT(NamesInState(), ElementsAre("ca.pem", "certificate.pem",
                                          "forgetting", "key.pem", "lock"));
  EXPECT_EQ(Status()["participation"], "forgetting");
  EXPECT_TRUE(Status().contains("forgetting_since"));
  EXPECT_EQ(RunOnce(), protocol::kExitUnreachable) << Log();
  EXPECT_EQ(Say("opt-in"), protocol::kExitUsage);

  const auto agent = StartAgent();            // it asks on and on
  AwaitLog("forgetting is not complete", 3);  // the first was not its
  ExpectStops(*agent);
  server_ = std::make_unique<FleetServer>(*service_, &certificate_,
                                          ca_.certificate_pem);
  Configure("");
  EXPECT_EQ(Run({"run", "--config", ConfigPath()}), 0) << Log();
  EXPECT_EQ(fleet_->times_forgotten(), 1);
  EXPECT_EQ(fleet_->counted().size(), contributed);
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
}

TEST_F(LeaveProgramTest, CoordinatorThatIsGoneForGoodIsNotWaitedFor) {
  ServeTls();
  ASSERT_EQ(Enroll("welcome"), 0) << Log();
  ASSERT_EQ(RunOnce(), 0) << Log();
  server_.reset();
  EXPECT_EQ(Say("forget", {"--yes"}), protocol::kExitUnreachable) << Log();
  EXPECT_EQ(Say("forget", {"--yes", "--without-coordinator"}), 0) << Log();
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
}

TEST_F(LeaveProgramTest, IdIsNamedWhereAnOperatorHasToDoTheRest) {
  ServeTls();
  ASSERT_EQ(Enroll("welcome"), 0) << Log();
  const std::string enrolled = Log();
  const size_t start = enrolled.find("enrolled as device ");
  ASSERT_NE(start, std::string::npos) << enrolled;
  const std::string id = enrolled.substr(start + 19, 64);
  // The key alone tells it too.
  std::filesystem::remove(State() + "/certificate.pem");
  EXPECT_EQ(Say("forget", {"--yes"}), 0) << Log();
  const std::string advice = "`shoalctl device forget " + id + "`";
  EXPECT_EQ(Count(Log(), advice), 1u) << Log();

  ASSERT_EQ(Enroll("welcome"), 0) << Log();
  EXPECT_EQ(Say("forget", {"--yes", "--without-coordinator"}), 0) << Log();
  EXPECT_EQ(Count(Log(), "`shoalctl device forget "), 2u) << Log();
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
}

// What was deleted does not come back, no session runs, and it goes on.
TEST_F(LeaveProgramTest, ForgettingGoesOnAfterACrashAtEveryStep) {
  for (const char* step : {"forget_begun", "forget_local_data",
                           "forget_confirmed", "forget_identity"}) {
    SCOPED_TRACE(step);
    Serve();
    ASSERT_EQ(RunOnce(), 0) << Log();
    ASSERT_EQ(Say("forget", {"--yes"}, step), -1) << Log();  // killed
    EXPECT_THAT(NamesInState(), Contains("forgetting"));

    ASSERT_EQ(RunOnce(), 0) << Log();

    EXPECT_EQ(fleet_->counted().size(), 1u);
    EXPECT_GE(fleet_->times_forgotten(), 1);
    EXPECT_THAT(NamesInState(), ElementsAre("lock"));
    std::filesystem::remove_all(State());
  }
}

TEST_F(LeaveProgramTest, AgentThatIsKilledWhileItIsForgottenGoesOn) {
  Serve(LongPlan());
  const auto agent = StartAgent();
  service_->AwaitFetch();
  agent->Signal(SIGSTOP);
  ASSERT_EQ(Say("forget", {"--yes"}), 0) << Log();
  EXPECT_THAT(NamesInState(), ElementsAre("forgetting", "lock"));
  agent->Signal(SIGKILL);
  agent->Wait(kPatience);
  ASSERT_EQ(RunOnce(), 0) << Log();
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
  EXPECT_THAT(fleet_->counted(), IsEmpty());
}

}  // namespace
}  // namespace shoal::testing
