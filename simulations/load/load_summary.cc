#include "simulations/load/load_summary.h"

#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/human_duration.h"
#include "simulations/live/summary.h"

namespace shoal::simulations {
namespace {

constexpr double kMedian = 0.5;
constexpr double kAlmostAll = 0.99;

double Milliseconds(absl::Duration duration) {
  return absl::ToDoubleMilliseconds(duration);
}

nlohmann::ordered_json CallJson(const CallFigures& call) {
  nlohmann::ordered_json json;
  json["answered"] = call.answered.count();
  json["per_second"] = call.AnsweredPerSecond();
  json["mean_ms"] = Milliseconds(call.answered.Mean());
  json["p50_ms"] = Milliseconds(call.answered.Quantile(kMedian));
  json["p99_ms"] = Milliseconds(call.answered.Quantile(kAlmostAll));
  json["max_ms"] = Milliseconds(call.answered.max());
  json["bytes_up"] = call.bytes_up;
  json["bytes_down"] = call.bytes_down;
  json["errors"] = nlohmann::ordered_json::object();
  for (const auto& [kind, count] : call.errors) json["errors"][kind] = count;
  return json;
}

// A line of the table; "" for calls that nobody made.
std::string CallText(absl::string_view what, const CallFigures& call) {
  if (call.answered.count() + call.num_errors() == 0) return "";
  return absl::StrFormat("  %-10s%10d%10.1f%10.1f%10.1f%10.1f%9d\n", what,
                         call.answered.count(), call.AnsweredPerSecond(),
                         Milliseconds(call.answered.Quantile(kMedian)),
                         Milliseconds(call.answered.Quantile(kAlmostAll)),
                         Milliseconds(call.answered.max()), call.num_errors());
}

// "730 contributed, 12 refused".
std::string CountsText(const std::map<std::string, int64_t>& counts) {
  return absl::StrJoin(counts, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.second, " ", entry.first);
  });
}

}  // namespace

std::string LoadSummaryJson(const LoadSummary& summary) {
  nlohmann::ordered_json json;
  json["name"] = summary.name;
  json["model"] = summary.model;
  json["coordinator"] = summary.coordinator;
  json["devices"] = summary.devices;
  json["connections"] = summary.connections;
  json["training_threads"] = summary.training_threads;
  json["completed"] = summary.completed;
  json["wall_seconds"] = absl::ToDoubleSeconds(summary.wall_time);
  json["rounds_committed"] = summary.rounds_committed;
  json["rounds_failed"] = summary.rounds_failed;
  json["contributions"] = summary.contributions;
  json["assigned"] = summary.figures.assigned;
  for (int kind = 0; kind < kNumCallKinds; ++kind) {
    json["calls"][std::string(NameOf(static_cast<CallKind>(kind)))] =
        CallJson(summary.figures.calls[kind]);
  }
  json["sessions"] = nlohmann::ordered_json::object();
  for (const auto& [outcome, count] : summary.figures.sessions) {
    json["sessions"][outcome] = count;
  }
  json["processor_seconds"] = absl::ToDoubleSeconds(summary.processor_time);
  json["peak_resident_bytes"] = summary.peak_resident_bytes;
  json["seed"] = summary.seed;
  json["version"] = summary.version;
  return json.dump(2) + "\n";
}

std::string LoadSummaryText(const LoadSummary& summary) {
  const LoadFigures& figures = summary.figures;
  std::string text = absl::StrFormat(
      "%s on %s: %d %s in %s, %d devices over %d %s%s.\n\n", summary.name,
      summary.coordinator, summary.rounds_committed,
      summary.rounds_committed == 1 ? "round" : "rounds",
      HumanDuration(summary.wall_time), summary.devices, summary.connections,
      summary.connections == 1 ? "connection" : "connections",
      summary.completed ? "" : ", not completed");
  absl::StrAppendFormat(&text, "  %-10s%10s%10s%10s%10s%10s%9s\n", "",
                        "answered", "per s", "p50 ms", "p99 ms", "max ms",
                        "errors");
  int64_t bytes_up = 0, bytes_down = 0;
  static constexpr absl::string_view kWords[kNumCallKinds] = {
      "check-ins", "fetches", "queries", "uploads", "aggregations", "abandons"};
  for (int kind = 0; kind < kNumCallKinds; ++kind) {
    text += CallText(kWords[kind], figures.calls[kind]);
    bytes_up += figures.calls[kind].bytes_up;
    bytes_down += figures.calls[kind].bytes_down;
  }
  text += "\n";
  const auto row = [&](absl::string_view label, const std::string& value) {
    absl::StrAppendFormat(&text, "  %-18s%s\n", label, value);
  };
  row("rounds", absl::StrCat(summary.rounds_committed, " committed with ",
                             summary.contributions, " contributions, ",
                             summary.rounds_failed, " failed"));
  row("sessions", CountsText(figures.sessions));
  for (int kind = 0; kind < kNumCallKinds; ++kind) {
    if (figures.calls[kind].errors.empty()) continue;
    row(absl::StrCat("errors: ", kWords[kind]),
        CountsText(figures.calls[kind].errors));
  }
  for (const auto& [outcome, why] : figures.explanations) {
    row(absl::StrCat("last ", outcome), why);
  }
  row("traffic", absl::StrCat(FormatBytes(bytes_up), " up, ",
                              FormatBytes(bytes_down), " down"));
  row("own work", absl::StrFormat("%.1f s of processors, %.0f MB at the peak",
                                  absl::ToDoubleSeconds(summary.processor_time),
                                  summary.peak_resident_bytes / 1e6));
  if (!summary.folder.empty()) row("results", summary.folder);
  return text;
}

}  // namespace shoal::simulations
