// What `shoalctl model export` tells about the file that it has written.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_EXPORT_REPORT_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_EXPORT_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "learning/compression_report.h"

namespace shoal::shoalctl {

struct ExportReport {
  std::string version = {};  // for people: "version 7 of digits", or a file
  std::string task = {};
  std::optional<uint64_t> number = {};  // of the version, where it is known
  std::string digest = {};              // of the version, in hexadecimal
  std::string file = {};                // that was written
  uint64_t num_bytes = 0;               // of it
  std::string precision = {};           // "int8"
  double pruned_fraction = 0;
  std::vector<std::string> private_layers = {};
  learning::CompressionReport compression = {};
};

std::string ExportText(const ExportReport& report);
nlohmann::ordered_json ExportJson(const ExportReport& report);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_EXPORT_REPORT_H_
