#include "simulations/run/comparison.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ComparisonTest, HasMeansAndDeviationsOfRunsWithOneName) {
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

TEST(ComparisonTest, EpsilonIsRoundedUp) {
  std::vector<ReportRun> runs(1);
  runs[0].name = "private";
  EXPECT_THAT(ComparisonText(runs), Not(HasSubstr("epsilon")));
  for (const auto& [epsilon, text] :
       std::vector<std::pair<double, std::string>>{{3.214401, " 3.215\n"},
                                                   {3.2144, " 3.215\n"},
                                                   {4, " 4\n"},
                                                   {0.3, " 0.3\n"},
                                                   {0, " 0\n"}}) {
    runs[0].summary.epsilon = epsilon;
    EXPECT_THAT(ComparisonText(runs), HasSubstr(text)) << epsilon;
  }
  std::vector<ReportRun> two(2);
  two[0].summary.epsilon = 1;
  two[1].summary.epsilon = 1.0021;  // 1.00105 in the mean
  EXPECT_THAT(ComparisonText(two), HasSubstr(" 1.002 ± "));
  const auto json = nlohmann::json::parse(ComparisonJson(runs, {"a"}, "r"));
  EXPECT_EQ(json["runs"][0]["epsilon"], 0);
}

TEST(ComparisonTest, RoundsToATargetLieBetweenTheRoundsAroundIt) {
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

TEST(ComparisonTest, TellsTheRoundsOfThoseThatReachTheTarget) {
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

TEST(ComparisonTest, RunsThatAreAlikeHaveNoDeviation) {
  std::vector<ReportRun> runs(3);
  for (ReportRun& run : runs) run.summary.final_test_loss = 1.256579716843978;
  EXPECT_THAT(ComparisonText(runs), HasSubstr("1.257 ± 0\n"));
}

TEST(ComparisonTest, ValueThatSomeRunsLackIsNotPassedOver) {
  std::vector<ReportRun> runs(3);
  runs[0].summary.final_test_loss = 1;
  runs[1].summary.final_test_loss = 3;
  runs[1].summary.ended_early = "at its time limit";
  EXPECT_THAT(ComparisonText(runs),
              HasSubstr("2 ± 1.4 (2 of 3 runs)  1 ended early"));
}

TEST(ComparisonTest, ValuesAreComparedByTheirError) {
  std::vector<ReportRun> runs(1);
  runs[0].summary.final_test_rmse = 0.75;
  EXPECT_THAT(ComparisonText(runs), HasSubstr("rmse"));
  EXPECT_THAT(ComparisonText(runs), HasSubstr("0.75"));
  EXPECT_THAT(ComparisonText(runs), Not(HasSubstr("accuracy")));
}

TEST(ComparisonTest, JsonHasEveryRun) {
  std::vector<ReportRun> runs(2);
  runs[1].name = "b";
  runs[1].seed = 3;
  runs[1].summary.final_test_accuracy = 0.5;
  const auto json =
      nlohmann::json::parse(ComparisonJson(runs, {"x", "y"}, "r.html"));
  EXPECT_EQ(json["report"], "r.html");
  EXPECT_TRUE(json["runs"][0]["final_test_accuracy"].is_null());
  EXPECT_EQ(json["runs"][1]["folder"], "y");
  EXPECT_EQ(json["runs"][1]["seed"], 3);
  EXPECT_EQ(json["runs"][1]["final_test_accuracy"], 0.5);
}

}  // namespace
}  // namespace shoal::simulations
