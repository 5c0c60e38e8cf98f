// What the files of several programs have in common.
#ifndef SHOAL_CONFIGURATION_PROGRAM_PARTS_H_
#define SHOAL_CONFIGURATION_PROGRAM_PARTS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "configuration/file_report.h"
#include "configuration/yaml_reader.h"
#include "learning/data/data_source.h"
#include "protocol/schema/message.h"

namespace shoal::configuration {

// Of `log_level`. REQUIRES: it has passed its rules.
Severity SeverityFrom(const protocol::schema::Message& config);

// REQUIRES: the message has passed its rules.
learning::DataSource DataSourceFrom(const protocol::schema::Message& source);
// Absent: as the data say.
std::optional<learning::Partition> PartitionFrom(
    const protocol::schema::Message& partition);

// Adds to `report` what is wrong with the address in the field `name`, if it
// is there.
void CheckAddress(const protocol::schema::Message& config,
                  absl::string_view name, FileReport& report);

// Parses the file at `path`.
template <typename Config>
absl::StatusOr<Config> Load(
    const std::string& path,
    absl::StatusOr<Config> (*parse)(absl::string_view, absl::string_view)) {
  SHOAL_ASSIGN_OR_RETURN(const std::string yaml, ReadFile(path, kMaxFileBytes));
  return parse(yaml, path);
}

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_PROGRAM_PARTS_H_
