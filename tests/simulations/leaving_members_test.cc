#include "simulations/leaving_members.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulations/insecure_rng.h"
#include "simulations/skipped_groups.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using secure_aggregation::CoordinatorTrust;
using secure_aggregation::Group;
using secure_aggregation::GroupPhase;
using secure_aggregation::Joining;
using secure_aggregation::Member;
using secure_aggregation::SessionPlan;

constexpr int kNeverLeaves = static_cast<int>(GroupPhase::kRevealed);

SessionPlan PlanOf(CoordinatorTrust coordinator) {
  SessionPlan plan;
  plan.round = "digits/5";
  plan.coordinator = coordinator;
  plan.max_group = 100;
  return plan;
}

// The phase in which a member leaves that stands beside two that stay.
int LeavesIn(const LeavingMembers& makers, const SessionPlan& plan) {
  InsecureSeededRng rng(1);
  auto member = makers.Create({plan, "device-0", nullptr, nullptr}, rng);
  SHOAL_EXPECT_OK(member.status());
  std::vector<std::unique_ptr<Member>> members;
  members.push_back(*std::move(member));
  while (members.size() < 3) {
    auto other = SkippedMembers().Create({plan, "", nullptr, nullptr}, rng);
    SHOAL_EXPECT_OK(other.status());
    members.push_back(*std::move(other));
  }
  std::vector<Joining> joining;
  for (size_t i = 0; i < members.size(); ++i) {
    joining.push_back({absl::StrCat("device-", i), members[i]->advertise()});
  }
  auto group = SkippedGroups().Create(plan, joining, nullptr, rng);
  SHOAL_EXPECT_OK(group.status());
  while ((*group)->phase() < GroupPhase::kRevealed) {
    for (int i = 0; i < 3; ++i) {
      const std::string question = *(*group)->MessageFor(i);
      auto answer = members[i]->OnMessage(question);
      if (!answer.ok()) {
        EXPECT_EQ(answer.status().code(), absl::StatusCode::kCancelled);
        // It stays away.
        EXPECT_EQ(members[i]->OnMessage(question).status().code(),
                  absl::StatusCode::kCancelled);
        EXPECT_EQ(i, 0);
        EXPECT_TRUE(makers.has_left());
        return static_cast<int>((*group)->phase());
      }
      // A question that comes again is no further step.
      answer = members[i]->OnMessage(question);
      SHOAL_EXPECT_OK(answer.status());
      if (members[i]->is_ready_to_mask()) {
        SHOAL_EXPECT_OK(members[i]->MaskInput({}, nullptr));
      }
      SHOAL_EXPECT_OK((*group)->OnMessage(i, *answer));
    }
    SHOAL_EXPECT_OK((*group)->Proceed(nullptr));
  }
  EXPECT_FALSE(makers.has_left());
  return kNeverLeaves;
}

TEST(LeavingMembersTest, LeaveBeforeTheStepThatIsAskedFor) {
  const auto leaves_in = [](const LeavingChances& chances,
                            CoordinatorTrust coordinator) {
    return LeavesIn(LeavingMembers(SkippedMembers(), chances, 1),
                    PlanOf(coordinator));
  };
  for (const auto coordinator :
       {CoordinatorTrust::kHonest, CoordinatorTrust::kMalicious}) {
    EXPECT_EQ(leaves_in({}, coordinator), kNeverLeaves);
    EXPECT_EQ(leaves_in({.sharing = 1}, coordinator),
              static_cast<int>(GroupPhase::kSharing));
    EXPECT_EQ(leaves_in({.masking = 1, .unmasking = 1}, coordinator),
              static_cast<int>(GroupPhase::kMasking));
    EXPECT_EQ(leaves_in({.unmasking = 1}, coordinator),
              static_cast<int>(GroupPhase::kUnmasking));
  }
  EXPECT_EQ(leaves_in({.consistency = 1}, CoordinatorTrust::kMalicious),
            static_cast<int>(GroupPhase::kConsistency));
  EXPECT_EQ(leaves_in({.consistency = 1}, CoordinatorTrust::kHonest),
            kNeverLeaves);
}

TEST(LeavingMembersTest, LeaveAsOftenAsTheChancesSay) {
  constexpr int kMembers = 4000;
  const SessionPlan plan = PlanOf(CoordinatorTrust::kHonest);
  const LeavingChances chances = {
      .sharing = 0.2, .masking = 0.5, .unmasking = 0.25};
  std::vector<int> counts(kNeverLeaves + 1);
  for (int i = 0; i < kMembers; ++i) {
    ++counts[LeavesIn(LeavingMembers(SkippedMembers(), chances, i), plan)];
  }
  // Five standard deviations, of four counts: wrong once in 4 * 10^5 seeds.
  EXPECT_NEAR(counts[static_cast<int>(GroupPhase::kSharing)], 800, 127);
  EXPECT_NEAR(counts[static_cast<int>(GroupPhase::kMasking)], 1600, 155);
  EXPECT_NEAR(counts[static_cast<int>(GroupPhase::kUnmasking)], 400, 95);
  EXPECT_NEAR(counts[kNeverLeaves], 1200, 145);
}

TEST(LeavingMembersTest, DrawAnewForEveryGroupOfASessionAndTheSameForASeed) {
  const SessionPlan plan = PlanOf(CoordinatorTrust::kHonest);
  const LeavingChances chances = {.sharing = 0.2};
  int most_groups = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const LeavingMembers one(SkippedMembers(), chances, seed);
    const LeavingMembers same(SkippedMembers(), chances, seed);
    int num_groups = 0;
    while (!one.has_left() && num_groups < 100) {
      EXPECT_EQ(LeavesIn(one, plan), LeavesIn(same, plan));
      ++num_groups;
    }
    EXPECT_TRUE(one.has_left());
    most_groups = std::max(most_groups, num_groups);
  }
  EXPECT_GT(most_groups, 3);
}

}  // namespace
}  // namespace shoal::simulations
