#include "configuration/scalar_reader.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/units.h"
#include "base/utf8.h"
#include "protocol/schema/access.h"
#include "protocol/schema/text.h"

namespace shoal::configuration {
namespace {

using protocol::schema::Field;
using protocol::schema::Kind;
using protocol::schema::Message;
using protocol::schema::Unit;

std::string Unreadable(const Field& field, const Scalar& scalar) {
  return absl::StrCat(
      scalar.quoted ? "cannot read the quoted text '" : "cannot read '",
      absl::CEscape(scalar.text.substr(0, 80)), "', expected ",
      protocol::schema::Expectation(field));
}

std::string OutOfRange(const Field& field, const Scalar& scalar) {
  return absl::StrCat(scalar.text.substr(0, 80), " is out of range, expected ",
                      protocol::schema::Expectation(field));
}

bool HasUnit(const Field& field) {
  return field.unit == Unit::kBytes || field.unit == Unit::kJoules ||
         field.kind == Kind::kDuration;
}

bool IsInteger(absl::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty()) return false;
  for (char c : text) {
    if (!absl::ascii_isdigit(c)) return false;
  }
  return true;
}

std::optional<uint64_t> ReadWhole(const Field& field, const Scalar& scalar,
                                  uint64_t largest, std::string& problem) {
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

std::string SetUint32(Message& message, const Field& field,
                      const Scalar& scalar) {
  std::string problem;
  const std::optional<uint64_t> value =
      ReadWhole(field, scalar, std::numeric_limits<uint32_t>::max(), problem);
  if (!value.has_value()) return problem;
  (field.is_list ? message.Add(field) : message.Set(field)).number = *value;
  return "";
}

std::string SetUint64(Message& message, const Field& field,
                      const Scalar& scalar) {
  std::string problem;
  const bool is_size = field.unit == Unit::kBytes;
  const std::optional<uint64_t> value =
      is_size ? ParseSize(scalar.text)
              : ReadWhole(field, scalar, std::numeric_limits<uint64_t>::max(),
                          problem);
  if (!value.has_value()) return is_size ? Unreadable(field, scalar) : problem;
  message.Set(field).number = *value;
  return "";
}

std::string SetDouble(Message& message, const Field& field,
                      const Scalar& scalar) {
  double value = 0;
  if (field.unit == Unit::kJoules) {
    const std::optional<double> joules = ParseEnergy(scalar.text);
    if (!joules.has_value()) return Unreadable(field, scalar);
    value = *joules;
  } else if (!absl::SimpleAtod(scalar.text, &value)) {
    return Unreadable(field, scalar);
  }
  (field.is_list ? message.Add(field) : message.Set(field)).SetDouble(value);
  return "";
}

std::string SetDuration(Message& message, const Field& field,
                        const Scalar& scalar) {
  const std::optional<absl::Duration> value = ParseDuration(scalar.text);
  if (!value.has_value()) return Unreadable(field, scalar);
  protocol::schema::Write(message, field.name(), *value);
  return "";
}

std::string SetText(Message& message, const Field& field,
                    const Scalar& scalar) {
  if (!IsUtf8(scalar.text)) {
    return absl::StrCat("'", absl::CEscape(scalar.text.substr(0, 80)),
                        "' is no UTF-8 text, expected ",
                        protocol::schema::Expectation(field));
  }
  (field.is_list ? message.Add(field) : message.Set(field)).text = scalar.text;
  return "";
}

std::string SetWord(Message& message, const Field& field,
                    const Scalar& scalar) {
  const protocol::schema::Word* word =
      protocol::schema::FindWord(field, scalar.text);
  if (word == nullptr) return Unreadable(field, scalar);
  message.Set(field).number = static_cast<uint64_t>(word->number);
  return "";
}

}  // namespace

std::string SetScalar(Message& message, const Field& field,
                      const Scalar& scalar) {
  if (field.kind == Kind::kText) return SetText(message, field, scalar);
  if (field.kind == Kind::kWord) return SetWord(message, field, scalar);
  // A number with a unit is text to YAML, with quotes or without.
  if (scalar.quoted && !HasUnit(field)) return Unreadable(field, scalar);
  switch (field.kind) {
    case Kind::kUint32:
      return SetUint32(message, field, scalar);
    case Kind::kUint64:
      return SetUint64(message, field, scalar);
    case Kind::kDouble:
      return SetDouble(message, field, scalar);
    case Kind::kBool:
      if (scalar.text != "true" && scalar.text != "false") {
        return Unreadable(field, scalar);
      }
      message.Set(field).number = scalar.text == "true";
      return "";
    case Kind::kDuration:
      return SetDuration(message, field, scalar);
    case Kind::kMessage:
      return Unreadable(field, scalar);
    default:
      // Schemas of files use no other type.
      SHOAL_CHECK(false);
  }
}

}  // namespace shoal::configuration
