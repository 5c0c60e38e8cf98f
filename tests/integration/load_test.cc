// `shoal-sim run --live` against a real shoald, as a user calls it.
#include <signal.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/child_process.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulations/live/operator_client.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using simulations::OperatorClient;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kScenario[] = R"(
task:
  name: tiny
  population: tiny
  model: {logistic: {inputs: 784, outputs: 10}}
  training: {epochs: 1, batch_size: 10, learning_rate: 0.1}
  round: {cohort: 40, over_selection: 1.3, min_reports: 20, deadline: 20s}
  rounds: 5
population:
  devices: 200
  data: {handwriting: {seed: 1, mean_examples: 10}}
seed: 7
)";

std::string Bin(const std::string& program) {
  return std::filesystem::path(ExecutableFolder())
      .parent_path()
      .append("bin/" + program);
}

class LoadTest : public ::testing::Test {
 protected:
  LoadTest() { EXPECT_THAT(WriteFileAtomically(scenario_, kScenario), IsOk()); }

  // On the port that it had before, if any.
  void StartCoordinator(bool insecure = true) {
    std::filesystem::remove(data_ + "/endpoints.json");
    std::vector<std::string> command = {Bin("shoald"),   "--dev",    "--data",
                                        data_,           "--listen", address_,
                                        "--http-listen", "none"};
    if (insecure) command.push_back("--insecure");
    auto started = ChildProcess::Start({command, {}, coordinator_log_});
    ASSERT_THAT(started, IsOk());
    coordinator_ = *std::move(started);
    ASSERT_TRUE(Await([this] {
      return std::filesystem::exists(data_ + "/endpoints.json");
    })) << TailOfFile(coordinator_log_, 20);
    const auto text = ReadFile(data_ + "/endpoints.json");
    ASSERT_THAT(text, IsOk());
    address_ = nlohmann::json::parse(*text).at("grpc");
  }
  std::unique_ptr<ChildProcess> Start(
      const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> command = {
        Bin("shoal-sim"), "run", scenario_, "--live", address_, "--out", out_};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto process = ChildProcess::Start({command, {}, log_});
    EXPECT_THAT(process, IsOk());
    return *std::move(process);
  }
  // The exit code; -1 when it does not end.
  static int ExitOf(ChildProcess& process) {
    const auto exit = process.Wait(absl::Seconds(100));
    return exit.has_value() && exit->signal == 0 ? exit->code : -1;
  }
  static bool Await(const std::function<bool()>& holds) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (!holds() && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    return holds();
  }
  bool Says(const std::string& text) { return absl::StrContains(Log(), text); }
  std::string Log() { return TailOfFile(log_, 200); }
  nlohmann::json Results() {
    const auto text = ReadFile(out_ + "/load.json");
    EXPECT_THAT(text, IsOk()) << Log();
    return nlohmann::json::parse(text.value_or("{}"));
  }

  struct Tally {
    int64_t committed = 0;
    int64_t contributions = 0;
    bool completed = false;
  };
  // As the coordinator has it.
  Tally TallyOf(const std::string& name) const {
    const auto client = OperatorClient::ConnectInsecurely(address_);
    const auto task = client->GetTask(name);
    const auto rounds = client->RoundsAfter(name, 0);
    EXPECT_THAT(task, IsOk());
    EXPECT_THAT(rounds, IsOk());
    Tally tally;
    if (!task.ok() || !rounds.ok()) return tally;
    tally.completed = task->completed;
    for (const auto& round : *rounds) {
      if (!round.committed) continue;
      ++tally.committed;
      tally.contributions += round.accepted;
    }
    return tally;
  }

  const TemporaryFolder folder_;
  const std::string scenario_ = folder_.path() + "/tiny.yaml";
  const std::string data_ = folder_.path() + "/data";
  const std::string coordinator_log_ = folder_.path() + "/coordinator.log";
  const std::string log_ = folder_.path() + "/log";
  const std::string out_ = folder_.path() + "/out";
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<ChildProcess> coordinator_;
};

TEST_F(LoadTest, FiguresAreThoseOfTheCoordinator) {
  ASSERT_NO_FATAL_FAILURE(StartCoordinator());
  const auto run = Start({"--connections", "3"});
  ASSERT_EQ(ExitOf(*run), 0) << Log();
  const auto load = Results();
  const Tally tally = TallyOf("tiny");
  EXPECT_TRUE(tally.completed);
  EXPECT_EQ(tally.committed, 5);
  EXPECT_EQ(load["completed"], true);
  EXPECT_EQ(load["rounds_committed"], tally.committed);
  EXPECT_EQ(load["rounds_failed"], 0);
  EXPECT_EQ(load["contributions"], tally.contributions);
  EXPECT_EQ(load["sessions"]["contributed"], tally.contributions);
  EXPECT_EQ(load["calls"]["upload"]["answered"], tally.contributions);
  const auto& check_ins = load["calls"]["check_in"];
  // Everybody came, and those alone were assigned who fetched the model.
  EXPECT_GE(check_ins["answered"], 200);
  EXPECT_GE(load["assigned"], tally.contributions);
  EXPECT_EQ(load["calls"]["fetch"]["answered"], load["assigned"]);
  EXPECT_TRUE(check_ins["errors"].empty());
  EXPECT_GT(check_ins["per_second"], 0);
  EXPECT_GT(check_ins["p50_ms"], 0);
  EXPECT_GE(check_ins["p99_ms"], check_ins["p50_ms"]);
  EXPECT_GE(check_ins["max_ms"], check_ins["p99_ms"]);
  EXPECT_TRUE(std::filesystem::exists(out_ + "/scenario.yaml"));
  EXPECT_THAT(Log(), AllOf(HasSubstr("round 5/5"), HasSubstr("check-ins")));
}

TEST_F(LoadTest, SessionsGoOnAfterTheCoordinatorWasKilled) {
  ASSERT_NO_FATAL_FAILURE(StartCoordinator());
  const auto run = Start({"--set", "rounds=12"});
  ASSERT_TRUE(Await([this] { return Says("round  2/12"); })) << Log();
  coordinator_->Kill();
  ASSERT_TRUE(Await([this] { return Says("cannot be reached"); })) << Log();
  ASSERT_NO_FATAL_FAILURE(StartCoordinator());
  ASSERT_EQ(ExitOf(*run), 0) << Log();
  EXPECT_TRUE(Says("the coordinator is back")) << Log();
  const auto load = Results();
  const Tally tally = TallyOf("tiny");
  EXPECT_EQ(tally.committed, 12);
  EXPECT_EQ(load["rounds_committed"], 12);
  EXPECT_EQ(load["contributions"], tally.contributions);
  EXPECT_GT(load["calls"]["check_in"]["errors"]["UNAVAILABLE"], 0);
}

TEST_F(LoadTest, InterruptedRunSaysWhatItHasAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(StartCoordinator());
  const auto run = Start({"--set", "rounds=30"});
  ASSERT_TRUE(Await([this] { return Says("round  2/30"); })) << Log();
  run->Signal(SIGINT);
  EXPECT_EQ(ExitOf(*run), 1);
  EXPECT_THAT(Log(), AllOf(HasSubstr("not completed"), HasSubstr("check-ins"),
                           HasSubstr("interrupted")));
  const auto first = Results();
  EXPECT_EQ(first["completed"], false);
  EXPECT_GE(first["rounds_committed"], 2);
  // Results are never mixed.
  EXPECT_EQ(ExitOf(*Start({"--set", "rounds=30"})), 2);
  EXPECT_THAT(Log(), HasSubstr("has scenario.yaml, load.json, expected"));
  std::filesystem::remove_all(out_);
  ASSERT_EQ(ExitOf(*Start({"--set", "rounds=30"})), 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("tiny goes on"));
  EXPECT_EQ(TallyOf("tiny").committed, 30);
  EXPECT_LE(Results()["rounds_committed"], 28);
}

// Its noise was calibrated when it was made.
TEST_F(LoadTest, TaskWithPrivacyGoesOnToo) {
  ASSERT_NO_FATAL_FAILURE(StartCoordinator());
  const std::vector<std::string> settings = {
      "--set", "rounds=30", "--set",
      "differential_privacy={clip_norm: 1, budget: {epsilon: 50, delta: "
      "1e-5}}"};
  const auto run = Start(settings);
  ASSERT_TRUE(Await([this] { return Says("round  2/30"); })) << Log();
  run->Signal(SIGINT);
  EXPECT_EQ(ExitOf(*run), 1);
  std::filesystem::remove_all(out_);
  ASSERT_EQ(ExitOf(*Start(settings)), 0) << Log();
  EXPECT_THAT(Log(), HasSubstr("tiny goes on"));
  EXPECT_EQ(TallyOf("tiny").committed, 30);
}

TEST_F(LoadTest, SecuredCoordinatorIsRefused) {
  ASSERT_NO_FATAL_FAILURE(StartCoordinator(/*insecure=*/false));
  EXPECT_EQ(ExitOf(*Start()), 1);
  EXPECT_THAT(Log(), AllOf(HasSubstr("runs with TLS"),
                           HasSubstr("a device is its certificate")));
}

TEST_F(LoadTest, WhatDoesNotGoWithItIsRefused) {
  ASSERT_NO_FATAL_FAILURE(StartCoordinator());
  EXPECT_EQ(ExitOf(*Start({"--set", "simulation.baselines=[local]"})), 2);
  EXPECT_THAT(Log(), HasSubstr("simulation.baselines: is of runs in virtual"));
  ASSERT_EQ(ExitOf(*Start()), 0) << Log();
  std::filesystem::remove_all(out_);
  EXPECT_EQ(ExitOf(*Start()), 1);
  EXPECT_THAT(Log(), HasSubstr("task tiny is completed already"));
  EXPECT_EQ(ExitOf(*Start({"--set", "rounds=6"})), 2);
  EXPECT_THAT(Log(), HasSubstr("another task of the name tiny"));
}

TEST_F(LoadTest, NoCoordinatorIsNotReached) {
  address_ = "127.0.0.1:1";
  EXPECT_EQ(ExitOf(*Start()), 3);
  EXPECT_THAT(Log(), HasSubstr("127.0.0.1:1 cannot be reached"));
}

}  // namespace
}  // namespace shoal::testing
