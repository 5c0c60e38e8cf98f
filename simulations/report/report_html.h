// The report page: one HTML file that holds its data, its script and its style,
// and works from a disk without any network.
//
//   ReplaceFile(folder + "/report.html", ReportHtml(report))
#ifndef SHOAL_SIMULATIONS_REPORT_REPORT_HTML_H_
#define SHOAL_SIMULATIONS_REPORT_REPORT_HTML_H_

#include <string>

#include "simulations/report/report_data.h"

namespace shoal::simulations {

// Complete HTML in UTF-8. The page's own policy lets browsers run this script
// and fetch nothing, whatever the data say.
// REQUIRES: columns are as long as report_data.h says.
std::string ReportHtml(const ReportData& report);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_REPORT_REPORT_HTML_H_
