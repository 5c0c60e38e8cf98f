// `shoal-sim run` with differential privacy, as a user calls it.
#include "tests/integration/run_fixture.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;

class PrivateRunTest : public RunTest {
 protected:
  // Every committed round draws each device with probability 0.2.
  static std::vector<std::string> Sampled(const std::string& rounds,
                                          const std::string& budget) {
    return {"rounds=" + rounds, "round={cohort: 6, deadline: 10min}",
            "differential_privacy={central: {sampling_rate: 0.2, "
            "noise_multiplier: 1}, clip_norm: 0.5, budget: {epsilon: " +
                budget + ", delta: 1e-5}}"};
  }
  nlohmann::json Summary() {
    return nlohmann::json::parse(Out("summary.json"));
  }
};

TEST_F(PrivateRunTest, EpsilonRisesFromRoundToRoundToThatOfTheSummary) {
  ASSERT_EQ(Call(RunTo("out", Sampled("5", "20"))), 0) << Log();
  const Rows rows = Table("rounds.csv");
  ASSERT_EQ(rows.size(), 6u);
  double last = 0;
  for (size_t row = 1; row < rows.size(); ++row) {
    const double epsilon = std::stod(Cell(rows, row, "epsilon"));
    EXPECT_GT(epsilon, last) << "round " << row;
    last = epsilon;
  }
  const auto summary = Summary();
  EXPECT_EQ(summary["epsilon"], last);
  EXPECT_EQ(summary["differential_privacy"]["budget"], 20);
  EXPECT_THAT(Out("report.html"), HasSubstr("\"epsilon_budget\":20"));
}

TEST_F(PrivateRunTest, LongRunsHaveEpsilonOfAHundredRoundsEvenlySpread) {
  ASSERT_EQ(Call(RunTo("out", Sampled("250", "100"))), 0) << Log();
  const Rows rows = Table("rounds.csv");
  std::vector<int> rounds;
  for (size_t row = 1; row < rows.size(); ++row) {
    if (!Cell(rows, row, "epsilon").empty()) {
      rounds.push_back(std::stoi(Cell(rows, row, "round")));
    }
  }
  ASSERT_EQ(rounds.size(), 100u);
  EXPECT_EQ(rounds.back(), 250);
  for (size_t i = 1; i < rounds.size(); ++i) {
    EXPECT_LE(rounds[i] - rounds[i - 1], 3) << "after round " << rounds[i];
  }
}

TEST_F(PrivateRunTest, BudgetEndsTheRunWithWhatWasSpent) {
  EXPECT_EQ(Call(RunTo("out", Sampled("200", "8"))), 1);
  EXPECT_THAT(Log(), HasSubstr("the privacy budget of population 'tiny' is"));
  const auto summary = Summary();
  const double spent = summary["epsilon"];
  EXPECT_GT(spent, 7);
  EXPECT_LE(spent, 8);
  const Rows rows = Table("rounds.csv");
  EXPECT_EQ(std::stod(Cell(rows, rows.size() - 1, "epsilon")), spent);
}

TEST_F(PrivateRunTest, TimeLimitLeavesWhatWasSpent) {
  std::vector<std::string> settings = Sampled("200", "100");
  settings.push_back("simulation.time_limit=65min");
  EXPECT_EQ(Call(RunTo("out", settings)), 1);
  EXPECT_THAT(Log(), HasSubstr("of 200 rounds after 1 h 5 min"));
  const auto summary = Summary();
  EXPECT_EQ(summary["rounds_completed"], 6);
  EXPECT_EQ(summary["differential_privacy"]["charges"], 6);
  const Rows rows = Table("rounds.csv");
  EXPECT_EQ(std::stod(Cell(rows, rows.size() - 1, "epsilon")),
            summary["epsilon"].get<double>());
}

TEST_F(PrivateRunTest, KilledRunGoesOnToTheSameEnd) {
  const std::vector<std::string> settings = Sampled("120", "100");
  ASSERT_EQ(Call(RunTo("out", settings)), 0) << Log();
  KillAndResume("killed", settings);
  for (const char* file : {"rounds.csv", "devices.csv"}) {
    EXPECT_EQ(Out(file), Out(file, "killed")) << file;
  }
}

TEST_F(PrivateRunTest, RunsWithoutPrivacySpendNothing) {
  ASSERT_EQ(Call(RunTo("out", {})), 0) << Log();
  EXPECT_TRUE(Summary()["epsilon"].is_null());
  const Rows rows = Table("rounds.csv");
  for (size_t row = 1; row < rows.size(); ++row) {
    EXPECT_EQ(Cell(rows, row, "epsilon"), "");
  }
}

}  // namespace
}  // namespace shoal::testing
