// report.html from what runs have left in their folders.
#ifndef SHOAL_SIMULATIONS_RUN_RUNS_REPORT_H_
#define SHOAL_SIMULATIONS_RUN_RUNS_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "simulations/report/report_data.h"

namespace shoal::simulations {

// One run, from its folder. NOT_FOUND and DATA_LOSS name the file and, where
// there is one, the line.
absl::StatusOr<ReportRun> ReadRun(const std::string& folder);

// Several, which are named by what their scenarios differ in: runs that differ
// in nothing but the seed have one name.
absl::StatusOr<std::vector<ReportRun>> ReadRuns(
    const std::vector<std::string>& folders);

// One page for all of them; replaces `path`. REQUIRES: at least one folder.
absl::Status WriteReport(const std::vector<std::string>& folders,
                         const std::string& path);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_RUNS_REPORT_H_
