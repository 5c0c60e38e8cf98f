#include "base/human_duration.h"

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(HumanDurationTest, IsRoundedToWhatMatters) {
  EXPECT_EQ(HumanDuration(absl::ZeroDuration()), "0 s");
  EXPECT_EQ(HumanDuration(absl::Microseconds(300)), "0 s");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(350)), "350 ms");
  EXPECT_EQ(HumanDuration(absl::Seconds(9.43)), "9.4 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(15.57740712025)), "16 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(65)), "1 min 5 s");
  EXPECT_EQ(HumanDuration(absl::Minutes(125) + absl::Seconds(10)), "2 h 5 min");
  EXPECT_EQ(HumanDuration(absl::Hours(76)), "3 d 4 h");
}

TEST(HumanDurationTest, WholeUnitsStandAlone) {
  EXPECT_EQ(HumanDuration(absl::Seconds(1)), "1 s");
  EXPECT_EQ(HumanDuration(absl::Minutes(5)), "5 min");
  EXPECT_EQ(HumanDuration(absl::Hours(1)), "1 h");
  EXPECT_EQ(HumanDuration(absl::Hours(48)), "2 d");
}

TEST(HumanDurationTest, RoundingCarriesIntoTheNextUnit) {
  EXPECT_EQ(HumanDuration(absl::Milliseconds(999.7)), "1 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(9.97)), "10 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(59.7)), "1 min");
  EXPECT_EQ(HumanDuration(absl::Seconds(3599.6)), "1 h");
  EXPECT_EQ(HumanDuration(absl::Seconds(86399)), "1 d");
}

TEST(HumanDurationTest, NegativeAndInfiniteDurationsHaveAText) {
  EXPECT_EQ(HumanDuration(-absl::Seconds(16)), "-16 s");
  EXPECT_EQ(HumanDuration(absl::InfiniteDuration()), "forever");
  EXPECT_EQ(HumanDuration(-absl::InfiniteDuration()), "-forever");
}

}  // namespace
}  // namespace shoal
