#include "client/limits/credited_time.h"

#include "gtest/gtest.h"

namespace shoal::client {
namespace {

constexpr absl::Duration kHour = absl::Hours(1);
const absl::Time kNoon = absl::FromUnixSeconds(1'800'000'000);

class CreditedTimeTest : public ::testing::Test {
 protected:
  // The first look, an hour after a boot at noon.
  CreditedTimeTest() {
    EXPECT_EQ(Look("a", kHour, kNoon + kHour), absl::ZeroDuration());
  }
  absl::Duration Look(const char* boot, absl::Duration since_boot,
                      absl::Time wall) {
    const PassedTime passed = Advance(credit_, {boot, since_boot, wall});
    return passed.off + passed.awake;
  }

  TimeCredit credit_;
};

TEST_F(CreditedTimeTest, WithinABootTheMonotonicClockCounts) {
  EXPECT_EQ(Look("a", 3 * kHour, kNoon + 3 * kHour), 2 * kHour);
  EXPECT_EQ(Look("a", 3 * kHour, kNoon + 3 * kHour), absl::ZeroDuration());
}

TEST_F(CreditedTimeTest, CalendarSetForwardsOrBackwardsChangesNothing) {
  EXPECT_EQ(Look("a", 2 * kHour, kNoon + 1000 * kHour), kHour);
  EXPECT_EQ(Look("a", 3 * kHour, kNoon - 1000 * kHour), kHour);
  EXPECT_EQ(Look("a", 4 * kHour, kNoon + 1000 * kHour), kHour);
}

TEST_F(CreditedTimeTest, TimeOffCountsWhereTheCalendarTellsIt) {
  // Last seen at 13:00, off from some time until 18:00, now 18:30.
  EXPECT_EQ(Look("b", kHour / 2, kNoon + 6.5 * kHour), 5.5 * kHour);
  EXPECT_EQ(Look("b", kHour, kNoon + 7 * kHour), kHour / 2);
}

TEST_F(CreditedTimeTest, WithoutACalendarTheTimeSinceTheBootCounts) {
  EXPECT_EQ(Look("b", kHour, absl::UnixEpoch()), kHour);
  EXPECT_EQ(Look("b", 2 * kHour, absl::UnixEpoch() + kHour), kHour);
}

TEST_F(CreditedTimeTest, CalendarPutRightLaterTellsOfTheGapOnce) {
  EXPECT_EQ(Look("b", kHour, absl::UnixEpoch()), kHour);
  // It is 20:00, so the boot was at 18:00, five hours after the last look.
  EXPECT_EQ(Look("b", 2 * kHour, kNoon + 8 * kHour), 6 * kHour);
  EXPECT_EQ(Look("b", 3 * kHour, kNoon + 100 * kHour), kHour);
}

TEST_F(CreditedTimeTest, TimeThatCountedIsNoGapAfterTheCalendarWasBehind) {
  // Set back by ten hours, and five hours go by.
  EXPECT_EQ(Look("a", 6 * kHour, kNoon - 4 * kHour), 5 * kHour);
  // Put right while the device was off for an hour.
  EXPECT_EQ(Look("b", absl::ZeroDuration(), kNoon + 7 * kHour), kHour);
}

TEST_F(CreditedTimeTest, GapOfACalendarThatWasAheadDoesNotCountAgain) {
  // Ahead by 24 hours while the device was off for one.
  EXPECT_EQ(Look("b", absl::ZeroDuration(), kNoon + 26 * kHour), 25 * kHour);
  // Put right, and off for another hour, and for another day.
  EXPECT_EQ(Look("c", absl::ZeroDuration(), kNoon + 3 * kHour),
            absl::ZeroDuration());
  EXPECT_EQ(Look("d", absl::ZeroDuration(), kNoon + 27 * kHour), kHour);
}

TEST_F(CreditedTimeTest, FirstLookGivesNothing) {
  TimeCredit fresh;
  EXPECT_EQ(Advance(fresh, {"z", 100 * kHour, kNoon}), PassedTime());
  EXPECT_EQ(Advance(fresh, {"z", 101 * kHour, kNoon}),
            (PassedTime{absl::ZeroDuration(), kHour}));
}

TEST_F(CreditedTimeTest, TimeOffIsToldApart) {
  EXPECT_EQ(Advance(credit_, {"b", kHour, absl::UnixEpoch()}),
            (PassedTime{absl::ZeroDuration(), kHour}));
  EXPECT_EQ(Advance(credit_, {"b", 2 * kHour, kNoon + 8 * kHour}),
            (PassedTime{5 * kHour, kHour}));
}

TEST(SystemMomentsTest, BootIsTheKernelsAndTimeGoesOn) {
  const SystemMoments moments;
  const Moment first = moments.Now();
  const Moment second = moments.Now();
  EXPECT_FALSE(first.boot.empty());
  EXPECT_EQ(first.boot, SystemMoments().Now().boot);
  EXPECT_GE(second.since_boot, first.since_boot);
}

TEST(SystemMomentsTest, WithoutABootIdEveryProcessIsABoot) {
  const SystemMoments one("/nowhere");
  const SystemMoments other("/nowhere");
  EXPECT_NE(one.Now().boot, other.Now().boot);
  EXPECT_LT(one.Now().since_boot, absl::Minutes(10));
}

}  // namespace
}  // namespace shoal::client
