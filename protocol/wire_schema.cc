#include "protocol/wire_schema.h"

#include <string>

#include "base/check.h"
#include "base/status_macros.h"
#include "google/protobuf/io/coded_stream.h"

namespace shoal::protocol {
namespace {

// More than YAML files can have.
constexpr int kMaxNesting = 1000;

}  // namespace

absl::StatusOr<schema::Message> AsSchema(
    const google::protobuf::Message& message) {
  schema::Message same(schema::TypeNamed(message.GetDescriptor()->name()));
  SHOAL_RETURN_IF_ERROR(same.Parse(message.SerializeAsString()));
  return same;
}

void FromSchema(const schema::Message& message,
                google::protobuf::Message& proto) {
  SHOAL_CHECK(message.type().name() == proto.GetDescriptor()->name());
  const std::string bytes = message.Serialize();
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const uint8_t*>(bytes.data()),
      static_cast<int>(bytes.size()));
  // Deeper than protobuf's own limit: a file's nesting is judged by the rules.
  stream.SetRecursionLimit(kMaxNesting);
  SHOAL_CHECK(proto.ParseFromCodedStream(&stream));
}

const schema::Field& FieldOf(const google::protobuf::FieldDescriptor& field) {
  return schema::FieldNamed(schema::TypeNamed(field.containing_type()->name()),
                            field.name());
}

const v1::FieldRule& RuleOf(const google::protobuf::FieldDescriptor& field) {
  return field.options().GetExtension(v1::rule);
}

std::vector<RuleViolation> CheckRules(
    const google::protobuf::Message& message) {
  const absl::StatusOr<schema::Message> same = AsSchema(message);
  if (same.ok()) return schema::CheckRules(*same);
  return {{"", std::string(same.status().message())}};
}

absl::Status CheckAllKnown(const google::protobuf::Message& message,
                           absl::string_view what) {
  SHOAL_ASSIGN_OR_RETURN(const schema::Message same, AsSchema(message));
  return schema::CheckAllKnown(same, what);
}

}  // namespace shoal::protocol
