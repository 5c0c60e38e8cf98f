#include "simulations/run/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace shoal::simulations {
namespace {

// To the four digits that are shown: a bound is not told too small.
double RoundedUp(double epsilon) {
  if (!(epsilon > 0)) return epsilon;  // or not measured
  const double digit = std::pow(10, std::floor(std::log10(epsilon)) - 3);
  return std::ceil(epsilon / digit * (1 - 1e-12)) * digit;
}

// Mean and deviation as B. P. Welford, Technometrics 4(3), 1962, has them: the
// difference of two sums of squares would be noise where all values are alike.
class Moments {
 public:
  void Add(double value) {
    if (!std::isfinite(value)) return;
    ++count_;
    const double before = value - mean_;
    mean_ += before / count_;
    squares_ += before * (value - mean_);
  }
  // Of so many runs; says of how many it is where not all have a value.
  std::string Text(int runs, bool is_bound) const {
    if (count_ == 0) return "-";
    std::string text =
        absl::StrFormat("%.4g", is_bound ? RoundedUp(mean_) : mean_);
    if (count_ > 1) {
      absl::StrAppendFormat(&text, " ± %.2g",
                            std::sqrt(squares_ / (count_ - 1)));
    }
    if (count_ < runs)
      absl::StrAppendFormat(&text, " (%d of %d runs)", count_, runs);
    return text;
  }

 private:
  int count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // of the deviations
};

constexpr absl::string_view kFailed = "rounds failed";

struct Column {
  std::string title;
  std::function<double(const ReportRun&)> of;
  bool is_bound = false;  // which is not told too small
};

// The runs of one name.
struct Group {
  int runs = 0;
  int ended_early = 0;
  std::vector<Moments> of;  // by column
};

// Those that any run has a value for.
std::vector<Column> ColumnsFor(const std::vector<ReportRun>& runs,
                               std::optional<double> target) {
  std::vector<Column> all = {
      {"accuracy %",
       [](const ReportRun& run) {
         return run.summary.final_test_accuracy * 100;
       }},
      {"rmse",
       [](const ReportRun& run) { return run.summary.final_test_rmse; }},
      {"loss",
       [](const ReportRun& run) { return run.summary.final_test_loss; }},
      {"epsilon", [](const ReportRun& run) { return run.summary.epsilon; },
       /*is_bound=*/true},
      {std::string(kFailed),
       [](const ReportRun& run) { return run.summary.rounds_failed; }},
      {"hours",
       [](const ReportRun& run) { return run.summary.virtual_seconds / 3600; }},
      {"MB",
       [](const ReportRun& run) {
         return (run.summary.bytes_up + run.summary.bytes_down) / 1e6;
       }},
      {"kJ",
       [](const ReportRun& run) { return run.summary.energy_joules / 1e3; }}};
  std::vector<Column> columns;
  for (Column& column : all) {
    const bool may_be_zero = column.title != kFailed;
    if (absl::c_any_of(runs, [&](const ReportRun& run) {
          const double value = column.of(run);
          return std::isfinite(value) && (may_be_zero || value != 0);
        })) {
      columns.push_back(std::move(column));
    }
  }
  if (target.has_value()) {
    columns.push_back({absl::StrFormat("rounds to %.4g %%", *target * 100),
                       [target](const ReportRun& run) {
                         return RoundsToAccuracy(run.rounds, *target);
                       }});
  }
  return columns;
}

}  // namespace

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
  const std::vector<Column> columns = ColumnsFor(runs, target);
  std::vector<std::string> order;
  std::map<std::string, Group> groups;
  int width = 4;
  for (const ReportRun& run : runs) {
    Group& group = groups[run.name];
    group.of.resize(columns.size());
    if (group.runs++ == 0) order.push_back(run.name);
    if (!run.summary.ended_early.empty()) ++group.ended_early;
    width = std::max(width, static_cast<int>(run.name.size()));
    for (size_t i = 0; i < columns.size(); ++i) {
      group.of[i].Add(columns[i].of(run));
    }
  }
  std::string text = absl::StrFormat("%-*s  %4s", width, "run", "runs");
  for (const Column& column : columns) {
    absl::StrAppendFormat(&text, "  %16s", column.title);
  }
  text += "\n";
  for (const std::string& name : order) {
    const Group& group = groups[name];
    absl::StrAppendFormat(&text, "%-*s  %4d", width, name, group.runs);
    for (size_t i = 0; i < columns.size(); ++i) {
      absl::StrAppendFormat(&text, "  %16s",
                            group.of[i].Text(group.runs, columns[i].is_bound));
    }
    if (group.ended_early > 0) {
      absl::StrAppendFormat(&text, "  %d ended early", group.ended_early);
    }
    text += "\n";
  }
  return text;
}

std::string ComparisonJson(const std::vector<ReportRun>& runs,
                           const std::vector<std::string>& folders,
                           const std::string& report,
                           std::optional<double> target) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (size_t i = 0; i < runs.size(); ++i) {
    const ReportSummary& summary = runs[i].summary;
    nlohmann::ordered_json run;
    run["folder"] = folders[i];
    run["name"] = runs[i].name;
    run["seed"] = runs[i].seed;
    run["ended_early"] = nullptr;
    if (!summary.ended_early.empty()) run["ended_early"] = summary.ended_early;
    // What is not finite becomes null.
    run["final_test_accuracy"] = summary.final_test_accuracy;
    run["final_test_loss"] = summary.final_test_loss;
    run["final_test_rmse"] = summary.final_test_rmse;
    run["epsilon"] = summary.epsilon;
    run["rounds_completed"] = summary.rounds_completed;
    run["rounds_failed"] = summary.rounds_failed;
    run["virtual_seconds"] = summary.virtual_seconds;
    run["bytes_up"] = summary.bytes_up;
    run["bytes_down"] = summary.bytes_down;
    run["energy_joules"] = summary.energy_joules;
    if (target.has_value()) {
      run["rounds_to_target"] = RoundsToAccuracy(runs[i].rounds, *target);
    }
    all.push_back(std::move(run));
  }
  const nlohmann::ordered_json json = {{"runs", std::move(all)},
                                       {"report", report}};
  return json.dump(2) + "\n";
}

}  // namespace shoal::simulations
