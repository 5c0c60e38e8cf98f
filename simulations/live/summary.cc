#include "simulations/live/summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/human_duration.h"

namespace shoal::simulations {
namespace {

std::vector<double> Values(Measure measure,
                           absl::Span<const learning::Score> scores) {
  std::vector<double> values;
  for (const learning::Score& score : scores) {
    values.push_back(ValueOf(measure, score));
  }
  return values;
}

std::string Spread(Measure measure, const std::vector<double>& values) {
  if (values.empty()) return "unknown";
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return absl::StrCat("min ", ValueText(measure, *low), ", median ",
                      ValueText(measure, Median(values)), ", max ",
                      ValueText(measure, *high));
}

// "accuracy 87.2 %", "next-character accuracy 45.0 %".
std::string Named(const LiveSummary& summary, double value) {
  const std::string text = absl::StrCat(WordsFor(summary.measure), " ",
                                        ValueText(summary.measure, value));
  if (summary.prediction.empty()) return text;
  return absl::StrCat("next-", summary.prediction, " ", text);
}

// The measure and, beside an accuracy, the loss.
std::string FinalText(const LiveSummary& summary) {
  std::string text =
      Named(summary, ValueOf(summary.measure, summary.final_test));
  if (summary.measure != Measure::kAccuracy) return text;
  absl::StrAppendFormat(&text, ", loss %.4f", summary.final_test.loss());
  if (!summary.prediction.empty()) {
    absl::StrAppend(&text, " per ", summary.prediction);
  }
  return text;
}

std::string Number(const std::optional<double>& value) {
  return value.has_value() ? absl::StrFormat("%.6g", *value) : "";
}

}  // namespace

double Mean(absl::Span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

double Median(absl::Span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  if (sorted.size() % 2 == 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

std::string FormatBytes(int64_t num_bytes) {
  const double bytes = static_cast<double>(num_bytes);
  if (bytes < 1e3) return absl::StrFormat("%d B", num_bytes);
  if (bytes < 1e6) return absl::StrFormat("%.1f kB", bytes / 1e3);
  if (bytes < 1e9) return absl::StrFormat("%.1f MB", bytes / 1e6);
  return absl::StrFormat("%.2f GB", bytes / 1e9);
}

std::string SummaryJson(const LiveSummary& summary) {
  const Measure measure = summary.measure;
  const std::string name(NameOf(measure));
  const std::vector<double> alone = Values(measure, summary.local_only_scores);
  nlohmann::ordered_json json = {
      {"measure", name},
      {"final_test_" + name, ValueOf(measure, summary.final_test)},
      {"final_test_loss", summary.final_test.loss()},
      {"mean_local_only_" + name, Mean(alone)},
      {"rounds_completed", summary.rounds_completed},
      {"devices", summary.devices},
      {"wall_seconds", absl::ToDoubleSeconds(summary.wall_time)},
      {"bytes_up", summary.bytes_up},
      {"bytes_down", summary.bytes_down},
      {"seed", summary.seed},
      {"version", summary.version},
      {"algorithm", summary.algorithm},
      {"data", summary.data},
      {"model", summary.model},
      {"rounds_failed", summary.rounds_failed},
      {"classes", summary.classes},
      {"secure_aggregation", summary.secure_aggregation},
      {"reports", summary.reports},
      {"partial_reports", summary.partial_reports},
      {"train_seconds", absl::ToDoubleSeconds(summary.train_time)},
      {"test_examples", summary.test_examples},
      {"private_parameters", summary.private_parameters},
      {"personal_" + name, Values(measure, summary.personal_scores)},
      {"device_" + name, Values(measure, summary.device_scores)},
      {"local_only_" + name, alone},
      {"model_path", summary.model_path},
      {"onnx_path", summary.onnx_path}};
  // Nobody knows.
  if (summary.secure_aggregation) json["partial_reports"] = nullptr;
  return json.dump(2) + "\n";
}

std::string SummaryText(const LiveSummary& summary, const std::string& command,
                        const std::string& programs) {
  std::string text = absl::StrFormat(
      "Trained %s by %s on %s: %d rounds, %d devices, in %s.\n\n",
      summary.model, summary.algorithm, summary.data, summary.rounds_completed,
      summary.devices, HumanDuration(summary.wall_time));
  const auto row = [&](absl::string_view name, absl::string_view value) {
    absl::StrAppendFormat(&text, "  %-28s %s\n", name, value);
  };
  const Measure measure = summary.measure;
  row("federated, held-out data", FinalText(summary));
  if (summary.private_parameters > 0) {
    row("", absl::StrCat("with private layers (", summary.private_parameters,
                         " values) at their initial values"));
    row("  with each device's own",
        absl::StrCat(
            Named(summary, Mean(Values(measure, summary.personal_scores))),
            " in the mean"));
  }
  row("  on each device's own data",
      Spread(measure, Values(measure, summary.device_scores)));
  row("devices training alone",
      absl::StrCat(
          Named(summary, Mean(Values(measure, summary.local_only_scores))),
          " in the mean, same held-out data, same epochs"));
  if (!summary.classes.empty()) row("device classes", summary.classes);
  if (summary.partial_reports > 0) {
    row("partial work",
        absl::StrFormat("%d of %d reports", summary.partial_reports,
                        summary.reports));
  }
  row("secure aggregation",
      summary.secure_aggregation
          ? "the coordinator saw sums of updates alone"
          : "none: the coordinator saw every device's update");
  row("traffic", absl::StrCat(FormatBytes(summary.bytes_up), " up, ",
                              FormatBytes(summary.bytes_down), " down"));
  row("model", summary.model_path);
  row("  for ONNX Runtime", summary.onnx_path);
  row("results",
      absl::StrCat(summary.folder, "/summary.json, rounds.csv, scenario.yaml"));
  if (!summary.kept_for_good) {
    row("", "(until the next run; --out DIR keeps them)");
  }
  if (!summary.partial_round.empty()) {
    absl::StrAppend(&text, "\nWhat shoalctl round explain says:\n  ",
                    summary.partial_round, "\n");
  }
  absl::StrAppend(&text, "\nTry next:\n  ", command, " --algorithm fedprox\n  ",
                  command, " --data mnist:DIR --rounds 30\n  ", programs,
                  "/shoald --dev    # prints how to join it\n");
  return text;
}

std::string RoundsCsv(absl::Span<const RoundRecord> rounds) {
  std::string csv =
      "id,number,outcome,assigned,accepted,partial,total_examples,train_loss,"
      "train_accuracy,test_loss,test_accuracy,bytes_up,seconds\n";
  for (const RoundRecord& round : rounds) {
    std::optional<double> test_loss;
    std::optional<double> test_accuracy;
    if (round.test.has_value()) {
      test_loss = round.test->loss();
      test_accuracy = round.test->accuracy();
    }
    absl::StrAppendFormat(
        &csv, "%d,%d,%s,%d,%d,%d,%d,%s,%s,%s,%s,%d,%.3f\n", round.id,
        round.number, round.committed ? "committed" : round.failure,
        round.assigned, round.accepted, round.partial, round.total_examples,
        Number(round.train_loss), Number(round.train_accuracy),
        Number(test_loss), Number(test_accuracy), round.bytes_up,
        absl::ToDoubleSeconds(round.duration));
  }
  return csv;
}

}  // namespace shoal::simulations
