// What stores keep of a device that has been forgotten: its fingerprint, and
// what it has added to sums.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/round_store.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

DeviceRow MakeDevice(int number) {
  DeviceRow row;
  row.id = DeviceId(number);
  row.name = absl::StrCat("pi-", number);
  row.population = "writers";
  row.enrolled = Now();
  return row;
}

DeviceSighting SightingOf(int number) {
  return {
      DeviceId(number), absl::StrCat("pi-", number), "writers", Now(), "0", 9};
}

class ForgettingTest : public StoreTest {
 protected:
  // A round with devices 1 and 2 assigned, of which 1 is counted.
  RoundRow CollectingRound(const std::string& task) {
    const RoundRow round = driver_.RoundIn(RoundState::kCollecting, task);
    SHOAL_EXPECT_OK(store().RecordAssignment(round.id, DeviceId(2), Now(),
                                             Now() + absl::Minutes(1)));
    driver_.Commit(round.id, {1});
    return driver_.Round(round.id);
  }
  void Commit(const RoundRow& round) {
    const Lease lease = driver_.TakeLease(round.task);
    if (round.state == RoundState::kCollecting) {
      SHOAL_ASSERT_OK(
          store().SealRound(lease, round.id, 1, std::nullopt, Now()));
    }
    SHOAL_ASSERT_OK(store().CommitRound(
        lease, MakeResult(driver_.Round(round.id), "model"), "model", Now()));
  }
  std::vector<std::string> AssignedTo(int64_t round_id) {
    std::vector<std::string> texts;
    for (const AssignmentRow& row :
         Require(store().ListAssignments(round_id))) {
      texts.push_back(absl::StrCat(row.device_id == DeviceId(1)   ? "1"
                                   : row.device_id == DeviceId(2) ? "2"
                                                                  : "?",
                                   " ", row.outcome));
    }
    return texts;
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, ForgettingTest,
                         ::testing::Values(StoreKind::kMemory,
                                           StoreKind::kSqlite,
                                           StoreKind::kSqliteReopened));

TEST_P(ForgettingTest, ForgottenDeviceIsNotInTheRegistry) {
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice(1)));
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice(2)));

  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));

  EXPECT_THAT(store().GetDevice(DeviceId(1)), StatusIs(kNotFound));
  EXPECT_THAT(store().FindDevice("pi-1"), StatusIs(kNotFound));
  EXPECT_THAT(store().CountDevices(absl::InfinitePast()), IsOkAndHolds(1));
  EXPECT_THAT(store().IsForgotten(DeviceId(1)), IsOkAndHolds(true));
  EXPECT_THAT(store().IsForgotten(DeviceId(2)), IsOkAndHolds(false));
}

TEST_P(ForgettingTest, ForgettingTwiceOrAStrangerIsFine) {
  SHOAL_EXPECT_OK(store().ForgetDevice(DeviceId(7)));
  SHOAL_EXPECT_OK(store().ForgetDevice(DeviceId(7)));
  EXPECT_THAT(store().IsForgotten(DeviceId(7)), IsOkAndHolds(true));
}

TEST_P(ForgettingTest, ForgottenDeviceDoesNotComeBack) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kCollecting, "digits");
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(2)));

  EXPECT_THAT(store().UpsertDevice(MakeDevice(2)),
              StatusIs(kFailedPrecondition));
  SHOAL_EXPECT_OK(store().TouchDevice(SightingOf(2)));
  EXPECT_THAT(store().RecordAssignment(round.id, DeviceId(2), Now(),
                                       Now() + absl::Minutes(1)),
              StatusIs(kFailedPrecondition));
  const SegmentResult result = driver_.Commit(round.id, {1, 2});

  EXPECT_EQ(result.kind, SegmentResult::kDuplicates);
  EXPECT_THAT(result.duplicates, ElementsAre(DeviceId(2)));
  EXPECT_THAT(store().GetDevice(DeviceId(2)), StatusIs(kNotFound));
}

TEST_P(ForgettingTest, SightingOfBeforeIsForgottenAsWell) {
  SHOAL_ASSERT_OK(store().TouchDevice(SightingOf(1)));
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));
  EXPECT_THAT(store().CountDevices(absl::InfinitePast()), IsOkAndHolds(0));
}

TEST_P(ForgettingTest, InvitationOfAForgottenDeviceIsNotItsAnyMore) {
  InvitationRow row;
  row.token_hash = Sha256("token");
  row.uses_left = 2;
  row.expires = absl::InfiniteFuture();
  SHOAL_ASSERT_OK(store().CreateInvitation(row));
  SHOAL_ASSERT_OK(store().UseInvitation(row.token_hash, DeviceId(1), Now()));
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));
  EXPECT_THAT(store().UseInvitation(row.token_hash, DeviceId(1), Now()),
              StatusIs(kFailedPrecondition));
  // The refusal took no use.
  SHOAL_EXPECT_OK(store().UseInvitation(row.token_hash, DeviceId(2), Now()));
}

TEST_P(ForgettingTest, RoundsThatAreOverDoNotNameAForgottenDevice) {
  driver_.CreateTask("digits");
  const RoundRow round = CollectingRound("digits");
  Commit(round);
  const RoundRow before = driver_.Round(round.id);

  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));

  EXPECT_THAT(AssignedTo(round.id), ElementsAre("2 "));
  EXPECT_THAT(*store().ListContributions(round.id), IsEmpty());
  EXPECT_EQ(Text(driver_.Round(round.id)), Text(before));
  const Participation kept =
      *store().GetParticipation("writers", "digits", DeviceId(1));
  EXPECT_EQ(kept.committed_rounds, 1);
  EXPECT_EQ(kept.last_contribution, std::nullopt);
}

TEST_P(ForgettingTest, PlaceInARunningRoundIsLostAndGoesWithTheRound) {
  driver_.CreateTask("digits");
  const RoundRow round = CollectingRound("digits");

  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(2)));

  EXPECT_THAT(AssignedTo(round.id),
              ElementsAre("1 contributed", "2 abandoned: withdrawal"));
  Commit(round);
  EXPECT_THAT(AssignedTo(round.id), ElementsAre("1 contributed"));
  EXPECT_EQ(driver_.Round(round.id).assigned, 2);
}

TEST_P(ForgettingTest, ContributionOfARunningRoundCountsAndGoesWithTheRound) {
  driver_.CreateTask("digits");
  const RoundRow round = CollectingRound("digits");
  driver_.Commit(round.id, {2});

  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));

  EXPECT_THAT(*store().ListContributions(round.id), SizeIs(2));
  Commit(round);
  EXPECT_EQ(driver_.Round(round.id).accepted, 2);
  EXPECT_THAT(*store().ListContributions(round.id), SizeIs(1));
  EXPECT_THAT(store().GetDevice(DeviceId(1)), StatusIs(kNotFound));
  EXPECT_EQ(store()
                .GetParticipation("writers", "digits", DeviceId(1))
                ->last_contribution,
            std::nullopt);
  EXPECT_EQ(store()
                .GetParticipation("writers", "digits", DeviceId(2))
                ->last_contribution,
            1);
}

TEST_P(ForgettingTest, SealedContributorSetStaysAsItWasSealed) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kSealed, "digits");

  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));

  EXPECT_EQ(ContributorsDigest(*store().ListContributions(round.id)),
            driver_.Round(round.id).contributors);
  Commit(round);
  EXPECT_THAT(*store().ListContributions(round.id), IsEmpty());
}

TEST_P(ForgettingTest, RoundThatFailsOrIsStoppedLetsGoOfTheDevice) {
  driver_.CreateTask("digits");
  driver_.CreateTask("letters");
  const RoundRow failing = CollectingRound("digits");
  const RoundRow stopping = CollectingRound("letters");
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));

  SHOAL_ASSERT_OK(store().FailRound(driver_.TakeLease("digits"), failing.id,
                                    "min_reports", Now()));
  SHOAL_ASSERT_OK(
      store().SetTaskState("letters", TaskState::kStopped, "", Now()));

  for (const int64_t id : {failing.id, stopping.id}) {
    EXPECT_THAT(AssignedTo(id), ElementsAre("2 "));
    EXPECT_THAT(*store().ListContributions(id), IsEmpty());
  }
}

}  // namespace
}  // namespace shoal::coordinator
