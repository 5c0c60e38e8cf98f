#include "simulations/run/sweep.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SweepTest, GridHasEveryCombination) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto points,
                             GridPoints({"a.b=1,2", "c={x: [1, 2]},'3,4'"}));
  EXPECT_THAT(points, ElementsAre(ElementsAre("a.b=1", "c={x: [1, 2]}"),
                                  ElementsAre("a.b=1", "c='3,4'"),
                                  ElementsAre("a.b=2", "c={x: [1, 2]}"),
                                  ElementsAre("a.b=2", "c='3,4'")));
}

TEST(SweepTest, NoGridIsOnePoint) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto points, GridPoints({}));
  EXPECT_THAT(points, ElementsAre(ElementsAre()));
}

TEST(SweepTest, WrongGridsAreNamed) {
  for (const std::string grid : {"a", "=1", "a=", "a=1,,2"}) {
    EXPECT_THAT(GridPoints({grid}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("--grid " + grid)));
  }
}

TEST(SweepTest, ComparisonHasMeansAndDeviationsOfRunsWithOneName) {
  std::vector<ReportRun> runs(3);
  runs[0].name = runs[1].name = "fedavg";
  runs[2].name = "fedprox mu 1";
  runs[0].summary.final_test_accuracy = 0.8;
  runs[1].summary.final_test_accuracy = 0.9;
  runs[2].summary.final_test_accuracy = 0.7;
  const std::string text = ComparisonText(runs);
  EXPECT_THAT(text, HasSubstr("85 ± 7.1"));
  EXPECT_THAT(text, HasSubstr("fedprox mu 1     1                70"));
}

TEST(SweepTest, RoundsToATargetLieBetweenTheRoundsAroundIt) {
  ReportRounds rounds;
  rounds.round = {1, 2, 3, 4, 5};
  rounds.test_accuracy = {0.5, 0.9, 0.8, kNotMeasured, 0.94};
  EXPECT_DOUBLE_EQ(RoundsToAccuracy(rounds, 0.25), 0.5);
  EXPECT_DOUBLE_EQ(RoundsToAccuracy(rounds, 0.5), 1);
  EXPECT_DOUBLE_EQ(RoundsToAccuracy(rounds, 0.8), 1.75);
  // The best so far is still that of round 2; round 4 was not scored.
  EXPECT_DOUBLE_EQ(RoundsToAccuracy(rounds, 0.92), 4);
  EXPECT_TRUE(std::isnan(RoundsToAccuracy(rounds, 0.95)));
}

TEST(SweepTest, ComparisonTellsTheRoundsOfThoseThatReachTheTarget) {
  std::vector<ReportRun> runs(3);
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].name = "fedavg";
    runs[i].rounds.round = {1, 2};
    runs[i].rounds.test_accuracy = {0.5, i == 2 ? 0.6 : 0.9};
  }
  const std::string text = ComparisonText(runs, 0.7);
  EXPECT_THAT(text, HasSubstr("rounds to 70 %"));
  EXPECT_THAT(text, HasSubstr("1.5 ± 0 (2 of 3 runs)"));
}

}  // namespace
}  // namespace shoal::simulations
