// The results of a live run: for people, as JSON and as CSV.
#ifndef SHOAL_SIMULATIONS_LIVE_SUMMARY_H_
#define SHOAL_SIMULATIONS_LIVE_SUMMARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "learning/batch.h"
#include "simulations/live/round_record.h"
#include "simulations/results/measure.h"

namespace shoal::simulations {

struct LiveSummary {
  std::string algorithm;                 // "fedavg", "fedprox (mu 0.1)"
  std::string data;                      // "handwriting", "mnist:/data/mnist"
  std::string model;                     // "mlp 784-64-10"
  Measure measure = Measure::kAccuracy;  // of the scores
  std::string prediction;  // what a prediction is of: "" or "character"
  // Of the final model on the held-out data, private layers (if any) at their
  // initial values: nobody but the devices has others.
  learning::Score final_test;
  int64_t test_examples = 0;
  int64_t private_parameters = 0;  // of the model
  // Of the final model, with each device's own private values, by device: on
  // the held-out data (empty without private layers) and on its own examples.
  std::vector<learning::Score> personal_scores;
  std::vector<learning::Score> device_scores;
  // Of models trained by single devices, on the same held-out data, by device.
  std::vector<learning::Score> local_only_scores;
  int64_t rounds_completed = 0;
  int64_t rounds_failed = 0;
  int devices = 0;
  std::string classes;  // of the devices: "8 gateway, 12 sensor"; "": all alike
  // The coordinator saw sums of updates alone.
  bool secure_aggregation = false;
  int64_t reports = 0;          // accepted, in all rounds
  int64_t partial_reports = 0;  // of these, with less work than planned
  // The explanation of the last round that had some of these; "": none had.
  std::string partial_round;
  absl::Duration wall_time;   // of everything
  absl::Duration train_time;  // from the first agent to the last commit
  int64_t bytes_up = 0;       // payload that the coordinator received
  int64_t bytes_down = 0;     // payload that it sent
  uint64_t seed = 0;
  std::string version;
  std::string model_path;     // of the final model
  std::string onnx_path;      // the same, for other programs
  std::string folder;         // of all results
  bool kept_for_good = true;  // false: the next run removes the folder
};

double Mean(absl::Span<const double> values);    // 0 when empty
double Median(absl::Span<const double> values);  // 0 when empty
// "12.3 MB" (decimal units).
std::string FormatBytes(int64_t num_bytes);

// summary.json, with a newline at its end: docs/reference/results.md.
std::string SummaryJson(const LiveSummary& summary);
// What people read at the end, with commands to try next.
// `command` is how the user runs this again: "script/demo". `programs` is the
// folder of shoald and shoalctl.
std::string SummaryText(const LiveSummary& summary, const std::string& command,
                        const std::string& programs);
// rounds.csv: a header and one line per round, failed ones included; see
// docs/reference/results.md.
std::string RoundsCsv(absl::Span<const RoundRecord> rounds);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_SUMMARY_H_
