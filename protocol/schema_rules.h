// Checks messages against the rules that their schema states
// (shoal/v1/annotations.proto). Peers' messages and configuration files go
// through the same checks.
#ifndef SHOAL_PROTOCOL_SCHEMA_RULES_H_
#define SHOAL_PROTOCOL_SCHEMA_RULES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "shoal/v1/annotations.pb.h"

namespace shoal::protocol {

struct RuleViolation {
  std::string path;     // "round.cohort"
  std::string problem;  // "what is wrong, what was expected"
};

// Everything that is wrong with `message`, in the order of the schema.
std::vector<RuleViolation> CheckRules(const google::protobuf::Message& message);

// INVALID_ARGUMENT "path: problem" for the first violation.
absl::Status CheckRulesStatus(const google::protobuf::Message& message);

// INVALID_ARGUMENT "path: problem" for the first of `violations`; OK when there
// are none.
absl::Status FirstViolation(const std::vector<RuleViolation>& violations);

// INVALID_ARGUMENT when anything in `message` was written by a newer version:
// for parts that must not be understood by half. `what` names the message.
absl::Status CheckAllKnown(const google::protobuf::Message& message,
                           absl::string_view what);

// What the schema says about a field, and words for people: schema_text.cc.

const v1::FieldRule& RuleOf(const google::protobuf::FieldDescriptor& field);

// Whether the field is written as a duration (60s).
bool IsDuration(const google::protobuf::FieldDescriptor& field);

// What a value of the field has to be, for people: "a whole number from 1 to
// 1000", "a size such as 32MiB, at least 1MiB", "one of fedavg, fedprox".
std::string Expectation(const google::protobuf::FieldDescriptor& field);

// The same for a whole list: "a list, each element a whole number".
std::string ListExpectation(const google::protobuf::FieldDescriptor& field);

// A value of the field as it is written: "60s", "32MiB", "0.5".
std::string ValueText(const google::protobuf::FieldDescriptor& field,
                      double value);

// The value of an enumeration with that number, or with that word of files
// (`dark_red` for COLOUR_DARK_RED); null when there is none, and for zero,
// which is not specified.
const google::protobuf::EnumValueDescriptor* FindWord(
    const google::protobuf::EnumDescriptor& words, int number);
const google::protobuf::EnumValueDescriptor* FindWord(
    const google::protobuf::EnumDescriptor& words, absl::string_view word);
std::string WordText(const google::protobuf::EnumValueDescriptor& value);
// "one of dark_red, blue".
std::string WordsText(const google::protobuf::EnumDescriptor& words);

// The bounds alone, "" when the field has none: "from 1 to 1000", "more than
// 0".
std::string BoundsText(const google::protobuf::FieldDescriptor& field);

// "one of fedavg, fedprox": the members of a message's oneof.
std::string MembersText(const google::protobuf::OneofDescriptor& oneof);

// The path of a member: "round" and "cohort" make "round.cohort".
std::string JoinPath(absl::string_view path, absl::string_view member);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_SCHEMA_RULES_H_
