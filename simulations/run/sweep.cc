#include "simulations/run/sweep.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "protocol/exit_code.h"
#include "simulations/run/runs_report.h"

namespace shoal::simulations {
namespace {

std::vector<std::string> SplitValues(const std::string& text) {
  std::vector<std::string> values(1);
  int depth = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
    if (c == ',' && depth == 0 && quote == 0) {
      values.emplace_back();
    } else {
      values.back().push_back(c);
    }
  }
  return values;
}

// "training.learning_rate=0.1" -> "learning_rate-0.1": a folder's name.
std::string FolderName(const std::vector<std::string>& settings) {
  std::string name;
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    const size_t dot = setting.rfind('.', equals);
    const size_t begin = dot == std::string::npos ? 0 : dot + 1;
    if (!name.empty()) name += '_';
    for (const char c : setting.substr(begin)) {
      const bool plain = absl::ascii_isalnum(c) || c == '.' || c == '_';
      if (plain) {
        name += c;
      } else if (!name.empty() && name.back() != '-') {
        name += '-';
      }
    }
    while (!name.empty() && name.back() == '-') name.pop_back();
  }
  return name.empty() ? "run" : name;
}

bool IsDone(const std::string& folder) {
  std::error_code error;
  return std::filesystem::exists(folder + "/summary.json", error);
}

// Whether that very run is in its folder, interrupted.
absl::StatusOr<bool> HasBegun(const RunOptions& run) {
  const absl::StatusOr<std::string> there =
      ReadFile(run.out + "/scenario.yaml");
  if (absl::IsNotFound(there.status())) return false;
  SHOAL_RETURN_IF_ERROR(there.status());
  SHOAL_ASSIGN_OR_RETURN(const configuration::Scenario scenario,
                         ScenarioFor(run));
  return *there == configuration::ScenarioYaml(scenario);
}

// What another run has left.
absl::Status RemoveRests(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (!error) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(folder, ": cannot be removed: ", error.message()));
}

struct Moments {
  int count = 0;
  double sum = 0;
  double squares = 0;
  void Add(double value) {
    if (!std::isfinite(value)) return;
    ++count;
    sum += value;
    squares += value * value;
  }
  std::string Text(double scale = 1) const {
    if (count == 0) return "-";
    const double mean = sum / count;
    const double variance =
        count > 1 ? std::max(squares - count * mean * mean, 0.0) / (count - 1)
                  : 0;
    std::string text;
    absl::StrAppendFormat(&text, "%.4g", mean * scale);
    if (count > 1) {
      absl::StrAppendFormat(&text, " ± %.2g", std::sqrt(variance) * scale);
    }
    return text;
  }
};

}  // namespace

absl::StatusOr<std::vector<std::vector<std::string>>> GridPoints(
    const std::vector<std::string>& grid) {
  std::vector<std::vector<std::string>> points = {{}};
  for (const std::string& axis : grid) {
    const size_t equals = axis.find('=');
    if (equals == std::string::npos || equals == 0 ||
        equals + 1 == axis.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--grid ", axis, ": expected PATH=VALUE,VALUE,…"));
    }
    const std::string path = axis.substr(0, equals);
    std::vector<std::vector<std::string>> longer;
    for (const auto& point : points) {
      for (const std::string& value : SplitValues(axis.substr(equals + 1))) {
        if (value.empty()) {
          return absl::InvalidArgumentError(
              absl::StrCat("--grid ", axis, ": a value is empty"));
        }
        longer.push_back(point);
        longer.back().push_back(absl::StrCat(path, "=", value));
      }
    }
    points = std::move(longer);
  }
  return points;
}

absl::StatusOr<std::vector<std::string>> RunSweep(
    const SweepOptions& options, const RunEnvironment& environment) {
  SHOAL_ASSIGN_OR_RETURN(const auto points, GridPoints(options.grid));
  // Every point is checked before the first is run.
  std::vector<RunOptions> runs;
  for (const auto& point : points) {
    RunOptions run = options.run;
    run.settings.insert(run.settings.end(), point.begin(), point.end());
    const auto scenario = ScenarioFor(run);
    if (!scenario.ok()) return protocol::AsWrongInput(scenario.status());
    const uint64_t first = scenario->seed;
    for (int i = 0; i < options.seeds; ++i) {
      run.seed = first + static_cast<uint64_t>(i);
      run.out = absl::StrCat(options.run.out, "/", FolderName(point), "/seed-",
                             *run.seed);
      runs.push_back(run);
    }
  }
  std::vector<std::string> folders;
  for (size_t i = 0; i < runs.size(); ++i) {
    folders.push_back(runs[i].out);
    const std::string place =
        absl::StrCat("[", i + 1, "/", runs.size(), "] ", runs[i].out);
    if (IsDone(runs[i].out)) {
      environment.display.Say(absl::StrCat(place, ": is done already"));
      continue;
    }
    environment.display.Say(place);
    SHOAL_ASSIGN_OR_RETURN(runs[i].resume, HasBegun(runs[i]));
    if (!runs[i].resume) SHOAL_RETURN_IF_ERROR(RemoveRests(runs[i].out));
    SHOAL_RETURN_IF_ERROR(RunScenario(runs[i], environment).status());
    environment.display.Finish();
  }
  SHOAL_RETURN_IF_ERROR(WriteReport(folders, options.run.out + "/report.html"));
  return folders;
}

double RoundsToAccuracy(const ReportRounds& rounds, double target) {
  double best = 0, scored = 0;  // accuracy, and the round scored last
  for (size_t i = 0; i < rounds.test_accuracy.size(); ++i) {
    const double accuracy = rounds.test_accuracy[i];
    if (!std::isfinite(accuracy)) continue;
    const double round = rounds.round[i];
    if (accuracy >= target) {
      const double part = (target - best) / (accuracy - best);
      return scored + part * (round - scored);
    }
    best = std::max(best, accuracy);
    scored = round;
  }
  return kNotMeasured;
}

std::string ComparisonText(const std::vector<ReportRun>& runs,
                           std::optional<double> target) {
  struct Group {
    int runs = 0;
    Moments accuracy, loss, hours, megabytes, kilojoules, rounds;
  };
  std::vector<std::string> order;
  std::map<std::string, Group> groups;
  size_t width = 4;
  for (const ReportRun& run : runs) {
    Group& group = groups[run.name];
    if (group.runs++ == 0) order.push_back(run.name);
    width = std::max(width, run.name.size());
    const ReportSummary& summary = run.summary;
    group.accuracy.Add(summary.final_test_accuracy);
    group.loss.Add(summary.final_test_loss);
    group.hours.Add(summary.virtual_seconds / 3600);
    group.megabytes.Add((summary.bytes_up + summary.bytes_down) / 1e6);
    group.kilojoules.Add(summary.energy_joules / 1e3);
    if (target.has_value()) {
      group.rounds.Add(RoundsToAccuracy(run.rounds, *target));
    }
  }
  std::string text =
      absl::StrFormat("%-*s  %4s  %16s  %18s  %18s  %16s  %16s", width, "run",
                      "runs", "accuracy %", "loss", "hours", "MB", "kJ");
  if (target.has_value()) {
    absl::StrAppendFormat(&text, "  rounds to %.4g %%", *target * 100);
  }
  text += "\n";
  for (const std::string& name : order) {
    const Group& group = groups[name];
    absl::StrAppendFormat(&text, "%-*s  %4d  %16s  %18s  %18s  %16s  %16s",
                          width, name, group.runs, group.accuracy.Text(100),
                          group.loss.Text(), group.hours.Text(),
                          group.megabytes.Text(), group.kilojoules.Text());
    if (target.has_value()) {
      absl::StrAppend(&text, "  ", group.rounds.Text());
      if (group.rounds.count < group.runs) {
        absl::StrAppendFormat(&text, " (%d of %d runs)", group.rounds.count,
                              group.runs);
      }
    }
    text += "\n";
  }
  return text;
}

}  // namespace shoal::simulations
