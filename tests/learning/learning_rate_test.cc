#include "learning/learning_rate.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

TEST(LearningRateTest, WithoutAScheduleItStays) {
  EXPECT_EQ(LearningRate({}, 0.25, 0, 0), 0.25);
  EXPECT_EQ(LearningRate({}, 0.25, 1'000'000, 1), 0.25);
}

TEST(LearningRateTest, TheCosineFallsFromOneToItsEndAndStays) {
  const LearningRateSchedule schedule = {
      CosineRate{.final_fraction = 0.2, .rounds = 4}};
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 0, 0), 10);
  // (1 + cos(pi/4)) / 2 of the way from 0.2 to 1.
  EXPECT_NEAR(LearningRate(schedule, 10, 1, 0),
              10 * (0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2), 1e-12);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 2, 0), 6);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 1, 1), 6);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 4, 0), 2);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 400, 0.5), 2);
}

TEST(LearningRateTest, StepsComeAfterWholeIntervals) {
  const LearningRateSchedule schedule = {
      StepRate{.every_rounds = 3, .factor = 0.5}};
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 8, 0, 0), 8);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 8, 2, 0.999), 8);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 8, 3, 0), 4);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 8, 8, 0), 2);
}

TEST(LearningRateTest, WarmUpGrowsFromAPartToTheWhole) {
  const LearningRateSchedule schedule = {ConstantRate{}, /*warmup_rounds=*/4};
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 0, 0), 2);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 0, 0.5), 3);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 3, 0), 8);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 4, 0), 10);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 10, 50, 0), 10);
}

TEST(LearningRateTest, WarmUpMultipliesTheSchedule) {
  const LearningRateSchedule schedule = {
      StepRate{.every_rounds = 1, .factor = 0.5}, /*warmup_rounds=*/3};
  EXPECT_DOUBLE_EQ(LearningRate(schedule, 8, 1, 0), 8 * 0.5 * (2.0 / 4));
}

TEST(CheckScheduleTest, WhatIsOutOfRangeIsNamed) {
  const auto refused = [](const LearningRateSchedule& schedule,
                          const char* problem) {
    EXPECT_THAT(
        CheckSchedule(schedule),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(problem)));
  };
  refused({ConstantRate{}, -1}, "warmup_rounds is -1");
  refused({CosineRate{.rounds = 0}}, "cosine.rounds is 0");
  refused({CosineRate{.final_fraction = 1.5, .rounds = 1}},
          "cosine.final_fraction is 1.5");
  refused({CosineRate{.final_fraction = std::nan(""), .rounds = 1}},
          "cosine.final_fraction is nan");
  refused({StepRate{.every_rounds = 0}}, "step.every_rounds is 0");
  refused({StepRate{.every_rounds = 1, .factor = 0}}, "step.factor is 0");
  refused({StepRate{.every_rounds = 1, .factor = 1.01}}, "step.factor is 1.01");
  EXPECT_THAT(CheckSchedule({}), IsOk());
  EXPECT_THAT(CheckSchedule({CosineRate{.rounds = 1}, 7}), IsOk());
  EXPECT_THAT(CheckSchedule({StepRate{.every_rounds = 1}}), IsOk());
}

}  // namespace
}  // namespace shoal::learning
