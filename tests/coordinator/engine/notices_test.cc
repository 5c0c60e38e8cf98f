#include "coordinator/engine/notices.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(RefusalCountsTest, CountsByCodeAndKeepsTheNewestSentence) {
  RefusalCounts counts;
  counts.Add(7, RefusalCode::kNotEligible, "no examples");
  counts.Add(7, RefusalCode::kMinSeparation, "sit out");
  counts.Add(7, RefusalCode::kMinSeparation, "sit out longer");
  const std::vector<RefusedCheckIns> refused = counts.Of(7);
  ASSERT_THAT(refused, SizeIs(2));
  EXPECT_EQ(refused[0].code, RefusalCode::kMinSeparation);
  EXPECT_EQ(refused[0].count, 2);
  EXPECT_EQ(refused[0].newest, "sit out longer");
  EXPECT_EQ(refused[1].code, RefusalCode::kNotEligible);
  EXPECT_EQ(refused[1].count, 1);
}

TEST(RefusalCountsTest, TwoNewestRoundsAreRemembered) {
  RefusalCounts counts;
  counts.Add(7, RefusalCode::kNotEligible, "seven");
  counts.Add(9, RefusalCode::kNotEligible, "nine");
  EXPECT_EQ(counts.Of(7).at(0).newest, "seven");
  counts.Add(10, RefusalCode::kNotEligible, "ten");
  EXPECT_THAT(counts.Of(7), IsEmpty());
  EXPECT_EQ(counts.Of(9).at(0).newest, "nine");
  counts.Add(7, RefusalCode::kNotEligible, "too late");
  EXPECT_THAT(counts.Of(7), IsEmpty());
  EXPECT_EQ(counts.Of(10).at(0).count, 1);
}

TEST(RefusalCountsTest, RoundWithoutRefusalsHasNone) {
  EXPECT_THAT(RefusalCounts().Of(1), IsEmpty());
}

}  // namespace
}  // namespace shoal::coordinator
