// write_example_report comparison|run|smallest FILE: a made-up report, for
// tests in a browser.
#include <iostream>
#include <map>
#include <string>

#include "base/file.h"
#include "simulations/report/report_html.h"
#include "tests/simulations/report/example_report.h"

int main(int argc, char** argv) {
  using namespace shoal::simulations;
  const std::map<std::string, ReportData (*)()> kinds = {
      {"comparison", ExampleComparison},
      {"run", ExampleRun},
      {"smallest", SmallestReport}};
  if (argc != 3 || kinds.count(argv[1]) == 0) {
    std::cerr << "write_example_report comparison|run|smallest FILE\n";
    return 2;
  }
  const absl::Status written =
      shoal::ReplaceFile(argv[2], ReportHtml(kinds.at(argv[1])()));
  if (!written.ok()) std::cerr << written << "\n";
  return written.ok() ? 0 : 1;
}
