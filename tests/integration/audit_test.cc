// `shoal-sim audit`, as a user calls it.
#include "tests/integration/run_fixture.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kPrivacy[] =
    "differential_privacy={central: {}, clip_norm: 0.5, budget: {epsilon: 20, "
    "delta: 1e-5}}";

// All that a user gives but the scenario and its privacy.
class AuditTest : public RunTest {
 protected:
  std::vector<std::string> Audit(std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "audit",
        scenario_,
        "--canaries",
        "40",
        "--set",
        "population.devices_model={mix: [{class: phone, share: 1}]}",
        "--set",
        "round.cohort=60",
        "--set",
        "round.min_reports=30",
        "--set",
        "round.over_selection=1",
        "--set",
        "rounds=2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

TEST_F(AuditTest, CohortWithoutRoomForTheCanariesIsRefused) {
  EXPECT_EQ(Call({"audit", scenario_, "--set",
                  "round={cohort: 6, deadline: 10min}", "--set",
                  "differential_privacy={central: {sampling_rate: 0.2, "
                  "noise_multiplier: 1}, clip_norm: 0.5, budget: {epsilon: 20, "
                  "delta: 1e-5}}",
                  "--canaries", "400"}),
            2);
  EXPECT_THAT(Log(), HasSubstr("task.round.cohort: 6, whose rounds have 58 "
                               "places, but of 30 devices and 400 canaries "
                               "one draws about 86: expected a cohort of 86"));
}

TEST_F(AuditTest, ConfidenceThatIsNoNumberIsRefused) {
  EXPECT_EQ(Call({"audit", scenario_, "--confidence", "nan"}), 2);
  EXPECT_THAT(Log(), HasSubstr("'nan', expected a number from 0.5 to "
                               "0.999999999"));
}

TEST_F(AuditTest, PrintsTheLowerBoundBesideTheClaim) {
  ASSERT_EQ(Call(Audit({"--set", kPrivacy})), 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("40 canaries among 30 devices"));
  EXPECT_THAT(Log(), HasSubstr("claimed           epsilon 20 at delta 1e-05"));
  EXPECT_THAT(Log(), HasSubstr(", with 95 % confidence"));
  EXPECT_THAT(Log(), HasSubstr("The audit does not contradict the claim."));
}

TEST_F(AuditTest, JsonHasAllOfIt) {
  ASSERT_EQ(Call(Audit({"--set", kPrivacy, "--json", "--confidence", "0.9"})),
            0)
      << Log();
  const std::string log = Log();
  const auto json = nlohmann::json::parse(log.substr(log.find("{\n")));
  EXPECT_NEAR(json["epsilon"].get<double>(), 20, 1e-3);
  EXPECT_EQ(json["confidence"], 0.9);
  EXPECT_EQ(json["falsified"], false);
  EXPECT_LE(json["epsilon_lower_bound"].get<double>(),
            json["largest_provable_epsilon"].get<double>());
  EXPECT_EQ(json["canaries"]["in"].get<int>() +
                json["canaries"]["held_out"].get<int>() +
                json["canaries"]["never_took_part"].get<int>(),
            40);
  EXPECT_EQ(json["canaries"]["participations"]["allowed"], 2);
  EXPECT_EQ(json["adversaries"].size(), 3u);
  EXPECT_EQ(json["rounds_completed"], 2);
}

TEST_F(AuditTest, TasksThatClaimNothingAreRefused) {
  EXPECT_EQ(Call(Audit({})), 2);
  EXPECT_THAT(Log(), HasSubstr("task.differential_privacy: missing: without it "
                               "a task claims no privacy"));
}

TEST_F(AuditTest, SchedulesAreRefused) {
  const std::string path = folder_.path() + "/schedule";
  EXPECT_THAT(WriteFileAtomically(path, "0 1\n2 3\n"), IsOk());
  EXPECT_EQ(
      Call(Audit({"--set", kPrivacy, "--set", "simulation.schedule=" + path,
                  "--set", "round.min_reports=1"})),
      2);
  EXPECT_THAT(Log(), HasSubstr("simulation.schedule: "));
}

TEST_F(AuditTest, TooFewCanariesAreRefused) {
  EXPECT_EQ(Call(Audit({"--set", kPrivacy, "--canaries", "5"})), 2);
  EXPECT_THAT(Log(), HasSubstr("--canaries"));
}

}  // namespace
}  // namespace shoal::testing
