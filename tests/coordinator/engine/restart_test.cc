// A coordinator that is killed and starts again over the same store.
#include "coordinator/engine/round_engine.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::shoal::testing::StoreFault;
using ::testing::ElementsAre;

class RestartTest : public EngineTest {
 protected:
  // Lets the store refuse everything from the first call of `method` on, as if
  // the process had died there.
  void DieBefore(absl::string_view method) {
    bool dead = false;
    store_.SetFaults([method, dead](absl::string_view called) mutable {
      dead = dead || called == method;
      return dead ? StoreFault::kBefore : StoreFault::kNone;
    });
  }
  void ComeBack() {
    store_.SetFaults(nullptr);
    Restart();
    Advance();
  }
};

class RestartAtStepTest : public RestartTest,
                          public ::testing::WithParamInterface<const char*> {};

TEST_P(RestartAtStepTest, SameRoundIsFinishedWithTheSameModel) {
  CreateTask();
  const int64_t round_id = Round().id;
  const std::string first = Assign(1).token;
  const std::string second = Assign(2).token;
  DieBefore(GetParam());
  Require(Send(1, first, Update({1})));
  Require(Send(2, second, Update({4})));
  Advance();
  ComeBack();
  // What was not acknowledged is sent again.
  Require(Send(1, first, Update({1})));
  Require(Send(2, second, Update({4})));
  Advance();
  EXPECT_EQ(Require(memory_->GetRound(round_id)).state, RoundState::kCommitted);
  EXPECT_EQ(Require(memory_->GetRound(round_id)).accepted, 2);
  EXPECT_THAT(Model(), ElementsAre(2.5, 0, 0, 0, 0, 0));
}

INSTANTIATE_TEST_SUITE_P(EveryStep, RestartAtStepTest,
                         ::testing::Values("CommitSegment", "SealRound",
                                           "ReadModel", "CommitRound",
                                           "OpenRound"));

TEST_F(RestartTest, DeviceUploadsBeforeTheFirstAdvance) {
  CreateTask();
  const std::string token = Assign(1).token;
  Restart();
  EXPECT_THAT(Send(1, token, Update({1})), IsOk());
}

TEST_F(RestartTest, OutcomesOfDevicesAreRemembered) {
  CreateTask();
  const std::string token = Assign(1).token;
  Assign(2);
  Assign(3);
  Require(engine().Abandon(Device(1), token, protocol::AbandonReason::kEnergy,
                           now_));
  Restart();
  EXPECT_EQ(Wait(1).code, "already_contributed");
  EXPECT_EQ(Wait(4).code, "round_full");
}

TEST_F(RestartTest, DeadlineIsKept) {
  CreateTask();
  Contribute(1);
  Pass(absl::Seconds(30));
  Restart();
  Advance();
  EXPECT_EQ(Round().state, RoundState::kCollecting);
  Pass(absl::Seconds(30));
  Advance();
  EXPECT_EQ(Require(memory_->GetRound(1)).state, RoundState::kCommitted);
}

TEST_F(RestartTest, DeadlineThatPassedMeanwhileEndsTheRound) {
  CreateTask();
  Contribute(1);
  Pass(absl::Hours(1));
  Restart();
  Advance();
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
}

TEST_F(RestartTest, StoreThatCannotBeReadStopsTheStart) {
  CreateTask();
  store_.SetFaults([](absl::string_view) { return StoreFault::kBefore; });
  EXPECT_THAT(
      RoundEngine::Create(options_, {store_, *spool_, rng_, log_}, now_),
      StatusIs(absl::StatusCode::kUnavailable));
}

// --- token keys --------------------------------------------------------------

TEST_F(RestartTest, TokensOfBeforeAreValid) {
  CreateTask();
  const std::string token = Assign(1).token;
  Restart();
  EXPECT_THAT(Begin(1, token, Update({1})), IsOk());
  EXPECT_EQ(Require(memory_->ListTokenKeys()).size(), 1u);
}

TEST_F(RestartTest, KeysAreReplacedAndOldOnesKeptForALifetime) {
  options_.token_key_lifetime = absl::Hours(1);
  Restart();
  CreateTask();
  const std::string update = Update({1});
  const std::string token = Assign(1).token;
  Require(Send(1, token, update));
  Advance();
  Pass(absl::Hours(1));
  Advance();
  EXPECT_EQ(Require(memory_->ListTokenKeys()).size(), 2u);
  EXPECT_TRUE(Require(Query(1, token, update)).receipt.has_value());
  Pass(absl::Hours(1));
  Advance();
  const auto keys = Require(memory_->ListTokenKeys());
  ASSERT_EQ(keys.size(), 2u) << "a third one, and the first one is gone";
  EXPECT_EQ(keys[0].id, 2);
  EXPECT_THAT(Query(1, token, update), IsRefusal(RefusalCode::kTokenInvalid));
}

TEST_F(RestartTest, OldKeysOutliveTheLongestDeadline) {
  options_.token_key_lifetime = absl::Hours(1);
  Restart();
  configuration::Task task = SmallTask();
  task.round.deadline = absl::Hours(3);
  CreateTask(task);
  const std::string token = Assign(1).token;
  for (int hour = 0; hour < 2; ++hour) {
    Pass(absl::Hours(1));
    Advance();
  }
  EXPECT_THAT(Send(1, token, Update({1})), IsOk());
}

TEST_F(RestartTest, ClockSetBackMakesNoKeys) {
  CreateTask();
  Pass(-absl::Hours(24 * 365));
  Advance();
  EXPECT_EQ(Require(memory_->ListTokenKeys()).size(), 1u);
}

}  // namespace
}  // namespace shoal::coordinator
