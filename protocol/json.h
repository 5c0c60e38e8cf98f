// Messages as JSON for scripts: field names as in the schema, digests in
// hexadecimal, states in lower case ("committed"), times in RFC 3339, durations
// in seconds, numbers as numbers. Fields that are not set are left out.
#ifndef SHOAL_PROTOCOL_JSON_H_
#define SHOAL_PROTOCOL_JSON_H_

#include <nlohmann/json.hpp>
#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace shoal::protocol {

nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// Indented, with a line feed at the end.
std::string ToJsonText(const google::protobuf::Message& message);

// "committed" for ROUND_STATE_COMMITTED.
std::string EnumText(const google::protobuf::EnumValueDescriptor& value);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_JSON_H_
