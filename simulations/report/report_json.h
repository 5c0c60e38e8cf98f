// The data of a report as the page reads them (dashboard/src/report/data.ts).
#ifndef SHOAL_SIMULATIONS_REPORT_REPORT_JSON_H_
#define SHOAL_SIMULATIONS_REPORT_REPORT_JSON_H_

#include <string>

#include "simulations/report/report_data.h"

namespace shoal::simulations {

// The number of values that stand for a column by device, however many devices
// there are: the least, the greatest, and 199 at equal steps between them.
inline constexpr int kReportQuantiles = 201;

// JSON in ASCII, in which every '<' is written as an escape: nothing in the
// data can end the script element that holds it, or begin a comment there.
// Invalid UTF-8 becomes U+FFFD, what was not measured null. REQUIRES: columns
// are as long as report_data.h says.
std::string ReportJson(const ReportData& report);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_REPORT_REPORT_JSON_H_
