// Runs the program shoal-sim with real processes, as a user does.
#include <signal.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "base/child_process.h"
#include "base/file.h"
#include "configuration/programs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Ne;
using ::testing::Not;

constexpr char kScenario[] = R"(
task:
  name: tiny
  population: tiny
  model: {mlp: {inputs: 784, hidden: [8], outputs: 10}}
  training: {epochs: 1, batch_size: 10, learning_rate: 0.1}
  round: {cohort: 4, over_selection: 1, min_reports: 4, deadline: 30s}
  rounds: 2
population:
  devices: 4
  data: {handwriting: {seed: 1, mean_examples: 20}}
seed: 7
)";

// Command lines, by id, of processes that mention `text`: every process of a
// live run has its temporary folder in its arguments.
std::map<int, std::string> ProcessesWith(const std::string& text) {
  std::map<int, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int id = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &id)) continue;
    const auto command = ReadFile(entry.path().string() + "/cmdline");
    if (command.ok() && absl::StrContains(*command, text)) {
      found.emplace(id, *command);
    }
  }
  return found;
}

class LiveTest : public ::testing::Test {
 protected:
  LiveTest() {
    EXPECT_THAT(MakeFolders(temporary_), IsOk());
    EXPECT_THAT(WriteFileAtomically(scenario_, kScenario), IsOk());
  }

  std::unique_ptr<ChildProcess> Start(std::vector<std::string> arguments) {
    const std::string bin = std::filesystem::path(ExecutableFolder())
                                .parent_path()
                                .append("bin/shoal-sim");
    arguments.insert(arguments.begin(), {bin, "live"});
    auto process = ChildProcess::Start({.command = arguments,
                                        .environment = {"TMPDIR=" + temporary_},
                                        .log_path = log_});
    EXPECT_THAT(process, IsOk());
    return process.ok() ? *std::move(process) : nullptr;
  }
  // A run that would take long, returned once its agents run.
  void StartLongRun(std::unique_ptr<ChildProcess>& process) {
    process = Start({scenario_, "--rounds", "100000"});
    ASSERT_NE(process, nullptr);
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (ProcessesWith(temporary_).size() < 5 && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    ASSERT_EQ(ProcessesWith(temporary_).size(), 5u) << Log();
  }
  void AwaitNoProcess() {
    for (const absl::Time deadline = absl::Now() + absl::Seconds(10);
         !ProcessesWith(temporary_).empty() && absl::Now() < deadline;) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    EXPECT_THAT(ProcessesWith(temporary_), IsEmpty());
  }
  // What the runs have left in $TMPDIR.
  std::vector<std::string> Folders() const {
    std::vector<std::string> folders;
    for (const auto& entry : std::filesystem::directory_iterator(temporary_)) {
      folders.push_back(entry.path().string());
    }
    return folders;
  }
  std::string Log() { return TailOfFile(log_, 100); }

  const TemporaryFolder folder_;
  const std::string temporary_ = folder_.path() + "/tmp";
  const std::string scenario_ = folder_.path() + "/tiny.yaml";
  const std::string out_ = folder_.path() + "/out";
  const std::string log_ = folder_.path() + "/log";
};

// Six of the twenty devices cannot pay for a whole round.
TEST_F(LiveTest, DevicesThatRunOutOfEnergyCountWithWhatTheyDid) {
  auto process = Start(
      {"--mixed", "--no-secure-aggregation", "--rounds", "2", "--out", out_});
  ASSERT_NE(process, nullptr);
  const auto exit = process->Wait(absl::Seconds(120));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("8 gateway, 6 phone, 6 sensor"));
  EXPECT_THAT(Log(), HasSubstr("did less work than planned"));
  EXPECT_THAT(Log(), HasSubstr("for lack of energy"));
  const auto summary = nlohmann::json::parse(*ReadFile(out_ + "/summary.json"));
  EXPECT_GT(summary["partial_reports"], 0);
  EXPECT_LE(summary["partial_reports"], 12);
}

// They are in the sums, and the coordinator cannot tell them from others.
TEST_F(LiveTest, MixedDevicesAggregateSecurely) {
  auto process = Start({"--mixed", "--rounds", "2", "--out", out_});
  ASSERT_NE(process, nullptr);
  const auto exit = process->Wait(absl::Seconds(120));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("the coordinator saw sums of updates alone"));
  EXPECT_THAT(Log(), Not(HasSubstr("did less work than planned")));
  const auto summary = nlohmann::json::parse(*ReadFile(out_ + "/summary.json"));
  EXPECT_EQ(summary["secure_aggregation"], true);
  EXPECT_TRUE(summary["partial_reports"].is_null());
  // More than the fourteen that can pay for a whole round.
  EXPECT_GE(summary["reports"], 2 * 15);
}

TEST_F(LiveTest, RunEndsWithResultsAndLeavesNothingBehind) {
  const auto process = Start({scenario_, "--out", out_});
  ASSERT_NE(process, nullptr);
  const auto exit = process->Wait(absl::Seconds(100));
  ASSERT_TRUE(exit.has_value()) << Log();
  ASSERT_EQ(exit->code, 0) << Log();

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string text,
                             ReadFile(out_ + "/summary.json"));
  const auto summary = nlohmann::json::parse(text);
  EXPECT_EQ(summary["rounds_completed"], 2);
  EXPECT_EQ(summary["devices"], 4);
  EXPECT_EQ(summary["seed"], 7);
  EXPECT_GT(summary["final_test_accuracy"], 0.1);
  EXPECT_GT(summary["final_test_loss"], 0);
  EXPECT_GT(summary["mean_local_only_accuracy"], 0);
  EXPECT_GT(summary["wall_seconds"], 0);
  // 2 rounds of 4 updates and models of 6370 floats.
  EXPECT_GE(summary["bytes_up"], 2 * 4 * 6370 * 4);
  EXPECT_GE(summary["bytes_down"], 2 * 4 * 6370 * 4);
  EXPECT_TRUE(summary["version"].is_string());

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string model,
                             ReadFile(out_ + "/models/version-000002.shoal"));
  EXPECT_THAT(learning::ParseModel(model), IsOk());
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string rounds,
                             ReadFile(out_ + "/rounds.csv"));
  EXPECT_THAT(rounds, HasSubstr(",committed,4,4,"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario, configuration::LoadScenario(
                                                      out_ + "/scenario.yaml"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto given,
                             configuration::LoadScenario(scenario_));
  EXPECT_EQ(scenario.task, given.task);
  EXPECT_THAT(Log(), HasSubstr("Its dashboard, until the end: http://127."));
  EXPECT_THAT(Log(), HasSubstr("Try next:"));
  EXPECT_THAT(ProcessesWith(temporary_), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(temporary_));
}

// y = 3 + 2 x1 - x2, of features a million apart in size, some missing.
std::string Table() {
  std::string table = "x1,x2,y\n";
  for (int i = 0; i < 600; ++i) {
    const int x1 = i * 37 % 101, x2 = i * 53 % 97;
    absl::StrAppend(&table, x1, "e6,");
    if (i % 30 != 0) absl::StrAppend(&table, x2, "e-3");
    absl::StrAppend(&table, ",", 3 + 2 * x1 - x2, "\n");
  }
  return table;
}

// A play of four speakers who count.
std::string Play() {
  std::string play;
  for (int speech = 0; speech < 24; ++speech) {
    absl::StrAppend(&play, "SPEAKER ", speech % 4, ":\n");
    for (int line = 0; line < 8; ++line) {
      absl::StrAppend(&play, "one two three four five six seven\n");
    }
    absl::StrAppend(&play, "\n");
  }
  return play;
}

TEST_F(LiveTest, TableOfValuesIsLearntFromFeaturesOfAnySize) {
  const std::string table = folder_.path() + "/table.csv";
  SHOAL_ASSERT_OK(WriteFileAtomically(table, Table()));
  const auto process =
      Start({"--data", "csv:" + table, "--target", "y", "--devices", "4",
             "--rounds", "20", "--out", out_});
  ASSERT_NE(process, nullptr);
  const auto exit = process->Wait(absl::Seconds(100));
  ASSERT_TRUE(exit.has_value());
  ASSERT_EQ(exit->code, 0) << Log();
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string text,
                             ReadFile(out_ + "/summary.json"));
  const auto summary = nlohmann::json::parse(text);
  EXPECT_EQ(summary["measure"], "rmse");
  EXPECT_FALSE(summary.contains("final_test_accuracy"));
  // The values deviate by 65; a missing x2 costs 28 where it is missing.
  EXPECT_LT(summary["final_test_rmse"], 20) << Log();
  EXPECT_EQ(summary["device_rmse"].size(), 4u);
  EXPECT_THAT(Log(), HasSubstr("root mean squared error"));
  EXPECT_THAT(Log(), Not(HasSubstr("accuracy")));
}

TEST_F(LiveTest, TextIsLearntFromItsSpeakers) {
  const std::string play = folder_.path() + "/play.txt";
  SHOAL_ASSERT_OK(WriteFileAtomically(play, Play()));
  const auto process = Start({"--data", "text:" + play, "--devices", "4",
                              "--rounds", "3", "--out", out_});
  ASSERT_NE(process, nullptr);
  const auto exit = process->Wait(absl::Seconds(100));
  ASSERT_TRUE(exit.has_value());
  ASSERT_EQ(exit->code, 0) << Log();
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string text,
                             ReadFile(out_ + "/summary.json"));
  const auto summary = nlohmann::json::parse(text);
  EXPECT_EQ(summary["measure"], "accuracy");
  // Guesses among 97 characters have a loss of 4.6.
  EXPECT_LT(summary["final_test_loss"], 3.6) << Log();
  EXPECT_THAT(Log(), HasSubstr("next-character accuracy"));
}

// After two rounds the shared part is far from what batch norm's initial
// statistics fit; the devices' own do fit.
TEST_F(LiveTest, PrivateLayersAreScoredWithTheDevicesOwnValues) {
  const std::string text = absl::StrReplaceAll(
      kScenario, {{"{mlp: {inputs: 784, hidden: [8], outputs: 10}}",
                   "{network: {input: [784], layers: [{dense: {units: 8}}, "
                   "{batch_norm: {}}, "
                   "{dense: {units: 10}}]}}"}});
  ASSERT_THAT(WriteFileAtomically(scenario_, text), IsOk());
  const auto process = Start({scenario_, "--out", out_});
  ASSERT_NE(process, nullptr);
  const auto exit = process->Wait(absl::Seconds(100));
  ASSERT_TRUE(exit.has_value()) << Log();
  ASSERT_EQ(exit->code, 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("The model has private layers"));
  EXPECT_THAT(Log(), HasSubstr("(32 values) at their initial values"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string json,
                             ReadFile(out_ + "/summary.json"));
  const auto summary = nlohmann::json::parse(json);
  EXPECT_EQ(summary["private_parameters"], 32);
  ASSERT_EQ(summary["personal_accuracy"].size(), 4u);
  // Somebody's own values score differently from the initial ones.
  EXPECT_THAT(summary["personal_accuracy"].get<std::vector<double>>(),
              Contains(Ne(summary["final_test_accuracy"].get<double>())));
}

TEST_F(LiveTest, InterruptionEndsEveryProcess) {
  std::unique_ptr<ChildProcess> process;
  ASSERT_NO_FATAL_FAILURE(StartLongRun(process));
  process->Signal(SIGINT);
  const auto exit = process->Wait(absl::Seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 1) << Log();
  EXPECT_THAT(Log(), HasSubstr("interrupted"));
  EXPECT_THAT(ProcessesWith(temporary_), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(temporary_));
}

TEST_F(LiveTest, AgentThatDiesIsTold) {
  const std::string text = absl::StrReplaceAll(
      kScenario, {{"over_selection: 1", "over_selection: 1.5"},
                  {"cohort: 4", "cohort: 2"},
                  {"min_reports: 4", "min_reports: 2"}});
  SHOAL_ASSERT_OK(WriteFileAtomically(scenario_, text));
  std::unique_ptr<ChildProcess> process;
  ASSERT_NO_FATAL_FAILURE(StartLongRun(process));
  for (const auto& [id, command] : ProcessesWith(temporary_)) {
    if (absl::StrContains(command, "device-2.yaml")) kill(id, SIGKILL);
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!absl::StrContains(Log(), "device-2") && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_THAT(Log(), HasSubstr("the agent of device-2 was killed by signal 9"));
  EXPECT_FALSE(process->Poll().has_value()) << Log();
}

TEST_F(LiveTest, NextRunRemovesWhatAKilledOneLeftAndSparesARunningOne) {
  // A run has a folder to work in and, without --out, one for its results.
  std::unique_ptr<ChildProcess> killed;
  ASSERT_NO_FATAL_FAILURE(StartLongRun(killed));
  killed->Kill();
  AwaitNoProcess();
  const std::vector<std::string> left = Folders();
  ASSERT_EQ(left.size(), 2u);

  std::unique_ptr<ChildProcess> running;
  ASSERT_NO_FATAL_FAILURE(StartLongRun(running));
  const std::vector<std::string> used = Folders();
  ASSERT_EQ(used.size(), 2u);
  for (const std::string& path : left) {
    EXPECT_FALSE(std::filesystem::exists(path)) << path;
  }

  const auto short_run = Start({scenario_, "--rounds", "1"});
  const auto exit = short_run->Wait(absl::Seconds(100));
  ASSERT_TRUE(exit.has_value() && exit->code == 0) << Log();
  for (const std::string& path : used) {
    EXPECT_TRUE(std::filesystem::exists(path)) << path;
  }
}

TEST_F(LiveTest, ResultsThatNobodyAskedForStayUntilTheNextRun) {
  std::string first;
  for (int run = 0; run < 2; ++run) {
    const auto process = Start({scenario_, "--rounds", "1"});
    const auto exit = process->Wait(absl::Seconds(100));
    ASSERT_TRUE(exit.has_value() && exit->code == 0) << Log();
    EXPECT_THAT(Log(), HasSubstr("(until the next run; --out DIR keeps them)"));
    ASSERT_EQ(Folders().size(), 1u);
    EXPECT_NE(Folders().front(), first);
    first = Folders().front();
    EXPECT_THAT(Log(), HasSubstr(first + "/models/version-000001.shoal"));
    EXPECT_TRUE(std::filesystem::exists(first + "/summary.json"));
  }
}

TEST_F(LiveTest, KilledRunLeavesNoProcess) {
  std::unique_ptr<ChildProcess> process;
  ASSERT_NO_FATAL_FAILURE(StartLongRun(process));
  process->Kill();
  AwaitNoProcess();
}

TEST_F(LiveTest, HelpHasExamples) {
  const auto process = Start({"--help"});
  ASSERT_NE(process, nullptr);
  const auto exit = process->Wait(absl::Seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 0);
  EXPECT_THAT(Log(), HasSubstr("Examples:\n  shoal-sim live\n"));
}

TEST_F(LiveTest, WrongArgumentsAreUsageErrors) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--algorithm", "nonsense"},
        std::vector<std::string>{"--data", "mnist:/nowhere"},
        std::vector<std::string>{"--data", "csv:" + temporary_, "--label", "x"},
        std::vector<std::string>{"--out", scenario_},
        std::vector<std::string>{"/nowhere.yaml"},
        std::vector<std::string>{"--no-such-option"}}) {
    const auto process = Start(arguments);
    ASSERT_NE(process, nullptr);
    const auto exit = process->Wait(absl::Seconds(30));
    ASSERT_TRUE(exit.has_value());
    EXPECT_EQ(exit->code, 2) << arguments[0] << "\n" << Log();
  }
}

}  // namespace
}  // namespace shoal::testing
