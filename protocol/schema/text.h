// What the schema says about fields, in words.
#ifndef SHOAL_PROTOCOL_SCHEMA_TEXT_H_
#define SHOAL_PROTOCOL_SCHEMA_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "protocol/schema/schema.h"

namespace shoal::protocol::schema {

// What a value of the field has to be, for people: "a whole number from 1 to
// 1000", "a size such as 32MiB, at least 1MiB", "one of fedavg, fedprox".
std::string Expectation(const Field& field);

// The same for a whole list: "a list, each element a whole number".
std::string ListExpectation(const Field& field);

// A value of the field as it is written: "60s", "32MiB", "0.5".
std::string ValueText(const Field& field, double value);

// The value of an enumeration with that number, or with that word of files
// (`dark_red` for COLOUR_DARK_RED); null when there is none, and for zero,
// which is not specified.
const Word* FindWord(const Field& field, int number);
const Word* FindWord(const Field& field, absl::string_view text);

// The bounds alone, "" when the field has none: "from 1 to 1000", "more than
// 0".
std::string BoundsText(const Field& field);

// "one of fedavg, fedprox": the members of the oneof of a message.
std::string MembersText(const Type& type);

// The path of a member: "round" and "cohort" make "round.cohort".
std::string JoinPath(absl::string_view path, absl::string_view member);

}  // namespace shoal::protocol::schema

#endif  // SHOAL_PROTOCOL_SCHEMA_TEXT_H_
