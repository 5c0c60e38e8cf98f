// Checks messages against the rules that their schema states
// (shoal/v1/annotations.proto). Peers' messages and configuration files go
// through the same checks.
#ifndef SHOAL_PROTOCOL_SCHEMA_RULES_H_
#define SHOAL_PROTOCOL_SCHEMA_RULES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "protocol/schema/message.h"

namespace shoal::protocol::schema {

struct Violation {
  std::string path;     // "round.cohort"
  std::string problem;  // "what is wrong, what was expected"
};

// Everything that is wrong with `message`, in the order of the schema.
std::vector<Violation> CheckRules(const Message& message);

// INVALID_ARGUMENT "path: problem" for the first of `violations`; OK when there
// are none.
absl::Status FirstViolation(const std::vector<Violation>& violations);

// INVALID_ARGUMENT when anything in `message` was written by a newer version:
// for parts that must not be understood by half. `what` names the message.
absl::Status CheckAllKnown(const Message& message, absl::string_view what);

}  // namespace shoal::protocol::schema

#endif  // SHOAL_PROTOCOL_SCHEMA_RULES_H_
