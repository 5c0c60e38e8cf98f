#include "simulations/device_classes.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

using ::testing::IsEmpty;

configuration::Scenario Mixed(int devices, std::vector<double> shares) {
  configuration::Scenario scenario;
  scenario.devices = devices;
  for (const double share : shares) {
    configuration::DeviceClass& kind = scenario.classes.emplace_back();
    kind.name =
        std::string(1, static_cast<char>('a' + scenario.classes.size() - 1));
    kind.share = share;
  }
  return scenario;
}

TEST(DeviceClassesTest, EveryClassGetsItsShare) {
  const configuration::Scenario scenario = Mixed(20, {0.4, 0.3, 0.3});
  const std::vector<int> classes = AssignClasses(scenario);
  ASSERT_EQ(classes.size(), 20u);
  EXPECT_EQ(std::count(classes.begin(), classes.end(), 0), 8);
  EXPECT_EQ(std::count(classes.begin(), classes.end(), 1), 6);
  EXPECT_EQ(std::count(classes.begin(), classes.end(), 2), 6);
  EXPECT_EQ(ClassesText(scenario), "8 a, 6 b, 6 c");
}

TEST(DeviceClassesTest, SharesThatDoNotDivideTheDevicesAddUpAllTheSame) {
  for (int devices = 1; devices < 30; ++devices) {
    const std::vector<int> classes =
        AssignClasses(Mixed(devices, {1.0 / 3, 1.0 / 3, 1.0 / 3}));
    EXPECT_EQ(classes.size(), static_cast<size_t>(devices));
    for (int kind = 0; kind < 3; ++kind) {
      EXPECT_NEAR(std::count(classes.begin(), classes.end(), kind),
                  devices / 3.0, 1);
    }
  }
}

TEST(DeviceClassesTest, TheSeedSaysWhoIsWho) {
  configuration::Scenario scenario = Mixed(50, {0.5, 0.5});
  const std::vector<int> first = AssignClasses(scenario);
  EXPECT_EQ(AssignClasses(scenario), first);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
  scenario.seed = 1;
  EXPECT_NE(AssignClasses(scenario), first);
}

TEST(DeviceClassesTest, WithoutClassesThereIsNothingToAssign) {
  EXPECT_THAT(AssignClasses(Mixed(5, {})), IsEmpty());
  EXPECT_EQ(ClassesText(Mixed(5, {})), "");
}

}  // namespace
}  // namespace shoal::simulations
