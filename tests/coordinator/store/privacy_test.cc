// Budgets, charges, the state of noise, and who took part in which version.
#include <optional>
#include <string>
#include <vector>

#include "coordinator/engine/round_store.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/private_rounds.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kAborted = absl::StatusCode::kAborted;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

// --- budgets -----------------------------------------------------------------

TEST_P(StoreTest, FirstTaskWithPrivacySetsTheBudgetOfItsPopulation) {
  EXPECT_THAT(store().GetPrivacyBudget("writers"), IsOkAndHolds(""));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  EXPECT_THAT(store().GetPrivacyBudget("writers"), IsOkAndHolds(kBudget));
  EXPECT_THAT(store().GetPrivacyBudget("readers"), IsOkAndHolds(""));
  EXPECT_EQ(store().GetTask("a")->privacy_budget, kBudget);
  EXPECT_EQ(store().ListTasks()->front().privacy_budget, kBudget);
}

TEST_P(StoreTest, LaterTasksStateTheBudgetOfTheirPopulation) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  EXPECT_THAT(CreateTaskWith(store(), "b", "epsilon=9"),
              StatusIs(kFailedPrecondition,
                       AllOf(HasSubstr(kBudget), HasSubstr("epsilon=9"))));
  EXPECT_THAT(CreateTaskWith(store(), "c", ""),
              StatusIs(kFailedPrecondition, HasSubstr("without privacy")));
  EXPECT_THAT(store().GetTask("b"), StatusIs(kNotFound));
  EXPECT_THAT(CreateTaskWith(store(), "d"), IsOk());
}

TEST_P(StoreTest, BudgetStaysWhenItsTaskIsOver) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(store().SetTaskState("a", TaskState::kStopped, "", Now()));
  EXPECT_THAT(CreateTaskWith(store(), "b", ""), StatusIs(kFailedPrecondition));
}

TEST_P(StoreTest, PopulationThatTrainsWithoutPrivacyGetsNoBudget) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "open", ""));
  EXPECT_THAT(CreateTaskWith(store(), "a"),
              StatusIs(kFailedPrecondition,
                       AllOf(HasSubstr("'open'"), HasSubstr("active"))));
  EXPECT_THAT(store().GetPrivacyBudget("writers"), IsOkAndHolds(""));
  SHOAL_ASSERT_OK(store().SetTaskState("open", TaskState::kPaused, "", Now()));
  EXPECT_THAT(CreateTaskWith(store(), "a"), StatusIs(kFailedPrecondition));
  SHOAL_ASSERT_OK(store().SetTaskState("open", TaskState::kStopped, "", Now()));
  EXPECT_THAT(CreateTaskWith(store(), "a"), IsOk())
      << "the other has released nothing, and never will";
}

TEST_P(StoreTest, PopulationThatHasTrainedWithoutPrivacyGetsNoBudget) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "open", ""));
  SHOAL_ASSERT_OK(RunRound(store(), "open", ""));
  SHOAL_ASSERT_OK(store().SetTaskState("open", TaskState::kStopped, "", Now()));
  EXPECT_THAT(
      CreateTaskWith(store(), "a"),
      StatusIs(kFailedPrecondition, HasSubstr("has committed 1 rounds")));
}

TEST_P(StoreTest, OtherPopulationsDoNotMatterToABudget) {
  TaskRow task = MakeTask("open", "m");
  task.population = "readers";
  SHOAL_ASSERT_OK(store().CreateTask(task, MakeModel("open", 0, "m"), "m"));
  EXPECT_THAT(CreateTaskWith(store(), "a"), IsOk());
}

// --- charges -----------------------------------------------------------------

TEST_P(StoreTest, SealWithAChargeChargesThePopulation) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  const int64_t id = Collect(store(), "a");
  const std::string event("gaussian\0\n\t\xff", 12);
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(0, event)));

  const std::vector<ChargeRow> charges = *store().ListCharges("writers");
  ASSERT_EQ(charges.size(), 1u);
  EXPECT_GT(charges[0].id, 0);
  EXPECT_EQ(charges[0].population, "writers");
  EXPECT_EQ(charges[0].task, "a");
  EXPECT_EQ(charges[0].round_id, id);
  EXPECT_EQ(charges[0].event, event);
  EXPECT_EQ(charges[0].charged, Now());
  EXPECT_THAT(*store().ListCharges("readers"), IsEmpty());
}

TEST_P(StoreTest, ChargesOfTwoTasksComeOldestFirst) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "b"));
  SHOAL_ASSERT_OK(RunRound(store(), "b", "one"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "two"));
  SHOAL_ASSERT_OK(RunRound(store(), "b", ""));
  SHOAL_ASSERT_OK(RunRound(store(), "b", "three"));
  EXPECT_THAT(EventsOf(store()), ElementsAre("one", "two", "three"));
  const std::vector<ChargeRow> charges = *store().ListCharges("writers");
  EXPECT_LT(charges[0].id, charges[1].id);
  EXPECT_LT(charges[1].id, charges[2].id);
}

TEST_P(StoreTest, SealThatKnowsOtherChargesIsAbortedAndChangesNothing) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "b"));
  SHOAL_ASSERT_OK(RunRound(store(), "b", "other"));
  const int64_t id = Collect(store(), "a");
  const std::string before = Text(*store().GetRound(id));
  for (const int64_t known : {0, 2}) {
    EXPECT_THAT(Seal(store(), id, MakeCharge(known, "mine", "state")),
                StatusIs(kAborted, AllOf(HasSubstr("'writers'"),
                                         HasSubstr("has 1 charges"))));
  }
  EXPECT_EQ(Text(*store().GetRound(id)), before);
  EXPECT_THAT(EventsOf(store()), ElementsAre("other"));
  EXPECT_EQ(StateOf(store(), "a"), "");
  EXPECT_THAT(Seal(store(), id, MakeCharge(1, "mine")), IsOk());
}

TEST_P(StoreTest, SealThatIsRefusedChargesNothing) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  const int64_t id = Collect(store(), "a");
  const Lease lease = driver_.TakeLease("a");
  EXPECT_THAT(store().SealRound(lease, id, 2, MakeCharge(0, "x"), Now()),
              StatusIs(kFailedPrecondition));
  EXPECT_THAT(
      store().SealRound({"a", "they", 1}, id, 1, MakeCharge(0, "x"), Now()),
      StatusIs(kAborted));
  SHOAL_ASSERT_OK(Seal(store(), id, std::nullopt));
  EXPECT_THAT(Seal(store(), id, MakeCharge(0, "x")),
              StatusIs(kFailedPrecondition))
      << "it is sealed";
  EXPECT_THAT(EventsOf(store()), IsEmpty());
}

TEST_P(StoreTest, ChargeNeedsAnEventAndATaskWithPrivacy) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  const int64_t id = Collect(store(), "a");
  EXPECT_THAT(Seal(store(), id, MakeCharge(0, "")), StatusIs(kInvalidArgument));
  EXPECT_EQ(store().GetRound(id)->state, RoundState::kCollecting);

  TaskRow open = MakeTask("open", "m");
  open.population = "readers";
  SHOAL_ASSERT_OK(store().CreateTask(open, MakeModel("open", 0, "m"), "m"));
  const int64_t other = Collect(store(), "open");
  EXPECT_THAT(Seal(store(), other, MakeCharge(0, "x")),
              StatusIs(kInvalidArgument, HasSubstr("without privacy")));
  SHOAL_ASSERT_OK(Seal(store(), other, std::nullopt));
  EXPECT_THAT(Release(store(), other, "state"),
              StatusIs(kInvalidArgument, HasSubstr("without privacy")));
  EXPECT_EQ(store().GetRound(other)->state, RoundState::kSealed);
}

TEST_P(StoreTest, ChargesStayWhenTheirRoundFailsAndTheirTaskStops) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  const int64_t id = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(0, "one", "state")));
  SHOAL_ASSERT_OK(
      store().FailRound(driver_.TakeLease("a"), id, "non_finite", Now()));
  EXPECT_EQ(StateOf(store(), "a"), "state") << "nothing of it was released";
  SHOAL_ASSERT_OK(store().SetTaskState("a", TaskState::kStopped, "", Now()));
  EXPECT_THAT(EventsOf(store()), ElementsAre("one"));
}

// --- the state of noise ------------------------------------------------------

TEST_P(StoreTest, StateOfNoiseComesWithTheSealAndMovesWithEveryCommit) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "b"));
  EXPECT_EQ(StateOf(store(), "a"), "");
  const std::string begun("key\0of 0", 8);
  const int64_t id = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(0, "all rounds", begun)));
  EXPECT_EQ(StateOf(store(), "a"), begun);
  SHOAL_ASSERT_OK(Release(store(), id, "state after 1"));
  EXPECT_EQ(StateOf(store(), "a"), "state after 1");

  const int64_t second = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), second, MakeCharge(1, "a small thing")));
  EXPECT_EQ(StateOf(store(), "a"), "state after 1") << "no new noise";
  SHOAL_ASSERT_OK(Release(store(), second, "state after 2"));
  EXPECT_EQ(StateOf(store(), "a"), "state after 2");
  EXPECT_EQ(StateOf(store(), "b"), "");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "", ""));
  EXPECT_EQ(StateOf(store(), "a"), "") << "it has none any more";
}

TEST_P(StoreTest, CommitThatIsRefusedLeavesTheStateOfNoise) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  const int64_t id = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(0, "x", "begun")));
  RoundResult result = MakeResult(*store().GetRound(id), "m");
  result.mechanism_state = Secret("moved");
  result.model.version = 7;
  EXPECT_THAT(store().CommitRound(driver_.TakeLease("a"), result, "m", Now()),
              StatusIs(kInvalidArgument));
  EXPECT_EQ(StateOf(store(), "a"), "begun");
}

TEST_P(StoreTest, RoundThatDrawsItsDevicesIsOpenedWithTheStateOfNoise) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  const Lease lease = driver_.TakeLease("a");
  NewRound round;
  round.task = "a";
  round.number = 1;
  round.base_model = store().GetTask("a")->current_model;
  round.mechanism_state = Secret("drawn");
  const RoundRow row = Require(store().OpenRound(lease, round));
  EXPECT_EQ(StateOf(store(), "a"), "drawn");
  SHOAL_ASSERT_OK(store().FailRound(lease, row.id, "stopped", Now()));
  EXPECT_EQ(StateOf(store(), "a"), "drawn");
  round.mechanism_state = Secret();
  SHOAL_ASSERT_OK(store().OpenRound(lease, round));
  EXPECT_EQ(StateOf(store(), "a"), "drawn") << "it says nothing of it";
}

TEST_P(StoreTest, RoundOfATaskWithoutPrivacyIsOpenedWithoutAState) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "open", ""));
  NewRound round;
  round.task = "open";
  round.number = 1;
  round.base_model = store().GetTask("open")->current_model;
  round.mechanism_state = Secret("drawn");
  EXPECT_THAT(store().OpenRound(driver_.TakeLease("open"), round),
              StatusIs(kInvalidArgument, HasSubstr("trains without")));
  EXPECT_FALSE(Require(store().GetUnfinishedRound("open")).has_value());
}

TEST_P(StoreTest, TaskThatIsUnknownHasNoStateOfNoise) {
  EXPECT_THAT(store().GetMechanismState("a"), StatusIs(kNotFound));
}

// --- versions that devices took part in --------------------------------------

TEST_P(StoreTest, TaskWithPrivacyKnowsTheNewestVersionOfEachDevice) {
  const auto version = [&](const std::string& task, int device) {
    return Require(store().GetParticipation("writers", task, DeviceId(device)))
        .last_version;
  };
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "b"));
  for (const std::vector<int>& devices :
       {std::vector<int>{1, 2}, std::vector<int>{2, 3}}) {
    const int64_t id = Collect(store(), "a", devices);
    SHOAL_ASSERT_OK(Seal(store(), id, std::nullopt));
    EXPECT_EQ(version("a", 3), std::nullopt) << "not before the commit";
    SHOAL_ASSERT_OK(Release(store(), id));
  }
  SHOAL_ASSERT_OK(RunRound(store(), "b", ""));  // device 1
  EXPECT_EQ(version("a", 1), 1);
  EXPECT_EQ(version("a", 2), 2);
  EXPECT_EQ(version("a", 3), 2);
  EXPECT_EQ(version("a", 4), std::nullopt);
  EXPECT_EQ(version("b", 1), 1);
  EXPECT_EQ(version("b", 2), std::nullopt);
  EXPECT_EQ(version("", 1), std::nullopt);
  EXPECT_EQ(
      store().GetParticipation("writers", "b", DeviceId(1))->last_contribution,
      3);
}

TEST_P(StoreTest, TaskWithoutPrivacyKnowsNoVersions) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "open", ""));
  SHOAL_ASSERT_OK(RunRound(store(), "open", ""));
  const Participation row =
      *store().GetParticipation("writers", "open", DeviceId(1));
  EXPECT_EQ(row.last_contribution, 1);
  EXPECT_EQ(row.last_version, std::nullopt);
}

TEST_P(StoreTest, VersionsOfAForgottenDeviceGo) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(Seal(store(), Collect(store(), "a", {1, 2}), std::nullopt));
  SHOAL_ASSERT_OK(Release(store(), 1));
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));
  const auto version = [&](int device) {
    return store()
        .GetParticipation("writers", "a", DeviceId(device))
        ->last_version;
  };
  EXPECT_EQ(version(1), std::nullopt);
  EXPECT_EQ(version(2), 1);
}

TEST_P(StoreTest, DeviceForgottenInARunningRoundLeavesNoVersion) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  const int64_t id = Collect(store(), "a", {1, 2});
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));
  SHOAL_ASSERT_OK(Seal(store(), id, std::nullopt));
  SHOAL_ASSERT_OK(Release(store(), id));
  EXPECT_EQ(store().GetParticipation("writers", "a", DeviceId(1))->last_version,
            std::nullopt);
  EXPECT_EQ(store().GetParticipation("writers", "a", DeviceId(2))->last_version,
            1);
}

// --- faults ------------------------------------------------------------------

std::vector<std::string> FaultsOf(RoundStore& store, const std::string& device,
                                  int64_t round_id, int limit = 99) {
  std::vector<std::string> texts;
  for (const FaultRow& row :
       Require(store.ListFaults(device, round_id, limit))) {
    texts.push_back(row.what);
  }
  return texts;
}

FaultRow MakeFault(int device, int64_t round_id, int seconds,
                   const std::string& what) {
  return {DeviceId(device), round_id, Now() + absl::Seconds(seconds), what};
}

TEST_P(StoreTest, FaultComesBackWithEveryField) {
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(3, 7, 0, "It lied.")));
  const std::vector<FaultRow> faults = *store().ListFaults("", 0, 1);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].device_id, DeviceId(3));
  EXPECT_EQ(faults[0].round_id, 7);
  EXPECT_EQ(faults[0].at, Now());
  EXPECT_EQ(faults[0].what, "It lied.");
}

TEST_P(StoreTest, FirstFaultOfADeviceInARoundStays) {
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(1, 7, 0, "first")));
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(1, 7, 9, "second")));
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(2, 7, 1, "other device")));
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(1, 8, 2, "other round")));
  EXPECT_THAT(FaultsOf(store(), "", 0),
              ElementsAre("other round", "other device", "first"));
}

TEST_P(StoreTest, FaultsAreListedNewestFirstOfADeviceAndOfARound) {
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(1, 7, 3, "1 in 7")));
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(1, 8, 1, "1 in 8")));
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(2, 8, 2, "2 in 8")));
  EXPECT_THAT(FaultsOf(store(), "", 0),
              ElementsAre("1 in 7", "2 in 8", "1 in 8"));
  EXPECT_THAT(FaultsOf(store(), DeviceId(1), 0),
              ElementsAre("1 in 7", "1 in 8"));
  EXPECT_THAT(FaultsOf(store(), "", 8), ElementsAre("2 in 8", "1 in 8"));
  EXPECT_THAT(FaultsOf(store(), DeviceId(2), 8), ElementsAre("2 in 8"));
  EXPECT_THAT(FaultsOf(store(), DeviceId(2), 7), IsEmpty());
  EXPECT_THAT(FaultsOf(store(), "", 0, 2), ElementsAre("1 in 7", "2 in 8"));
  EXPECT_THAT(FaultsOf(store(), "", 0, 0), IsEmpty());
  EXPECT_THAT(FaultsOf(store(), "", 0, -1), IsEmpty());
}

TEST_P(StoreTest, ForgottenDeviceHasNoFaults) {
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(1, 7, 0, "before")));
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(2, 7, 0, "another")));
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));
  SHOAL_ASSERT_OK(store().RecordFault(MakeFault(1, 8, 1, "after")));
  EXPECT_THAT(FaultsOf(store(), "", 0), ElementsAre("another"));
}

}  // namespace
}  // namespace shoal::coordinator
