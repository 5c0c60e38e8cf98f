// YAML into a schema's message: every key, type and unit is checked against
// the tables and the rules of shoal/v1/annotations.proto, so that a new
// setting needs no code here.
#ifndef SHOAL_CONFIGURATION_YAML_READER_H_
#define SHOAL_CONFIGURATION_YAML_READER_H_

#include "absl/strings/string_view.h"
#include "configuration/file_report.h"
#include "protocol/schema/message.h"

namespace shoal::configuration {

// Longer files are refused.
inline constexpr size_t kMaxFileBytes = 1 << 20;

// Fills `message` from the document `text`; what is wrong goes to `report`:
// syntax, unknown and repeated keys, values of another type or unit, two
// members of one choice. Where every key stands is remembered in `report` for
// checks that come later.
void ReadYaml(absl::string_view text, protocol::schema::Message& message,
              FileReport& report);

// Adds what the schema's rules say about `message`, which stands at `path` of
// the file (missing keys, ranges, patterns), unless an error of the same place
// is known already.
void AddRuleViolations(const protocol::schema::Message& message,
                       absl::string_view path, FileReport& report);

// Whether the document is a mapping with that key; false also when it is no
// YAML at all.
bool HasTopLevelKey(absl::string_view text, absl::string_view key);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_YAML_READER_H_
