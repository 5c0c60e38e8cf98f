// The results of a load test: for people and as JSON.
#ifndef SHOAL_SIMULATIONS_LOAD_LOAD_SUMMARY_H_
#define SHOAL_SIMULATIONS_LOAD_LOAD_SUMMARY_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "simulations/load/call_log.h"

namespace shoal::simulations {

struct LoadSummary {
  std::string name;         // of the task
  std::string model;        // "logistic 784-10"
  std::string coordinator;  // HOST:PORT
  int64_t devices = 0;
  int connections = 0;
  int training_threads = 0;
  bool completed = false;   // the task
  std::string ended_early;  // why the run ended before it; "": it did not
  absl::Duration wall_time;
  LoadFigures figures;
  // As the coordinator has them, of this run.
  int64_t rounds_committed = 0;
  int64_t rounds_failed = 0;
  int64_t contributions = 0;  // to the committed rounds
  // Of this process: what the load itself takes of the machine.
  absl::Duration processor_time;
  int64_t peak_resident_bytes = 0;
  uint64_t seed = 0;
  std::string version;
  std::string folder;  // "": none was asked for
};

// load.json, with a newline at its end: docs/reference/simulation.md.
std::string LoadSummaryJson(const LoadSummary& summary);
std::string LoadSummaryText(const LoadSummary& summary);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_LOAD_SUMMARY_H_
