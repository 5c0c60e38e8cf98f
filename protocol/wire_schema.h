// Between protobuf's classes and the tables of the schema (protocol/schema/).
#ifndef SHOAL_PROTOCOL_WIRE_SCHEMA_H_
#define SHOAL_PROTOCOL_WIRE_SCHEMA_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "protocol/schema/message.h"
#include "protocol/schema/rules.h"
#include "protocol/schema/text.h"
#include "shoal/v1/annotations.pb.h"

namespace shoal::protocol {

using RuleViolation = schema::Violation;
using schema::FirstViolation;
using schema::JoinPath;

// The same message, by way of its bytes. INVALID_ARGUMENT when it has more
// values than a schema::Message holds. REQUIRES: the tables have its type (all
// but those of the admin service do).
absl::StatusOr<schema::Message> AsSchema(
    const google::protobuf::Message& message);

// And back. REQUIRES: `proto` is of the same type, texts are UTF-8, and at most
// 1000 messages are inside each other.
void FromSchema(const schema::Message& message,
                google::protobuf::Message& proto);

// The row of a field, and its rule as the schema states it.
const schema::Field& FieldOf(const google::protobuf::FieldDescriptor& field);
const v1::FieldRule& RuleOf(const google::protobuf::FieldDescriptor& field);

// Everything that is wrong with `message`, as schema::CheckRules.
std::vector<RuleViolation> CheckRules(const google::protobuf::Message& message);

// As schema::CheckAllKnown.
absl::Status CheckAllKnown(const google::protobuf::Message& message,
                           absl::string_view what);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_WIRE_SCHEMA_H_
