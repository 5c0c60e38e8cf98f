// Made-up runs that look like real ones, for tests of the report page.
#ifndef SHOAL_TESTS_SIMULATIONS_REPORT_EXAMPLE_REPORT_H_
#define SHOAL_TESTS_SIMULATIONS_REPORT_EXAMPLE_REPORT_H_

#include "simulations/report/report_data.h"

namespace shoal::simulations {

// 200 rounds over 100 devices: three algorithms with three seeds each, with
// baselines, privacy, stragglers and dropouts. The same every time.
ReportData ExampleComparison();

// The first run of it alone.
ReportData ExampleRun();

// One round of one device, of which nothing but the loss is known.
ReportData SmallestReport();

}  // namespace shoal::simulations

#endif  // SHOAL_TESTS_SIMULATIONS_REPORT_EXAMPLE_REPORT_H_
