#include "configuration/scalar_reader.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/duration.pb.h"
#include "protocol/schema_rules.h"
#include "protocol/units.h"
#include "protocol/wire.h"

namespace shoal::configuration {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string Unreadable(const FieldDescriptor& field, const Scalar& scalar) {
  return absl::StrCat(
      scalar.quoted ? "cannot read the quoted text '" : "cannot read '",
      absl::CEscape(scalar.text.substr(0, 80)), "', expected ",
      protocol::Expectation(field));
}

std::string OutOfRange(const FieldDescriptor& field, const Scalar& scalar) {
  return absl::StrCat(scalar.text.substr(0, 80), " is out of range, expected ",
                      protocol::Expectation(field));
}

bool HasUnit(const FieldDescriptor& field) {
  const v1::Unit unit = protocol::RuleOf(field).unit();
  return unit == v1::UNIT_BYTES || unit == v1::UNIT_JOULES ||
         protocol::IsDuration(field);
}

bool IsInteger(absl::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty()) return false;
  for (char c : text) {
    if (!absl::ascii_isdigit(c)) return false;
  }
  return true;
}

std::optional<uint64_t> ReadWhole(const FieldDescriptor& field,
                                  const Scalar& scalar, uint64_t largest,
                                  std::string& problem) {
  uint64_t value = 0;
  if (!IsInteger(scalar.text)) {
    problem = Unreadable(field, scalar);
  } else if (!absl::SimpleAtoi(scalar.text, &value) || value > largest) {
    problem = OutOfRange(field, scalar);
  } else {
    return value;
  }
  return std::nullopt;
}

std::string SetUint32(Message& message, const FieldDescriptor& field,
                      const Scalar& scalar) {
  std::string problem;
  const std::optional<uint64_t> value =
      ReadWhole(field, scalar, std::numeric_limits<uint32_t>::max(), problem);
  if (!value.has_value()) return problem;
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddUInt32(&message, &field, static_cast<uint32_t>(*value));
  } else {
    reflection.SetUInt32(&message, &field, static_cast<uint32_t>(*value));
  }
  return "";
}

std::string SetUint64(Message& message, const FieldDescriptor& field,
                      const Scalar& scalar) {
  std::string problem;
  const bool is_size = protocol::RuleOf(field).unit() == v1::UNIT_BYTES;
  const std::optional<uint64_t> value =
      is_size ? protocol::ParseSize(scalar.text)
              : ReadWhole(field, scalar, std::numeric_limits<uint64_t>::max(),
                          problem);
  if (!value.has_value()) return is_size ? Unreadable(field, scalar) : problem;
  message.GetReflection()->SetUInt64(&message, &field, *value);
  return "";
}

std::string SetDouble(Message& message, const FieldDescriptor& field,
                      const Scalar& scalar) {
  double value = 0;
  if (protocol::RuleOf(field).unit() == v1::UNIT_JOULES) {
    const std::optional<double> joules = protocol::ParseEnergy(scalar.text);
    if (!joules.has_value()) return Unreadable(field, scalar);
    value = *joules;
  } else if (!absl::SimpleAtod(scalar.text, &value)) {
    return Unreadable(field, scalar);
  }
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddDouble(&message, &field, value);
  } else {
    reflection.SetDouble(&message, &field, value);
  }
  return "";
}

std::string SetDuration(Message& message, const FieldDescriptor& field,
                        const Scalar& scalar) {
  const std::optional<absl::Duration> value =
      protocol::ParseDuration(scalar.text);
  if (!value.has_value()) return Unreadable(field, scalar);
  Message* target = message.GetReflection()->MutableMessage(&message, &field);
  static_cast<google::protobuf::Duration&>(*target) = protocol::ToProto(*value);
  return "";
}

std::string SetWord(Message& message, const FieldDescriptor& field,
                    const Scalar& scalar) {
  const google::protobuf::EnumValueDescriptor* word =
      protocol::FindWord(*field.enum_type(), scalar.text);
  if (word == nullptr) return Unreadable(field, scalar);
  message.GetReflection()->SetEnum(&message, &field, word);
  return "";
}

}  // namespace

std::string SetScalar(Message& message, const FieldDescriptor& field,
                      const Scalar& scalar) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    reflection.SetString(&message, &field, scalar.text);
    return "";
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return SetWord(message, field, scalar);
  }
  // A number with a unit is text to YAML, with quotes or without.
  if (scalar.quoted && !HasUnit(field)) return Unreadable(field, scalar);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetUint32(message, field, scalar);
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetUint64(message, field, scalar);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return SetDouble(message, field, scalar);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (scalar.text != "true" && scalar.text != "false") {
        return Unreadable(field, scalar);
      }
      reflection.SetBool(&message, &field, scalar.text == "true");
      return "";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (protocol::IsDuration(field)) {
        return SetDuration(message, field, scalar);
      }
      return Unreadable(field, scalar);
    default:
      // Schemas of files use no other type.
      SHOAL_CHECK(false);
  }
}

}  // namespace shoal::configuration
