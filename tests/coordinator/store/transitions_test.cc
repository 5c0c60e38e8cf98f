// Every operation in every state of a round: what is legal, and that what is
// not changes nothing.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/round_store.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;

constexpr RoundState kStates[] = {
    RoundState::kOpen,     RoundState::kCollecting, RoundState::kSealed,
    RoundState::kRevealed, RoundState::kCommitted,  RoundState::kFailed};

// Where an operation is tried.
struct Scene {
  StoreDriver& driver;
  Lease lease;
  RoundRow round;
};

struct Operation {
  const char* name;
  // Legal ('+') or not ('-') in the states in the order of kStates.
  const char* legal;
  bool takes_lease;
  std::function<absl::Status(Scene&)> run;
};

absl::Status CommitOneUpdate(Scene& scene) {
  const SegmentResult result = scene.driver.Commit(scene.round.id, {2});
  if (result.kind == SegmentResult::kCommitted) return absl::OkStatus();
  return absl::FailedPreconditionError("not committed");
}

NewGroupRows RowsOf(Scene& scene) {
  return {scene.round.id,
          Sha256("group"),
          0,
          {"row"},
          scene.driver.TakeLease(scene.round.task)};
}

absl::Status CommitOneMaskedUpdate(Scene& scene) {
  SHOAL_ASSIGN_OR_RETURN(const SegmentResult result,
                         scene.driver.store().CommitSegment(
                             {scene.round.id, "us", "masked", 1, RowsOf(scene)},
                             {MakeContribution(2)}));
  if (result.kind == SegmentResult::kCommitted) return absl::OkStatus();
  return absl::FailedPreconditionError("not committed");
}

absl::Status Set(Scene& scene, TaskState state) {
  return scene.driver.store().SetTaskState(scene.round.task, state, "", Now());
}

std::vector<Operation> Operations() {
  return {
      {"assign", "++----", false,
       [](Scene& s) {
         return s.driver.store().RecordAssignment(s.round.id, DeviceId(2),
                                                  Now(), Now());
       }},
      {"count", "-+----", false, CommitOneUpdate},
      {"count masked", "-+----", false, CommitOneMaskedUpdate},
      {"write of a group", "++++--", false,
       [](Scene& s) { return s.driver.store().AppendGroupRows(RowsOf(s)); }},
      {"burn a group", "-+----", false,
       [](Scene& s) { return s.driver.store().BurnGroup(RowsOf(s)); }},
      {"seal", "-+----", true,
       [](Scene& s) {
         return s.driver.store()
             .SealRound(s.lease, s.round.id, 0, std::nullopt, Now())
             .status();
       }},
      {"reveal", "--+---", true,
       [](Scene& s) {
         return s.driver.store().RevealRound(s.lease, s.round.id, Now());
       }},
      {"commit", "--++--", true,
       [](Scene& s) {
         return s.driver.store().CommitRound(
             s.lease, MakeResult(s.round, "next"), "next", Now());
       }},
      {"fail", "++++--", true,
       [](Scene& s) {
         return s.driver.store().FailRound(s.lease, s.round.id, "min_reports",
                                           Now());
       }},
      {"open next", "----++", true,
       [](Scene& s) {
         return s.driver.store()
             .OpenRound(s.lease, MakeRoundOf(s.driver.Task("digits")))
             .status();
       }},
      {"pause", "++++++", false,
       [](Scene& s) { return Set(s, TaskState::kPaused); }},
      {"resume", "++++++", false,
       [](Scene& s) { return Set(s, TaskState::kActive); }},
      {"stop", "++--++", false,
       [](Scene& s) { return Set(s, TaskState::kStopped); }},
  };
}

// Everything about the task and its rounds that could change.
std::string Snapshot(StoreDriver& driver) {
  std::string text = Text(driver.Task("digits"));
  for (const RoundRow& round :
       Require(driver.store().ListRounds("digits", 9, 0))) {
    absl::StrAppend(&text, "\n", Text(round));
    for (const auto& row : Require(driver.store().ListAssignments(round.id))) {
      absl::StrAppend(&text, "\n", Text(row));
    }
    for (const auto& row :
         Require(driver.store().ListContributions(round.id))) {
      absl::StrAppend(&text, "\n", Text(row));
    }
    for (const auto& row : Require(driver.store().ReadSegments(round.id))) {
      absl::StrAppend(&text, "\n", row.id, row.sum, row.session.ToHex());
    }
    for (const auto& row : Require(driver.store().ReadGroupRows(round.id))) {
      absl::StrAppend(&text, "\n", row.session.ToHex(), row.row);
    }
  }
  for (const ModelRow& model :
       Require(driver.store().ListModels("digits", 9))) {
    absl::StrAppend(&text, "\n", Text(model));
  }
  return absl::StrCat(text, "\n", *driver.store().GetOptimizerState("digits"));
}

TEST_P(OpenStoreTest,
       EveryOperationIsLegalInItsStatesAndChangesNothingInOthers) {
  for (const Operation& operation : Operations()) {
    for (int i = 0; i < 6; ++i) {
      SCOPED_TRACE(
          absl::StrCat(operation.name, " when ", ToString(kStates[i])));
      StoreDriver driver(GetParam());
      driver.CreateTask("digits");
      const RoundRow round = driver.RoundIn(kStates[i], "digits");
      Scene scene{driver, driver.TakeLease("digits"), round};
      const std::string before = Snapshot(driver);

      const absl::Status status = operation.run(scene);

      if (operation.legal[i] == '+') {
        EXPECT_THAT(status, IsOk());
        EXPECT_NE(Snapshot(driver), before);
      } else {
        EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
        EXPECT_EQ(Snapshot(driver), before);
      }
    }
  }
}

TEST_P(OpenStoreTest, LeaderOfAnOldEpochChangesNothing) {
  for (const Operation& operation : Operations()) {
    if (!operation.takes_lease) continue;
    for (int i = 0; i < 6; ++i) {
      SCOPED_TRACE(
          absl::StrCat(operation.name, " when ", ToString(kStates[i])));
      StoreDriver driver(GetParam());
      driver.CreateTask("digits");
      const RoundRow round = driver.RoundIn(kStates[i], "digits");
      Scene scene{driver, driver.TakeLease("digits"), round};
      SHOAL_ASSERT_OK(driver.store().AcquireLease(
          "digits", "them", Now() + kLeaseTime, kLeaseTime));
      const std::string before = Snapshot(driver);

      EXPECT_THAT(operation.run(scene), StatusIs(absl::StatusCode::kAborted));
      scene.lease.epoch += 1;  // right epoch, wrong holder
      EXPECT_THAT(operation.run(scene), StatusIs(absl::StatusCode::kAborted));

      EXPECT_EQ(Snapshot(driver), before);
    }
  }
}

TEST_P(StoreTest, LeaderOfAnEpochBeforeTheLastOneStaysFenced) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kCollecting, "digits");
  const Lease old = driver_.TakeLease("digits");
  const absl::Time later = Now() + kLeaseTime;
  SHOAL_ASSERT_OK(store().AcquireLease("digits", "them", later, kLeaseTime));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Lease again,
      store().AcquireLease("digits", "us", later + kLeaseTime, kLeaseTime));

  EXPECT_THAT(store().FailRound(old, round.id, "x", Now()),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store().FailRound(again, round.id, "x", Now()), IsOk());
}

}  // namespace
}  // namespace shoal::coordinator
