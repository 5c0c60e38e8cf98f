// The tables of a run: docs/reference/results.md.
#ifndef SHOAL_SIMULATIONS_RUN_RUN_TABLES_H_
#define SHOAL_SIMULATIONS_RUN_RUN_TABLES_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "simulations/run/run_scenario.h"
#include "simulations/simulated_device.h"

namespace shoal::simulations {

struct DeviceLine {
  int64_t device = 0;
  std::string kind;  // its class
  int64_t examples = 0;
  DeviceTotals totals;
};

// rounds.csv and devices.csv, each with a header.
std::string RunRoundsCsv(absl::Span<const RoundLine> lines);
std::string DevicesCsv(absl::Span<const DeviceLine> lines);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_RUN_TABLES_H_
