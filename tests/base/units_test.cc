#include "base/units.h"

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(UnitsTest, DurationsHaveTheirUnits) {
  EXPECT_EQ(ParseDuration("60s"), absl::Seconds(60));
  EXPECT_EQ(ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(ParseDuration("10min"), absl::Minutes(10));
  EXPECT_EQ(ParseDuration("2h"), absl::Hours(2));
  EXPECT_EQ(ParseDuration("365d"), absl::Hours(24 * 365));
  EXPECT_EQ(ParseDuration("0s"), absl::ZeroDuration());
  EXPECT_EQ(ParseDuration("0.1s"), absl::Milliseconds(100));
}

TEST(UnitsTest, WhatIsNoDurationIsRefused) {
  for (const char* text : {"", "60", "s", "-1s", "1 s", "1m", "1e3s", "nan",
                           "1.2.3s", "inf", "1sx", "99999999999999999999d"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(UnitsTest, SizesAreBinaryOrDecimal) {
  EXPECT_EQ(ParseSize("32MiB"), uint64_t{32} << 20);
  EXPECT_EQ(ParseSize("1MB"), 1'000'000u);
  EXPECT_EQ(ParseSize("1.5KiB"), 1536u);
  EXPECT_EQ(ParseSize("7B"), 7u);
}

TEST(UnitsTest, WhatIsNoSizeIsRefused) {
  for (const char* text :
       {"", "32", "MiB", "-1B", "0.5B", "1mib", "1Mib", "99999999TiB"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(UnitsTest, EnergyIsInJoules) {
  EXPECT_EQ(ParseEnergy("5J"), 5.0);
  EXPECT_DOUBLE_EQ(*ParseEnergy("200mJ"), 0.2);
  EXPECT_EQ(ParseEnergy("1.5kJ"), 1500.0);
  EXPECT_EQ(ParseEnergy("5"), std::nullopt);
  EXPECT_EQ(ParseEnergy("5W"), std::nullopt);
}

TEST(UnitsTest, QuantitiesArePrintedInTheLargestWholeUnit) {
  EXPECT_EQ(DurationText(absl::Seconds(600)), "10min");
  EXPECT_EQ(DurationText(absl::Seconds(90)), "90s");
  EXPECT_EQ(DurationText(absl::Milliseconds(50)), "50ms");
  EXPECT_EQ(DurationText(absl::Hours(24 * 7)), "7d");
  EXPECT_EQ(DurationText(-absl::Seconds(60)), "-1min");
  EXPECT_EQ(DurationText(absl::ZeroDuration()), "0s");
  EXPECT_EQ(SizeText(uint64_t{256} << 20), "256MiB");
  EXPECT_EQ(SizeText(1'000'000), "1MB");
  EXPECT_EQ(SizeText(1001), "1001B");
  EXPECT_EQ(EnergyText(0.2), "200mJ");
  EXPECT_EQ(NumberText(1'000'000), "1000000");
  EXPECT_EQ(NumberText(0.3), "0.3");
}

}  // namespace
}  // namespace shoal
