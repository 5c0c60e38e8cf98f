// Groups whose cryptography is skipped, beside real ones: whoever leaves, when-
// ever, both go through the same steps with the same members.
#include "simulations/skipped_groups.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/secure_aggregation/group.h"
#include "simulations/insecure_rng.h"
#include "simulations/seeded_signatures.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using secure_aggregation::CoordinatorTrust;
using secure_aggregation::Fault;
using secure_aggregation::Group;
using secure_aggregation::GroupMaker;
using secure_aggregation::GroupPhase;
using secure_aggregation::Joining;
using secure_aggregation::LostMember;
using secure_aggregation::Member;
using secure_aggregation::MemberMaker;
using secure_aggregation::MemberSigner;
using secure_aggregation::RingVector;
using secure_aggregation::SessionPlan;
using ::testing::HasSubstr;

SessionPlan PlanOf(CoordinatorTrust coordinator, double adversary_fraction,
                   double dropout_fraction) {
  SessionPlan plan;
  plan.round = "digits/5";
  plan.coordinator = coordinator;
  plan.adversary_fraction = adversary_fraction;
  plan.dropout_fraction = dropout_fraction;
  plan.max_group = 1000;
  plan.vectors = {{"update", 3, 20}};
  return plan;
}

// Who does not answer which phase any more.
using Pattern = std::vector<int>;
constexpr int kStays = static_cast<int>(GroupPhase::kRevealed);

// One group of either kind, in which members answer in order.
class Play {
 public:
  Play(GroupMaker& groups, const MemberMaker& members, const SessionPlan& plan,
       int num_members)
      : groups_(groups), plan_(plan), authority_(7), rng_(1), group_rng_(2) {
    for (int i = 0; i < num_members; ++i) {
      const std::string id = absl::StrCat("device-", i);
      signers_.push_back(authority_.Issue(id));
      auto member =
          members.Create({plan, id, signers_.back().get(), &authority_}, rng_);
      SHOAL_EXPECT_OK(member.status());
      members_.push_back(*std::move(member));
      joining_.push_back({id, members_.back()->advertise()});
      lengths_.push_back(joining_.back().advertise.size());
      SHOAL_EXPECT_OK(groups.Check(plan, joining_.back(), &authority_));
    }
    auto group = groups.Create(plan, joining_, &authority_, group_rng_);
    SHOAL_EXPECT_OK(group.status());
    group_ = *std::move(group);
    KeepRows();
  }

  // Every message goes to the members that the pattern lets take part.
  void RunPhase(const Pattern& pattern) {
    const GroupPhase phase = group_->phase();
    for (int i = 0; i < group_->num_members(); ++i) {
      if (pattern[i] <= static_cast<int>(phase)) continue;
      const std::optional<std::string> question = group_->MessageFor(i);
      lengths_.push_back(question.has_value() ? question->size() : 0);
      if (!question.has_value()) continue;
      const auto answer = members_[i]->OnMessage(*question);
      if (!answer.ok()) {
        EXPECT_EQ(answer.status().code(), absl::StatusCode::kAborted)
            << answer.status();
        continue;
      }
      lengths_.push_back(answer->size());
      EXPECT_EQ(group_->IsMaskedInput(*answer),
                members_[i]->is_ready_to_mask());
      if (members_[i]->is_ready_to_mask()) {
        std::vector<RingVector> vectors;
        vectors.emplace_back(3, 20);
        SHOAL_EXPECT_OK(
            members_[i]->MaskInput(absl::MakeSpan(vectors), nullptr));
      }
      SHOAL_EXPECT_OK(group_->OnMessage(i, *answer));
      KeepRows();
    }
    num_pending_.push_back(group_->num_pending());
    can_proceed_.push_back(group_->CanProceed());
    group_->Proceed(nullptr).IgnoreError();  // the phase says it
    KeepRows();
  }

  void Run(const Pattern& pattern) {
    while (group_->phase() < GroupPhase::kRevealed) RunPhase(pattern);
  }

  Group& group() { return *group_; }
  Member& member(int i) { return *members_[i]; }
  const std::vector<std::string>& rows() const { return rows_; }
  const std::vector<size_t>& lengths() const { return lengths_; }
  const std::vector<int>& num_pending() const { return num_pending_; }
  const std::vector<bool>& can_proceed() const { return can_proceed_; }

  // Goes on from what is durable, as another process.
  void Restart() {
    auto group = groups_.Restore(plan_, rows_, &authority_);
    SHOAL_ASSERT_OK(group.status());
    group_ = *std::move(group);
  }

 private:
  void KeepRows() {
    for (std::string& row : group_->TakeRows()) rows_.push_back(std::move(row));
  }

  GroupMaker& groups_;
  const SessionPlan plan_;
  const SeededAuthority authority_;
  InsecureSeededRng rng_;
  InsecureSeededRng group_rng_;
  std::vector<std::unique_ptr<MemberSigner>> signers_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Joining> joining_;
  std::unique_ptr<Group> group_;
  std::vector<std::string> rows_;
  std::vector<size_t> lengths_;  // of all messages
  std::vector<int> num_pending_;
  std::vector<bool> can_proceed_;
};

Play SkippedPlay(const SessionPlan& plan, int num_members) {
  return {SkippedGroups(), SkippedMembers(), plan, num_members};
}

std::vector<std::pair<int, std::string>> LostOf(const Group& group) {
  std::vector<std::pair<int, std::string>> lost;
  for (const LostMember& member : group.lost()) {
    lost.emplace_back(member.index, member.reason);
  }
  return lost;
}

void ExpectSame(Play& real, Play& skipped) {
  EXPECT_EQ(real.group().phase(), skipped.group().phase());
  EXPECT_EQ(real.group().contributors(), skipped.group().contributors());
  EXPECT_EQ(real.group().burn_reason(), skipped.group().burn_reason());
  EXPECT_EQ(LostOf(real.group()), LostOf(skipped.group()));
  EXPECT_EQ(real.num_pending(), skipped.num_pending());
  EXPECT_EQ(real.can_proceed(), skipped.can_proceed());
  EXPECT_EQ(real.lengths(), skipped.lengths());
}

struct Setting {
  std::string name;
  SessionPlan plan;
  int fewest_members;
  int most_members;
  int num_runs;
  double most_leave;  // part of the members

  friend void PrintTo(const Setting& setting, std::ostream* out) {
    *out << setting.name;
  }
};

class SkippedGroupsTest : public ::testing::TestWithParam<Setting> {};

TEST_P(SkippedGroupsTest, AreAsRealOnesWhoeverLeaves) {
  SeededRng rng(11);
  int num_revealed = 0;
  const Setting& setting = GetParam();
  for (int run = 0; run < setting.num_runs; ++run) {
    const int n = static_cast<int>(
        setting.fewest_members +
        rng.Below(setting.most_members - setting.fewest_members + 1));
    // Also so many at once, at first, that some are left without neighbours.
    const bool at_once = run % 3 == 2;
    const double leaves = at_once ? 0.7 : rng.Uniform() * setting.most_leave;
    Pattern pattern(n);
    for (int& phase : pattern) {
      const int last = at_once ? 0 : static_cast<int>(rng.Below(kStays));
      phase = rng.Uniform() < leaves ? last : kStays;
    }
    Play real(secure_aggregation::RealGroups(),
              secure_aggregation::RealMembers(), setting.plan, n);
    Play skipped = SkippedPlay(setting.plan, n);
    real.Run(pattern);
    skipped.Run(pattern);
    ExpectSame(real, skipped);
    if (HasFailure()) FAIL() << "run " << run << ", " << n << " members";
    num_revealed += skipped.group().phase() == GroupPhase::kRevealed;
  }
  EXPECT_GT(num_revealed, 0);
  EXPECT_LT(num_revealed, setting.num_runs);
}

TEST_P(SkippedGroupsTest, GoOnFromTheirRowsAtEveryPoint) {
  constexpr int kMembers = 10;
  Pattern pattern(kMembers, kStays);
  pattern[2] = static_cast<int>(GroupPhase::kMasking);
  pattern[5] = static_cast<int>(GroupPhase::kUnmasking);
  Play whole = SkippedPlay(GetParam().plan, kMembers);
  whole.Run(pattern);
  ASSERT_EQ(whole.group().phase(), GroupPhase::kRevealed)
      << whole.group().burn_reason();
  for (size_t n = 1; n <= whole.rows().size(); ++n) {
    auto group = SkippedGroups().Restore(
        GetParam().plan, absl::MakeSpan(whole.rows()).subspan(0, n), nullptr);
    SHOAL_ASSERT_OK(group.status()) << n;
    EXPECT_EQ((*group)->session(), whole.group().session());
    if (n == whole.rows().size()) {
      EXPECT_EQ((*group)->phase(), GroupPhase::kRevealed);
      EXPECT_EQ((*group)->contributors(), whole.group().contributors());
      EXPECT_EQ(LostOf(**group), LostOf(whole.group()));
    }
  }
  // And comes to the same end from the middle.
  Play half = SkippedPlay(GetParam().plan, kMembers);
  half.RunPhase(pattern);
  half.Restart();
  half.RunPhase(pattern);
  half.Restart();
  half.Run(pattern);
  EXPECT_EQ(half.rows(), whole.rows());
}

INSTANTIATE_TEST_SUITE_P(
    Settings, SkippedGroupsTest,
    ::testing::Values(
        Setting{"Honest", PlanOf(CoordinatorTrust::kHonest, 0, 0.4), 3, 30, 8,
                0.5},
        Setting{"HonestAndSparse", PlanOf(CoordinatorTrust::kHonest, 0.05, 0.2),
                40, 120, 6, 0.5},
        Setting{"SemiMalicious",
                PlanOf(CoordinatorTrust::kSemiMalicious, 0, 0.3), 3, 20, 6,
                0.5},
        Setting{"Malicious", PlanOf(CoordinatorTrust::kMalicious, 0, 0.4), 3,
                20, 6, 0.5}),
    [](const auto& info) { return info.param.name; });

TEST(SkippedGroupTest, BurnsWithTooFewMembersAndSaysSo) {
  Play play = SkippedPlay(PlanOf(CoordinatorTrust::kHonest, 0, 0.2), 10);
  Pattern pattern(10, kStays);
  std::fill_n(pattern.begin(), 3, static_cast<int>(GroupPhase::kMasking));
  play.RunPhase(pattern);
  EXPECT_EQ(play.group().phase(), GroupPhase::kMasking);
  play.RunPhase(pattern);
  EXPECT_EQ(play.group().phase(), GroupPhase::kBurnt);
  EXPECT_THAT(play.group().burn_reason(),
              HasSubstr("only 7 members sent masked input, expected at least "
                        "8"));
  EXPECT_EQ(play.group().Proceed(nullptr).code(),
            absl::StatusCode::kFailedPrecondition);
  const auto told =
      play.member(4).OnMessage(play.group().MessageFor(4).value_or(""));
  EXPECT_EQ(told.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(told.status().message(), HasSubstr("only 7 members"));
}

TEST(SkippedGroupTest, AnswersARepeatedQuestionTheSameWay) {
  Play play = SkippedPlay(PlanOf(CoordinatorTrust::kHonest, 0, 0.4), 5);
  const std::string keys = *play.group().MessageFor(0);
  const auto shares = play.member(0).OnMessage(keys);
  SHOAL_ASSERT_OK(shares.status());
  EXPECT_EQ(*play.member(0).OnMessage(keys), *shares);
  SHOAL_EXPECT_OK(play.group().OnMessage(0, *shares));
  SHOAL_EXPECT_OK(play.group().OnMessage(0, *shares));
  EXPECT_EQ(play.group().TakeRows().size(), 1);
}

TEST(SkippedGroupTest, RefusesWhatIsOutOfTurnAndWhatIsNoMessage) {
  Play play = SkippedPlay(PlanOf(CoordinatorTrust::kHonest, 0, 0.4), 5);
  const auto shares = play.member(0).OnMessage(*play.group().MessageFor(0));
  SHOAL_ASSERT_OK(shares.status());
  play.RunPhase(Pattern(5, kStays));
  const auto input = play.member(1).OnMessage(*play.group().MessageFor(1));
  SHOAL_ASSERT_OK(input.status());
  Play other = SkippedPlay(PlanOf(CoordinatorTrust::kHonest, 0, 0.4), 5);
  EXPECT_EQ(other.group().OnMessage(1, *input).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(LostOf(other.group()), ::testing::IsEmpty());
  EXPECT_EQ(other.group().OnMessage(1, "\x7f").code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(other.group().lost().size(), 1);
  EXPECT_EQ(other.group().lost()[0].fault, Fault::kGuilty);
  EXPECT_EQ(other.group().OnMessage(1, *shares).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(SkippedGroupTest, RefusesRowsOfNoGroup) {
  const SessionPlan plan = PlanOf(CoordinatorTrust::kHonest, 0, 0.4);
  Play play = SkippedPlay(plan, 5);
  play.Run(Pattern(5, kStays));
  const auto restored = [&](std::vector<std::string> rows) {
    return SkippedGroups().Restore(plan, rows, nullptr).status().code();
  };
  EXPECT_EQ(restored(play.rows()), absl::StatusCode::kOk);
  std::vector<std::string> rows = play.rows();
  rows.push_back(rows.back());
  EXPECT_EQ(restored(rows), absl::StatusCode::kDataLoss);
  rows = play.rows();
  std::swap(rows[1], rows.back());
  EXPECT_EQ(restored(rows), absl::StatusCode::kDataLoss);
  rows = play.rows();
  rows.erase(rows.begin());
  EXPECT_EQ(restored(rows), absl::StatusCode::kDataLoss);
  EXPECT_EQ(restored({}), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace shoal::simulations
