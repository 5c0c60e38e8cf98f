#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/human_duration.h"
#include "privacy/accounting/bound_text.h"
#include "simulations/run/run_scenario.h"
#include "simulations/run/run_tables.h"

namespace shoal::simulations {
namespace {

// As short as can be, and the same number when it is read.
std::string Number(double value) { return nlohmann::json(value).dump(); }

std::string NumberOrNothing(const std::optional<double>& value) {
  return value.has_value() ? Number(*value) : "";
}

// "loss,accuracy", of a table.
std::string ScoreText(const std::optional<learning::Score>& score) {
  if (!score.has_value()) return ",";
  return absl::StrCat(Number(score->loss()), ",",
                      NumberOrNothing(score->accuracy()));
}

nlohmann::ordered_json GroupsJson(const GroupsSummary& groups) {
  const GroupCounts& counts = groups.counts;
  nlohmann::ordered_json json;
  json["cryptography"] = groups.skipped_crypto ? "skipped" : "real";
  json["groups_formed"] = counts.formed;
  json["groups_burnt"] = counts.burnt;
  json["last_burnt"] = nullptr;
  if (counts.burnt > 0) json["last_burnt"] = counts.why_burnt;
  json["smallest_sum"] = nullptr;
  if (counts.smallest_sum > 0) json["smallest_sum"] = counts.smallest_sum;
  return json;
}

nlohmann::ordered_json PrivacyJson(const PrivacySummary& privacy) {
  const coordinator::PrivacyReport& report = privacy.report;
  return {{"noise", configuration::NoiseName(privacy.options.noise)},
          {"epsilon", report.spent.upper},
          {"epsilon_lower_bound", report.spent.lower},
          {"delta", privacy.options.delta},
          {"budget", privacy.options.epsilon},
          {"charges", report.num_charges},
          {"guarantee", report.guarantee},
          {"simulated", true}};
}

// "12 groups, sums of at least 8 devices".
std::string GroupsText(const GroupCounts& counts) {
  std::string text =
      absl::StrCat(counts.formed, counts.formed == 1 ? " group" : " groups");
  if (counts.smallest_sum > 0) {
    absl::StrAppend(&text, ", sums of at least ", counts.smallest_sum,
                    " devices");
  }
  return text;
}

}  // namespace

double MeanOf(absl::Span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::string RunRoundsCsv(absl::Span<const RoundLine> lines) {
  std::string csv =
      "round,virtual_seconds,train_loss,test_loss,test_accuracy,assigned,"
      "reported,bytes_down,bytes_up,energy_joules,epsilon,state";
  for (const absl::string_view loss : kLosses) absl::StrAppend(&csv, ",", loss);
  csv += ",stayed_away,fleet_loss,fleet_accuracy\n";
  for (const RoundLine& line : lines) {
    absl::StrAppend(&csv, line.round, ",", Number(line.virtual_seconds), ",",
                    NumberOrNothing(line.train_loss), ",", ScoreText(line.test),
                    ",", line.assigned, ",", line.reported, ",",
                    line.bytes_down, ",", line.bytes_up);
    absl::StrAppend(&csv, ",", Number(line.joules), ",",
                    NumberOrNothing(line.epsilon), ",",
                    line.committed ? "committed" : "failed");
    for (const absl::string_view loss : kLosses) {
      const auto found = line.outcomes.find(std::string(loss));
      absl::StrAppend(&csv, ",",
                      found == line.outcomes.end() ? 0 : found->second);
    }
    absl::StrAppend(&csv, ",", line.stayed_away, ",", ScoreText(line.fleet),
                    "\n");
  }
  return csv;
}

std::string LabelsCsv(absl::Span<const LabelLine> lines) {
  std::string csv = "device";
  const size_t classes = lines.empty() ? 0 : lines[0].examples.size();
  for (size_t i = 0; i < classes; ++i) absl::StrAppend(&csv, ",", i);
  csv += "\n";
  for (const LabelLine& line : lines) {
    absl::StrAppend(&csv, line.device);
    for (const int64_t count : line.examples) absl::StrAppend(&csv, ",", count);
    csv += "\n";
  }
  return csv;
}

std::string CentralCsv(absl::Span<const CentralPoint> points) {
  std::string csv = "round,test_loss,test_accuracy\n";
  for (const CentralPoint& point : points) {
    absl::StrAppend(&csv, point.round, ",", Number(point.test.loss()), ",",
                    NumberOrNothing(point.test.accuracy()), "\n");
  }
  return csv;
}

std::string DevicesCsv(absl::Span<const DeviceLine> lines) {
  std::string csv =
      "device,class,examples,sessions,assignments,contributions,steps,"
      "bytes_down,bytes_up,energy_joules,own_loss,own_accuracy,own_examples,"
      "alone_loss,alone_accuracy,personal_loss,personal_accuracy,stayed_away,"
      "why\n";
  for (const DeviceLine& line : lines) {
    const DeviceTotals& totals = line.totals;
    absl::StrAppend(&csv, line.device, ",", line.kind, ",", line.examples, ",",
                    totals.sessions, ",", totals.assignments, ",",
                    totals.contributions, ",", totals.steps, ",");
    absl::StrAppend(&csv, totals.bytes_down, ",", totals.bytes_up, ",",
                    Number(totals.joules), ",");
    // No commas and no quotes in our tables.
    absl::StrAppend(
        &csv, ScoreText(line.own), ",", line.own_examples, ",",
        ScoreText(line.alone), ",", ScoreText(line.personal), ",",
        totals.stayed_away, ",",
        absl::StrReplaceAll(totals.why_it_stayed_away, {{",", ";"}}), "\n");
  }
  return csv;
}

std::string RunSummaryJson(const RunSummary& summary) {
  nlohmann::ordered_json json;
  json["name"] = summary.name;
  json["model"] = summary.model;
  json["algorithm"] = summary.algorithm;
  json["final_test_accuracy"] = nullptr;
  if (const auto accuracy = summary.final_test.accuracy();
      accuracy.has_value()) {
    json["final_test_accuracy"] = *accuracy;
  }
  json["final_test_loss"] = summary.final_test.loss();
  if (summary.measure == Measure::kRmse) {
    json["final_test_rmse"] = std::sqrt(summary.final_test.loss());
  }
  json["private_parameters"] = summary.private_parameters;
  if (!summary.personal.empty()) {
    json[absl::StrCat("personal_", NameOf(summary.measure))] = summary.personal;
  }
  json["rounds_completed"] = summary.rounds_completed;
  json["rounds_failed"] = summary.rounds_failed;
  json["ended_early"] = nullptr;
  if (!summary.ended_early.empty()) json["ended_early"] = summary.ended_early;
  json["wall_seconds"] = summary.wall_seconds;
  json["samples_per_second"] = summary.samples_per_second;
  json["peak_resident_bytes"] = summary.peak_resident_bytes;
  json["virtual_seconds"] = summary.virtual_seconds;
  json["bytes_up"] = summary.bytes_up;
  json["bytes_down"] = summary.bytes_down;
  json["energy_joules"] = summary.joules;
  json["epsilon"] = nullptr;
  json["differential_privacy"] = nullptr;
  if (summary.privacy.has_value()) {
    json["epsilon"] = summary.privacy->report.spent.upper;
    json["differential_privacy"] = PrivacyJson(*summary.privacy);
  }
  json["secure_aggregation"] = nullptr;
  if (summary.groups.has_value()) {
    json["secure_aggregation"] = GroupsJson(*summary.groups);
  }
  json["seed"] = summary.seed;
  json["devices"] = summary.devices;
  json["devices_seen"] = summary.devices_seen;
  if (summary.ended_early.empty()) {
    json["training_seconds"] = summary.training_seconds;
    json["longest_trainings_seconds"] = summary.longest_trainings_seconds;
  }
  if (!summary.local_only.empty()) {
    const std::string key =
        absl::StrCat("local_only_", NameOf(summary.measure));
    json[key] = summary.local_only;
    json["local_only_losses"] = summary.local_only_losses;
  }
  if (!summary.central.empty()) {
    const learning::Score& last = summary.central.back().test;
    json["central_test_loss"] = last.loss();
    json["central_test_accuracy"] = nullptr;
    if (const auto accuracy = last.accuracy(); accuracy.has_value()) {
      json["central_test_accuracy"] = *accuracy;
    }
  }
  json["version"] = summary.version;
  return json.dump(2) + "\n";
}

std::string RunSummaryText(const RunSummary& summary) {
  std::string text = absl::StrFormat(
      "%s: %d rounds in %s of virtual time, computed in %s.\n\n", summary.name,
      summary.rounds_completed,
      HumanDuration(absl::Seconds(summary.virtual_seconds)),
      HumanDuration(absl::Seconds(summary.wall_seconds)));
  const auto row = [&](absl::string_view label, const std::string& value) {
    absl::StrAppendFormat(&text, "  %-18s%s\n", label, value);
  };
  const double value = ValueOf(summary.measure, summary.final_test);
  row("held-out data",
      absl::StrFormat("%s %s, loss %.4f", WordsFor(summary.measure),
                      ValueText(summary.measure, value),
                      summary.final_test.loss()));
  if (summary.private_parameters > 0) {
    row("", absl::StrCat("with private layers (", summary.private_parameters,
                         " values) at their initial values"));
  }
  if (!summary.personal.empty()) {
    row("with the devices'",
        absl::StrFormat("%s %s in the mean, private layers being each device's",
                        WordsFor(summary.measure),
                        ValueText(summary.measure, MeanOf(summary.personal))));
  }
  if (!summary.local_only.empty()) {
    row("devices alone",
        absl::StrFormat(
            "%s %s in the mean", WordsFor(summary.measure),
            ValueText(summary.measure, MeanOf(summary.local_only))));
  }
  if (!summary.central.empty()) {
    const learning::Score& last = summary.central.back().test;
    row("all in one place",
        absl::StrFormat(
            "%s %s, loss %.4f", WordsFor(summary.measure),
            ValueText(summary.measure, ValueOf(summary.measure, last)),
            last.loss()));
  }
  row("devices", absl::StrCat(summary.devices_seen, " of ", summary.devices,
                              " had a session"));
  if (summary.rounds_failed > 0) {
    row("failed rounds", absl::StrCat(summary.rounds_failed));
  }
  if (summary.groups.has_value()) {
    const GroupCounts& counts = summary.groups->counts;
    row("secure sums", GroupsText(counts));
    if (counts.burnt > 0) {
      row("",
          absl::StrCat(counts.burnt, " burnt, the last: ", counts.why_burnt));
    }
    if (summary.groups->skipped_crypto) {
      row("", "simulated: keys and masks skipped");
    }
  }
  if (summary.privacy.has_value()) {
    const PrivacySummary& privacy = *summary.privacy;
    row("privacy",
        absl::StrFormat("epsilon %s of %g spent, delta %g",
                        privacy::UpperBoundText(privacy.report.spent.upper),
                        privacy.options.epsilon, privacy.options.delta));
    row("", "simulated: noise from a seeded generator");
  }
  row("traffic",
      absl::StrFormat("%.1f MB up, %.1f MB down", summary.bytes_up / 1e6,
                      summary.bytes_down / 1e6));
  row("energy", absl::StrFormat("%.3g kJ", summary.joules / 1e3));
  row("speed", absl::StrFormat("%.3g samples/s, %.0f MB resident at the peak",
                               summary.samples_per_second,
                               summary.peak_resident_bytes / 1e6));
  row("report", summary.report_path);
  row("results", absl::StrCat(summary.folder, summary.kept_for_good
                                                  ? ""
                                                  : " (until the next run; "
                                                    "--out DIR keeps them)"));
  return text;
}

}  // namespace shoal::simulations
