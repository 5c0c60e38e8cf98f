// `shoal-sim run` with secure aggregation, as a user calls it.
#include "tests/integration/run_fixture.h"

namespace shoal::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SecureRunTest : public RunTest {
 protected:
  static std::vector<std::string> Secure(std::vector<std::string> settings) {
    settings.insert(settings.begin(),
                    "secure_aggregation={min_group: 4, dropout_fraction: 0.3}");
    return settings;
  }
  static std::string Leaving(const std::string& crypto,
                             const std::string& leave) {
    return "simulation.secure_aggregation={crypto: " + crypto + ", leave: {" +
           leave + "}}";
  }
  void ExpectSameResults(const std::string& a, const std::string& b,
                         const std::string& model) {
    for (const std::string& file :
         {std::string("rounds.csv"), std::string("devices.csv"), model}) {
      EXPECT_TRUE(Out(file, a) == Out(file, b)) << file << " of " << b;
    }
  }
};

TEST_F(SecureRunTest, SkippedCryptographyIsToldAndChangesNoResult) {
  const std::string leave = "sharing: 0.05, masking: 0.05, unmasking: 0.02";
  ASSERT_EQ(Call(RunTo("real", Secure({Leaving("real", leave)}))), 0) << Log();
  EXPECT_THAT(Log(), AllOf(HasSubstr("devices mask their updates"),
                           HasSubstr("\n  secure sums       "),
                           Not(HasSubstr("skipped"))));
  ASSERT_EQ(Call(RunTo("skip", Secure({Leaving("skip", leave)}))), 0) << Log();
  EXPECT_THAT(Log(), AllOf(HasSubstr("simulated: keys and masks are skipped"),
                           HasSubstr("simulated: keys and masks skipped\n")));
  ExpectSameResults("real", "skip", "models/version-000004.shoal");
  auto real = nlohmann::json::parse(Out("summary.json", "real"));
  auto skip = nlohmann::json::parse(Out("summary.json", "skip"));
  EXPECT_EQ(real["secure_aggregation"]["cryptography"], "real");
  EXPECT_EQ(skip["secure_aggregation"]["cryptography"], "skipped");
  EXPECT_GE(real["secure_aggregation"]["groups_formed"], 4);
  EXPECT_GE(real["secure_aggregation"]["smallest_sum"], 3);
  for (auto* summary : {&real, &skip}) {
    (*summary)["secure_aggregation"].erase("cryptography");
  }
  EXPECT_EQ(real["secure_aggregation"], skip["secure_aggregation"]);
  for (const char* number : {"bytes_up", "bytes_down", "energy_joules",
                             "virtual_seconds", "final_test_loss"}) {
    EXPECT_EQ(real[number], skip[number]) << number;
  }
  EXPECT_THAT(Out("report.html", "skip"),
              HasSubstr("keys and masks were skipped"));
  EXPECT_THAT(Out("report.html", "real"),
              AllOf(HasSubstr("has learned sums of updates alone"),
                    Not(HasSubstr("skipped"))));
}

TEST_F(SecureRunTest, BurntGroupsAreCountedWithTheirReason) {
  ASSERT_EQ(Call(RunTo("burnt", Secure({Leaving("skip", "masking: 0.35")}))), 0)
      << Log();
  const auto summary = nlohmann::json::parse(Out("summary.json", "burnt"));
  EXPECT_EQ(summary["rounds_completed"], 4);
  EXPECT_GT(summary["secure_aggregation"]["groups_burnt"], 0);
  const auto last =
      summary["secure_aggregation"]["last_burnt"].get<std::string>();
  EXPECT_THAT(last, AnyOf(HasSubstr(", expected at least "),
                          HasSubstr("too few holders of the shares of")));
  EXPECT_THAT(Log(), HasSubstr(" burnt, the last: " + last));
  EXPECT_THAT(Out("report.html", "burnt"), HasSubstr("could not finish"));
}

TEST_F(SecureRunTest, KilledRunGoesOnToTheSameEnd) {
  const std::vector<std::string> settings = {
      "rounds=300", Leaving("real", "masking: 0.05, unmasking: 0.02")};
  ASSERT_EQ(Call(RunTo("whole", Secure(settings))), 0) << Log();
  KillAndResume("killed", Secure(settings));
  ExpectSameResults("whole", "killed", "models/version-000300.shoal");
  EXPECT_EQ(
      nlohmann::json::parse(Out("summary.json", "whole"))["secure_aggregation"],
      nlohmann::json::parse(
          Out("summary.json", "killed"))["secure_aggregation"]);
}

TEST_F(SecureRunTest, NumberOfProcessesChangesNothing) {
  if (!std::filesystem::exists(kMpirun)) GTEST_SKIP() << kMpirun << " missing";
  const std::vector<std::string> settings = {Leaving("real", "masking: 0.05")};
  ASSERT_EQ(Call(RunTo("one", Secure(settings))), 0) << Log();
  ASSERT_EQ(CallCrew(2, RunTo("two", Secure(settings))), 0) << Log();
  ExpectSameResults("one", "two", "models/version-000004.shoal");
}

TEST_F(SecureRunTest, SettingsWithoutATaskThatAsksForThemAreRefused) {
  EXPECT_EQ(Call({"run", scenario_, "--set",
                  "simulation.secure_aggregation.crypto=skip"}),
            2);
  EXPECT_THAT(Log(), HasSubstr("the task does not ask for secure aggregation"));
}

}  // namespace
}  // namespace shoal::testing
