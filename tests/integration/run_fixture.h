// `shoal-sim` on scenarios in virtual time, as a user calls it.
#ifndef SHOAL_TESTS_INTEGRATION_RUN_FIXTURE_H_
#define SHOAL_TESTS_INTEGRATION_RUN_FIXTURE_H_

#include <signal.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/child_process.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {

inline constexpr char kScenario[] = R"(
task:
  name: tiny
  population: tiny
  model: {mlp: {inputs: 784, hidden: [8], outputs: 10}}
  training: {epochs: 1, batch_size: 10, learning_rate: 0.1}
  round: {cohort: 6, over_selection: 1.5, min_reports: 4, deadline: 1h}
  rounds: 4
population:
  devices: 30
  data: {handwriting: {seed: 1, mean_examples: 20}}
  devices_model:
    mix:
      - {class: phone, share: 0.5, spread: 0.7, failure_rate: 0.1}
      - {class: wearable, share: 0.5, availability: {diurnal: {}}}
seed: 7
)";

inline constexpr char kMpirun[] = "/usr/bin/mpirun";

class RunTest : public ::testing::Test {
 protected:
  RunTest() { EXPECT_THAT(WriteFileAtomically(scenario_, kScenario), IsOk()); }

  // The exit code; -1 when it does not end.
  int Call(std::vector<std::string> arguments) {
    const auto process = Start(std::move(arguments));
    const auto exit = process->Wait(absl::Seconds(60));
    return exit.has_value() && exit->signal == 0 ? exit->code : -1;
  }
  std::unique_ptr<ChildProcess> Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), Program());
    return StartCommand(arguments);
  }
  std::unique_ptr<ChildProcess> StartCommand(
      const std::vector<std::string>& command) {
    std::filesystem::remove(log_);
    auto process = ChildProcess::Start(
        {.command = command,
         .environment = {"TMPDIR=" + folder_.path(),
                         // Open MPI: as root, on this machine alone.
                         "OMPI_ALLOW_RUN_AS_ROOT=1",
                         "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                         "OMPI_MCA_btl=self,vader",
                         "OMPI_MCA_oob_tcp_if_include=lo"},
         .log_path = log_});
    EXPECT_THAT(process, IsOk());
    return *std::move(process);
  }
  static std::string Program() {
    return std::filesystem::path(ExecutableFolder())
        .parent_path()
        .append("bin/shoal-sim");
  }
  // Of `processes` together.
  int CallCrew(int processes, const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {kMpirun, "--oversubscribe", "-n",
                                        std::to_string(processes), Program()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto exit = StartCommand(command)->Wait(absl::Seconds(100));
    return exit.has_value() && exit->signal == 0 ? exit->code : -1;
  }
  // Begins a run that takes long, and waits until it is at work.
  std::unique_ptr<ChildProcess> StartLong(const std::string& out,
                                          const std::string& rounds) {
    auto process = Start({"run", scenario_, "--set", "rounds=" + rounds,
                          "--seed", "7", "--out", out});
    for (int i = 0; i < 2000; ++i) {
      if (std::filesystem::exists(out + "/checkpoint")) break;
      absl::SleepFor(absl::Milliseconds(10));
    }
    EXPECT_TRUE(std::filesystem::exists(out + "/checkpoint")) << Log();
    return process;
  }
  // `run` with these settings; its results go to the folder of that name.
  std::vector<std::string> RunTo(const std::string& name,
                                 const std::vector<std::string>& settings) {
    std::vector<std::string> arguments = {"run", scenario_};
    for (const std::string& setting : settings) {
      arguments.insert(arguments.end(), {"--set", setting});
    }
    arguments.insert(arguments.end(), {"--out", folder_.path() + "/" + name});
    return arguments;
  }
  // Kills that run when it has a checkpoint, and goes on with it to its end.
  void KillAndResume(const std::string& name,
                     const std::vector<std::string>& settings) {
    const std::string out = folder_.path() + "/" + name;
    const auto process = Start(RunTo(name, settings));
    for (int i = 0; i < 2000; ++i) {
      if (std::filesystem::exists(out + "/checkpoint")) break;
      absl::SleepFor(absl::Milliseconds(10));
    }
    process->Signal(SIGKILL);
    ASSERT_TRUE(process->Wait(absl::Seconds(20)).has_value());
    ASSERT_EQ(Call({"resume", out}), 0) << Log();
    EXPECT_THAT(Log(), ::testing::HasSubstr("from its log"));
  }
  std::string Log() { return TailOfFile(log_, 100); }
  std::string Out(const std::string& file, const std::string& run = "out") {
    const auto text = ReadFile(folder_.path() + "/" + run + "/" + file);
    EXPECT_THAT(text, IsOk());
    return text.value_or("");
  }

  // Of a run's table, its header first.
  using Rows = std::vector<std::vector<std::string>>;
  Rows Table(const std::string& file) {
    Rows rows;
    for (const auto line : absl::StrSplit(Out(file), '\n', absl::SkipEmpty())) {
      rows.push_back(absl::StrSplit(line, ','));
    }
    return rows;
  }
  static std::string Cell(const Rows& rows, size_t row,
                          const std::string& column) {
    for (size_t i = 0; i < rows[0].size(); ++i) {
      if (rows[0][i] == column) return rows[row][i];
    }
    ADD_FAILURE() << "there is no column " << column;
    return "0";
  }
  // Of the cells that are not empty.
  static double MeanOf(const Rows& rows, const std::string& column) {
    double sum = 0;
    int count = 0;
    for (size_t row = 1; row < rows.size(); ++row) {
      const std::string cell = Cell(rows, row, column);
      if (cell.empty()) continue;
      sum += std::stod(cell);
      ++count;
    }
    return sum / count;
  }

  const TemporaryFolder folder_;
  const std::string scenario_ = folder_.path() + "/tiny.yaml";
  const std::string log_ = folder_.path() + "/log";
  const std::string out_ = folder_.path() + "/out";
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_INTEGRATION_RUN_FIXTURE_H_
