#include "simulations/report/report_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/simulations/report/example_report.h"

namespace shoal::simulations {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json Parsed(const ReportData& report) {
  return nlohmann::json::parse(ReportJson(report));
}

// The only run of a report.
nlohmann::json ParsedRun(const ReportRun& run) {
  return Parsed({.title = "", .version = "", .runs = {run}})["runs"][0];
}

TEST(ReportJsonTest, HasColumnsByRound) {
  ReportRun run;
  run.rounds.round = {1, 2};
  run.rounds.test_accuracy = {0.25, 0.5};
  run.rounds.dropouts = {{"went offline", {3, 4}}};
  const nlohmann::json rounds = ParsedRun(run)["rounds"];
  EXPECT_EQ(rounds["round"], nlohmann::json({1, 2}));
  EXPECT_EQ(rounds["test_accuracy"], nlohmann::json({0.25, 0.5}));
  EXPECT_EQ(rounds["train_loss"], nlohmann::json::array());
  EXPECT_EQ(rounds["dropouts"][0]["reason"], "went offline");
  EXPECT_EQ(rounds["dropouts"][0]["devices"], nlohmann::json({3, 4}));
}

TEST(ReportJsonTest, WritesNullForWhatWasNotMeasured) {
  ReportRun run;
  run.rounds.round = {1, 2, 3};
  run.rounds.test_loss = {kNotMeasured, std::numeric_limits<double>::infinity(),
                          1};
  const nlohmann::json json = ParsedRun(run);
  EXPECT_EQ(json["rounds"]["test_loss"], nlohmann::json({nullptr, nullptr, 1}));
  EXPECT_TRUE(json["summary"]["epsilon"].is_null());
  EXPECT_TRUE(json["baselines"]["local_accuracy"].is_null());
  EXPECT_TRUE(json["devices"]["never_taken_part"].is_null());
}

TEST(ReportJsonTest, SummarisesDevicesByQuantiles) {
  ReportRun run;
  run.devices.total = 1000;
  for (int i = 0; i < 1000; ++i) {
    run.devices.rounds_taken_part.push_back(999 - i);
  }
  const nlohmann::json devices = ParsedRun(run)["devices"];
  EXPECT_EQ(devices["total"], 1000);
  EXPECT_EQ(devices["never_taken_part"], 1);
  ASSERT_EQ(devices["rounds_taken_part"].size(), kReportQuantiles);
  EXPECT_EQ(devices["rounds_taken_part"][0], 0);
  EXPECT_EQ(devices["rounds_taken_part"][1], 5);
  EXPECT_EQ(devices["rounds_taken_part"][100], 500);
  EXPECT_EQ(devices["rounds_taken_part"][200], 999);
}

TEST(ReportJsonTest, CountsDevicesThatAreBetterThanAlone) {
  ReportRun run;
  run.devices.federated_accuracy = {0.9, 0.4, 0.8, kNotMeasured};
  run.devices.alone_accuracy = {0.5, 0.5, 0.8, 0.1};
  EXPECT_DOUBLE_EQ(ParsedRun(run)["devices"]["better_than_alone_fraction"],
                   1.0 / 3);
}

TEST(ReportJsonTest, HasOneRowOfExamplesPerDevice) {
  ReportRun run;
  run.labels = {{"a", "b"}, {"0", "1", "2"}, {1, 2, 3, 4, 5, 6}};
  const nlohmann::json labels = ParsedRun(run)["labels"];
  EXPECT_EQ(labels["devices"], nlohmann::json({"a", "b"}));
  EXPECT_EQ(labels["classes"], nlohmann::json({"0", "1", "2"}));
  EXPECT_EQ(labels["examples"][0], nlohmann::json({1, 2, 3}));
  EXPECT_EQ(labels["examples"][1], nlohmann::json({4, 5, 6}));
}

TEST(ReportJsonTest, KeepsAllDigitsOfASeed) {
  ReportRun run;
  run.seed = 18446744073709551615u;
  EXPECT_EQ(ParsedRun(run)["seed"], "18446744073709551615");
}

TEST(ReportJsonTest, HasNoCharacterThatCouldEndTheScriptElement) {
  const std::string evil = "</script><!--<script>\xe2\x80\xa8 \"'&";
  ReportRun run;
  run.name = evil;
  run.labels = {{evil}, {evil}, {1}};
  run.rounds.dropouts = {{evil, {}}};
  const ReportData report = {
      .title = evil, .version = evil, .notes = {evil}, .runs = {run}};
  const std::string json = ReportJson(report);
  EXPECT_THAT(json, Not(HasSubstr("<")));
  for (const char character : json) {
    EXPECT_GE(character, 0x20);
    EXPECT_LT(character, 0x7f);
  }
  EXPECT_EQ(Parsed(report)["title"], evil);
  EXPECT_EQ(Parsed(report)["runs"][0]["labels"]["devices"][0], evil);
}

TEST(ReportJsonTest, ReplacesInvalidUtf8) {
  ReportRun run;
  run.name = "a\xff\x62";
  EXPECT_EQ(ParsedRun(run)["name"], "a\xef\xbf\xbd\x62");
}

TEST(ReportJsonDeathTest, StopsAtColumnsOfDifferentLengths) {
  ReportRun run;
  run.rounds.round = {1, 2};
  run.rounds.test_loss = {1};
  EXPECT_DEATH(ParsedRun(run), "values.size\\(\\) == num_rounds");
}

TEST(ReportJsonTest, DoesNotGrowWithTheFleet) {
  ReportData report = ExampleRun();
  const size_t before = ReportJson(report).size();
  report.runs[0].devices.total = 1'000'000;
  report.runs[0].devices.rounds_taken_part.assign(1'000'000, 7);
  EXPECT_LT(ReportJson(report).size(), before + 100);
}

}  // namespace
}  // namespace shoal::simulations
