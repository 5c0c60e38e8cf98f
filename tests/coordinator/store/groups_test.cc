// What stores keep of groups of secure aggregation: rows in their order, masked
// sums, and nothing of a group that is burnt or of a round that is over.
#include <array>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/round_store.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kAborted = absl::StatusCode::kAborted;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

// Groups by letter; their digests have the order c, b, a.
Digest SessionOf(char group) { return Sha256(std::string(1, group)); }

char LetterOf(const Digest& session) {
  for (char group = 'a'; group <= 'z'; ++group) {
    if (SessionOf(group) == session) return group;
  }
  return session.empty() ? '-' : '?';
}

class GroupsTest : public StoreTest {
 protected:
  GroupsTest() {
    driver_.CreateTask("digits");
    round_ = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  }

  NewGroupRows Rows(char group, int64_t first,
                    const std::vector<std::string>& rows) {
    return {round_, SessionOf(group), first, rows, driver_.TakeLease("digits")};
  }
  // `devices` send `num_bytes` together.
  absl::StatusOr<SegmentResult> CommitMasked(const NewGroupRows& rows,
                                             const std::vector<int>& devices,
                                             int64_t num_bytes = 100) {
    std::vector<ContributionRow> contributions;
    for (const int device : devices) {
      contributions.push_back(MakeContribution(device));
    }
    return store().CommitSegment({round_, "us", "masked", num_bytes, rows},
                                 contributions);
  }
  void Assign(int device) {
    SHOAL_ASSERT_OK(store().RecordAssignment(round_, DeviceId(device), Now(),
                                             Now() + absl::Minutes(1)));
  }

  // "a first", …
  std::vector<std::string> AllRows() {
    std::vector<std::string> texts;
    for (const GroupRow& row : Require(store().ReadGroupRows(round_))) {
      texts.push_back(
          absl::StrCat(std::string(1, LetterOf(row.session)), " ", row.row));
    }
    return texts;
  }
  std::vector<std::string> Segments() {
    std::vector<std::string> texts;
    for (const SegmentRow& row : Require(store().ReadSegments(round_))) {
      texts.push_back(
          absl::StrCat(std::string(1, LetterOf(row.session)), " ", row.sum));
    }
    return texts;
  }
  // The devices that count.
  std::vector<std::string> Counted() {
    std::vector<std::string> ids;
    for (const auto& row : Require(store().ListContributions(round_))) {
      ids.push_back(row.device_id);
    }
    return ids;
  }
  std::vector<std::string> Outcomes() {
    std::vector<std::string> outcomes;
    for (const auto& row : Require(store().ListAssignments(round_))) {
      outcomes.push_back(row.outcome);
    }
    return outcomes;
  }
  // All that a refused operation leaves as it was.
  std::string State() {
    std::string text = Text(driver_.Round(round_));
    for (const auto& part : {AllRows(), Segments(), Counted(), Outcomes()}) {
      for (const std::string& line : part) absl::StrAppend(&text, "\n", line);
    }
    return text;
  }

  int64_t round_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Stores, GroupsTest,
                         ::testing::Values(StoreKind::kMemory,
                                           StoreKind::kSqlite,
                                           StoreKind::kSqliteReopened),
                         [](const auto& info) {
                           return info.param == StoreKind::kMemory ? "Memory"
                                  : info.param == StoreKind::kSqlite
                                      ? "Sqlite"
                                      : "SqliteReopened";
                         });

// --- rows --------------------------------------------------------------------

TEST_P(GroupsTest, RowsComeBackInTheOrderOfGroupsAndOfWriting) {
  const std::string bytes("\0\xff row", 6);
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('b', 0, {"one", bytes})));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('c', 0, {"one"})));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"one", ""})));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('b', 2, {"three"})));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('c', 1, {"two", "three"})));

  EXPECT_THAT(AllRows(), ElementsAre("b one", "b " + bytes, "b three", "c one",
                                     "c two", "c three", "a one", "a "));
}

TEST_P(GroupsTest, WriterThatDoesNotKnowAllRowsWritesNone) {
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"one", "two"})));
  for (const int64_t first : {-1, 0, 1, 3}) {
    EXPECT_THAT(
        store().AppendGroupRows(Rows('a', first, {"lost"})),
        StatusIs(kAborted, AllOf(HasSubstr("has 2 rows"),
                                 HasSubstr(absl::StrCat("expected ", first)),
                                 HasSubstr(SessionOf('a').ToShortHex()))))
        << first;
  }
  EXPECT_THAT(AllRows(), ElementsAre("a one", "a two"));
}

TEST_P(GroupsTest, RefusedRowsMakeNoGroup) {
  EXPECT_THAT(store().AppendGroupRows(Rows('a', 1, {"two"})),
              StatusIs(kAborted));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('b', 0, {})));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('c', 0, {"one"})));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('b', 0, {"one"})));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"one"})));
  EXPECT_THAT(AllRows(), ElementsAre("c one", "b one", "a one"));
}

// Not even of a group that nobody else has written of.
TEST_P(GroupsTest, WhoLeadsNoMoreWritesNothing) {
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"one"})));
  NewGroupRows added = Rows('a', 1, {"two"});
  NewGroupRows begun = Rows('b', 0, {"one"});
  const Lease later = Require(store().AcquireLease(
      "digits", "them", Now() + 2 * kLeaseTime, kLeaseTime));
  const std::string before = State();
  for (const NewGroupRows& rows : {added, begun}) {
    EXPECT_THAT(store().AppendGroupRows(rows), StatusIs(kAborted));
    EXPECT_THAT(store().BurnGroup(rows), StatusIs(kAborted));
    EXPECT_THAT(CommitMasked(rows, {1}), StatusIs(kAborted));
  }
  EXPECT_EQ(State(), before);
  added.lease = later;
  SHOAL_ASSERT_OK(store().AppendGroupRows(added));
}

TEST_P(GroupsTest, RowsOfAnotherRoundAreItsOwn) {
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"one"})));
  driver_.CreateTask("letters");
  const int64_t other = driver_.RoundIn(RoundState::kOpen, "letters").id;

  SHOAL_ASSERT_OK(store().AppendGroupRows(
      {other, SessionOf('a'), 0, {"theirs"}, driver_.TakeLease("letters")}));

  EXPECT_THAT(AllRows(), ElementsAre("a one"));
  EXPECT_EQ(store().ReadGroupRows(other)->size(), 1u);
}

TEST_P(GroupsTest, RowsNeedARoundAndAGroup) {
  NewGroupRows nowhere = Rows('a', 0, {"one"});
  nowhere.round_id = 999;
  EXPECT_THAT(store().AppendGroupRows(nowhere), StatusIs(kNotFound));
  EXPECT_THAT(store().BurnGroup(nowhere), StatusIs(kNotFound));
  EXPECT_THAT(store().ReadGroupRows(999), StatusIs(kNotFound));

  // Every sum that is not masked has no group either.
  driver_.Commit(round_, {1});
  NewGroupRows nobody = Rows('a', 0, {"one"});
  nobody.session = Digest();
  const std::string before = State();
  EXPECT_THAT(store().AppendGroupRows(nobody), StatusIs(kInvalidArgument));
  EXPECT_THAT(store().BurnGroup(nobody), StatusIs(kInvalidArgument));
  EXPECT_THAT(CommitMasked(nobody, {2}), StatusIs(kInvalidArgument));
  EXPECT_EQ(State(), before);
}

// --- summaries and faults ----------------------------------------------------

TEST_P(GroupsTest, TheNewestSummaryOfEachGroupStays) {
  NewGroupRows rows = Rows('b', 0, {"one"});
  rows.summary = {SessionOf('b'), 5, {1, 0, 0, 0}, ""};
  SHOAL_ASSERT_OK(store().AppendGroupRows(rows));
  NewGroupRows other = Rows('a', 0, {"one"});
  other.summary.members = 4;
  ASSERT_TRUE(CommitMasked(other, {1}).ok());
  rows = Rows('b', 1, {"two"});
  rows.summary = {SessionOf('b'), 5, {1, 2, 3, 4}, "too few are left"};
  SHOAL_ASSERT_OK(store().BurnGroup(rows));
  // Rows that are refused, or none, change nothing.
  rows.summary.burnt = "never";
  EXPECT_THAT(store().AppendGroupRows(rows), StatusIs(kAborted));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('b', 2, {})));

  SHOAL_ASSERT_OK(store().FailRound(driver_.TakeLease("digits"), round_,
                                    "min_reports", Now()));

  const auto groups = Require(store().ReadRound(round_)).groups;
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].session, SessionOf('b'));
  EXPECT_EQ(groups[0].members, 5);
  EXPECT_EQ(groups[0].lost, (std::array<int, 4>{1, 2, 3, 4}));
  EXPECT_EQ(groups[0].burnt, "too few are left");
  EXPECT_EQ(groups[1].session, SessionOf('a'));
  EXPECT_EQ(groups[1].members, 4);
  EXPECT_EQ(groups[1].burnt, "");
}

TEST_P(GroupsTest, FaultsComeWithTheirRowsAndEndAssignments) {
  for (const int device : {2, 3}) Assign(device);
  const auto faulty = [&](NewGroupRows rows, int device) {
    rows.faults = {{DeviceId(device), round_, Now(), "a lie"}};
    return rows;
  };
  ASSERT_TRUE(CommitMasked(faulty(Rows('a', 0, {"masked"}), 2), {1, 3}).ok());
  EXPECT_THAT(Outcomes(), ElementsAre("contributed", "refused: group_fault",
                                      "contributed"));
  // Of a member whose vectors are taken back, and of one that is named already.
  NewGroupRows burnt = faulty(Rows('a', 1, {"burnt"}), 3);
  burnt.faults.push_back({DeviceId(2), round_, Now(), "another lie"});
  SHOAL_ASSERT_OK(store().BurnGroup(burnt));
  EXPECT_THAT(Outcomes(),
              ElementsAre("", "refused: group_fault", "refused: group_fault"));
  EXPECT_THAT(store().AppendGroupRows(faulty(Rows('a', 0, {"lost"}), 1)),
              StatusIs(kAborted));

  std::vector<std::string> faults;
  for (const FaultRow& row : Require(store().ListFaults("", round_, 10))) {
    faults.push_back(absl::StrCat(row.device_id, " ", row.what));
  }
  EXPECT_THAT(faults, ::testing::UnorderedElementsAre(DeviceId(2) + " a lie",
                                                      DeviceId(3) + " a lie"));
}

TEST_P(GroupsTest, ForgottenDevicesGetNoFault) {
  Assign(2);
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(2)));
  NewGroupRows rows = Rows('a', 0, {"one"});
  rows.faults = {{DeviceId(2), round_, Now(), "a lie"}};
  SHOAL_ASSERT_OK(store().AppendGroupRows(rows));
  EXPECT_TRUE(Require(store().ListFaults("", round_, 10)).empty());
  EXPECT_THAT(Outcomes(), ElementsAre("", "abandoned: withdrawal"));
}

// --- masked sums -------------------------------------------------------------

TEST_P(GroupsTest, MaskedSumIsWrittenWithItsRowsAndContributions) {
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"formed"})));

  const SegmentResult result =
      Require(CommitMasked(Rows('a', 1, {"masked 1", "masked 2"}), {1, 2}));
  driver_.Commit(round_, {3}, "plain");

  EXPECT_EQ(result.kind, SegmentResult::kCommitted);
  EXPECT_EQ(result.accepted, 2);
  EXPECT_THAT(AllRows(), ElementsAre("a formed", "a masked 1", "a masked 2"));
  EXPECT_THAT(Segments(), ElementsAre("a masked", "- plain"));
  EXPECT_THAT(Counted(), ElementsAre(DeviceId(1), DeviceId(2), DeviceId(3)));
  EXPECT_THAT(Outcomes(), ElementsAre("contributed"));
  EXPECT_EQ(driver_.Round(round_).bytes_up, 200);
}

TEST_P(GroupsTest, MaskedSumBesideUnknownRowsIsNotWritten) {
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"formed", "dealt"})));
  const std::string before = State();

  EXPECT_THAT(CommitMasked(Rows('a', 1, {"masked"}), {1}), StatusIs(kAborted));
  EXPECT_THAT(CommitMasked(Rows('b', 1, {"masked"}), {1}), StatusIs(kAborted));

  EXPECT_EQ(State(), before);
}

TEST_P(GroupsTest, MaskedSumWithADuplicateIsNotWritten) {
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {"masked"}), {1}).ok());
  const std::string before = State();

  const SegmentResult result =
      Require(CommitMasked(Rows('a', 1, {"again"}), {2, 1}));

  EXPECT_EQ(result.kind, SegmentResult::kDuplicates);
  EXPECT_THAT(result.duplicates, ElementsAre(DeviceId(1)));
  EXPECT_EQ(State(), before);
}

TEST_P(GroupsTest, MaskedSumThatTheRoundHasNoRoomForIsNotWritten) {
  driver_.Commit(round_, {1, 2, 3});
  const std::string before = State();

  EXPECT_EQ(Require(CommitMasked(Rows('a', 0, {"masked"}), {4, 5})).kind,
            SegmentResult::kClosed);
  EXPECT_EQ(State(), before);

  SHOAL_ASSERT_OK(store().SealRound(driver_.TakeLease("digits"), round_, 1,
                                    std::nullopt, Now()));
  const std::string sealed = State();
  EXPECT_EQ(Require(CommitMasked(Rows('a', 0, {"masked"}), {4})).kind,
            SegmentResult::kClosed);
  EXPECT_EQ(State(), sealed);
}

TEST_P(GroupsTest, MaskedSumIsOfItsGroupsRound) {
  NewGroupRows elsewhere = Rows('a', 0, {"masked"});
  ++elsewhere.round_id;
  ContributionRow earlier = MakeContribution(1);
  earlier.earlier_round = 1;
  const std::string before = State();

  EXPECT_THAT(CommitMasked(elsewhere, {1}), StatusIs(kInvalidArgument));
  EXPECT_THAT(
      store().CommitSegment(
          {round_, "us", "masked", 1, Rows('a', 0, {"masked"})}, {earlier}),
      StatusIs(kInvalidArgument, HasSubstr(DeviceId(1))));

  EXPECT_EQ(State(), before);
}

// --- burnt groups ------------------------------------------------------------

TEST_P(GroupsTest, BurntGroupTakesBackWhatItHasAddedAndNothingElse) {
  for (const int device : {2, 3, 4}) Assign(device);
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {"masked 1"}), {1}, 10).ok());
  ASSERT_TRUE(CommitMasked(Rows('b', 0, {"masked 3"}), {3}, 1000).ok());
  ASSERT_TRUE(CommitMasked(Rows('a', 1, {"masked 2"}), {2}, 100).ok());
  driver_.Commit(round_, {4}, "plain");

  SHOAL_ASSERT_OK(store().BurnGroup(Rows('a', 2, {"burnt"})));

  EXPECT_THAT(AllRows(),
              ElementsAre("a masked 1", "a masked 2", "a burnt", "b masked 3"));
  EXPECT_THAT(Segments(), ElementsAre("b masked", "- plain"));
  EXPECT_THAT(Counted(), ElementsAre(DeviceId(3), DeviceId(4)));
  EXPECT_THAT(Outcomes(), ElementsAre("", "", "contributed", "contributed"));
  const RoundRow round = driver_.Round(round_);
  EXPECT_EQ(round.accepted, 2);
  EXPECT_EQ(round.bytes_up, 1100);
  EXPECT_EQ(round.assigned, 4);
  EXPECT_EQ(round.state, RoundState::kCollecting);
}

TEST_P(GroupsTest, MembersOfABurntGroupCountInAnother) {
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {"masked"}), {1, 2}).ok());
  SHOAL_ASSERT_OK(store().BurnGroup(Rows('a', 1, {"burnt"})));

  EXPECT_EQ(*store().GetContribution(round_, DeviceId(1)), std::nullopt);
  EXPECT_EQ(Require(CommitMasked(Rows('b', 0, {"masked"}), {1, 2})).kind,
            SegmentResult::kCommitted);

  EXPECT_THAT(Segments(), ElementsAre("b masked"));
  EXPECT_THAT(Outcomes(), ElementsAre("contributed"));
  EXPECT_EQ(driver_.Round(round_).accepted, 2);
}

TEST_P(GroupsTest, GroupThatHasMaskedNothingBurns) {
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 0, {"formed"})));
  driver_.Commit(round_, {1}, "plain");
  SHOAL_ASSERT_OK(store().BurnGroup(Rows('a', 1, {"burnt"})));
  EXPECT_THAT(AllRows(), ElementsAre("a formed", "a burnt"));
  EXPECT_THAT(Segments(), ElementsAre("- plain"));
  EXPECT_EQ(driver_.Round(round_).accepted, 1);
}

TEST_P(GroupsTest, GroupIsNotBurntByWhoDoesNotKnowItsRows) {
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {"masked"}), {1}).ok());
  const std::string before = State();
  EXPECT_THAT(store().BurnGroup(Rows('a', 0, {"burnt"})), StatusIs(kAborted));
  EXPECT_EQ(State(), before);
}

// Its sum may be known: another one without the group would give it away.
TEST_P(GroupsTest, GroupOfASealedRoundDoesNotBurn) {
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {"masked"}), {1, 2}).ok());
  const Lease lease = driver_.TakeLease("digits");
  SHOAL_ASSERT_OK(store().SealRound(lease, round_, 1, std::nullopt, Now()));
  const std::string sealed = State();
  EXPECT_THAT(store().BurnGroup(Rows('a', 1, {"burnt"})),
              StatusIs(kFailedPrecondition, HasSubstr("sealed")));
  EXPECT_EQ(State(), sealed);

  // Its members go on to unmask.
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 1, {"asked"})));
  SHOAL_ASSERT_OK(store().RevealRound(lease, round_, Now()));
  SHOAL_ASSERT_OK(store().AppendGroupRows(Rows('a', 2, {"unmasked"})));
  EXPECT_THAT(AllRows(), ElementsAre("a masked", "a asked", "a unmasked"));
}

// --- ends --------------------------------------------------------------------

TEST_P(GroupsTest, RowsGoWhenTheRoundCommits) {
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {"masked"}), {1}).ok());
  const Lease lease = driver_.TakeLease("digits");
  SHOAL_ASSERT_OK(store().SealRound(lease, round_, 1, std::nullopt, Now()));
  SHOAL_ASSERT_OK(store().CommitRound(
      lease, MakeResult(driver_.Round(round_), "model"), "model", Now()));

  EXPECT_THAT(AllRows(), IsEmpty());
  EXPECT_THAT(Segments(), IsEmpty());
  EXPECT_THAT(store().AppendGroupRows(Rows('a', 0, {"late"})),
              StatusIs(kFailedPrecondition, HasSubstr("final")));
  EXPECT_THAT(AllRows(), IsEmpty());
}

TEST_P(GroupsTest, RowsGoWhenTheRoundFailsOrItsTaskIsStopped) {
  driver_.CreateTask("letters");
  const int64_t stopped =
      driver_.RoundIn(RoundState::kCollecting, "letters").id;
  const std::map<int64_t, Lease> leases = {
      {round_, driver_.TakeLease("digits")},
      {stopped, driver_.TakeLease("letters")}};
  for (const auto& [id, lease] : leases) {
    SHOAL_ASSERT_OK(
        store().AppendGroupRows({id, SessionOf('a'), 0, {"formed"}, lease}));
  }

  SHOAL_ASSERT_OK(store().FailRound(driver_.TakeLease("digits"), round_,
                                    "unmasking", Now()));
  SHOAL_ASSERT_OK(
      store().SetTaskState("letters", TaskState::kStopped, "", Now()));

  for (const auto& [id, lease] : leases) {
    EXPECT_THAT(*store().ReadGroupRows(id), IsEmpty());
    EXPECT_THAT(
        store().AppendGroupRows({id, SessionOf('a'), 0, {"late"}, lease}),
        StatusIs(kFailedPrecondition));
  }
}

// Rows are opaque, and may name a device; so may the sums of its group depend
// on it. Both stay until the round ends.
TEST_P(GroupsTest, ForgottenDeviceStaysInItsGroupUntilTheRoundEnds) {
  const std::string row = "masked by " + DeviceId(1);
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {row}), {1, 2}).ok());

  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));

  EXPECT_THAT(AllRows(), ElementsAre("a " + row));
  EXPECT_THAT(Segments(), ElementsAre("a masked"));
  EXPECT_THAT(Counted(), ElementsAre(DeviceId(1), DeviceId(2)));
  SHOAL_ASSERT_OK(store().FailRound(driver_.TakeLease("digits"), round_,
                                    "unmasking", Now()));
  EXPECT_THAT(AllRows(), IsEmpty());
  EXPECT_THAT(Counted(), ElementsAre(DeviceId(2)));
}

TEST_P(GroupsTest, ForgottenDeviceDoesNotBeginAnewWhenItsGroupBurns) {
  Assign(2);
  ASSERT_TRUE(CommitMasked(Rows('a', 0, {"masked"}), {1, 2}).ok());
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(1)));

  SHOAL_ASSERT_OK(store().BurnGroup(Rows('a', 1, {"burnt"})));

  EXPECT_THAT(Outcomes(), ElementsAre(kWithdrawn, ""));
  EXPECT_THAT(Counted(), IsEmpty());
  const SegmentResult result =
      Require(CommitMasked(Rows('b', 0, {"masked"}), {1, 2}));
  EXPECT_EQ(result.kind, SegmentResult::kDuplicates);
  EXPECT_THAT(result.duplicates, ElementsAre(DeviceId(1)));
}

}  // namespace
}  // namespace shoal::coordinator
