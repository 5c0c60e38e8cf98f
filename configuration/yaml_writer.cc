#include "configuration/yaml_writer.h"

#include <charconv>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/units.h"
#include "protocol/schema/text.h"

namespace shoal::configuration {
namespace {

using protocol::schema::Field;
using protocol::schema::Kind;
using protocol::schema::Message;
using protocol::schema::Unit;
using protocol::schema::Value;

constexpr int kLevelsOfLines = 2;

// As few digits as give the same number again. A number with a unit has no
// exponent.
std::string NumberText(const Field& field, double number) {
  char text[400];
  const bool has_unit = field.unit == Unit::kJoules;
  const auto end = has_unit ? std::to_chars(text, text + sizeof(text), number,
                                            std::chars_format::fixed)
                            : std::to_chars(text, text + sizeof(text), number);
  SHOAL_CHECK(end.ec == std::errc());
  return absl::StrCat(absl::string_view(text, end.ptr - text),
                      has_unit ? "J" : "");
}

// A word stands as it is, anything else in quotes.
std::string Quoted(const std::string& text) {
  bool word = !text.empty() && absl::ascii_islower(text[0]) && text != "null";
  for (char c : text) {
    word = word && (absl::ascii_isalnum(c) || c == '_' || c == '-');
  }
  if (word) return text;
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (absl::ascii_iscntrl(c)) {
      absl::StrAppendFormat(&quoted, "\\x%02x", c);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string WholeText(const Field& field, uint64_t value) {
  return field.unit == Unit::kBytes ? SizeText(value) : absl::StrCat(value);
}

// The word of an enumeration that a file or a checked setting has given.
std::string WordText(const Value& value) {
  const protocol::schema::Word* const word =
      protocol::schema::FindWord(*value.field, value.AsWord());
  SHOAL_CHECK(word != nullptr);
  return std::string(word->text());
}

std::string InBraces(const Message& message);

std::string ValueText(const Value& value) {
  const Field& field = *value.field;
  switch (field.kind) {
    case Kind::kUint32:
    case Kind::kUint64:
      return WholeText(field, value.number);
    case Kind::kDouble:
      return NumberText(field, value.AsDouble());
    case Kind::kBool:
      return value.number != 0 ? "true" : "false";
    case Kind::kText:
      return Quoted(value.text);
    case Kind::kWord:
      return WordText(value);
    case Kind::kDuration:
      return DurationText(absl::Seconds(value.seconds) +
                          absl::Nanoseconds(value.nanos));
    case Kind::kMessage:
      return InBraces(value.message[0]);
    case Kind::kFixed32:
    case Kind::kBytes:
      break;
  }
  // Schemas of files use no other kind.
  SHOAL_CHECK(false);
}

bool IsSet(const Message& message, const Field& field) {
  return field.is_list ? message.CountOf(field) > 0 : message.Has(field);
}

std::string FieldText(const Message& message, const Field& field) {
  if (!field.is_list) return ValueText(*message.Find(field));
  std::vector<std::string> elements;
  for (const Value& value : message.values()) {
    if (value.field == &field) elements.push_back(ValueText(value));
  }
  return absl::StrCat("[", absl::StrJoin(elements, ", "), "]");
}

std::string InBraces(const Message& message) {
  std::vector<std::string> entries;
  for (const Field& field : FieldsOf(message.type())) {
    if (!IsSet(message, field)) continue;
    entries.push_back(
        absl::StrCat(field.name(), ": ", FieldText(message, field)));
  }
  return absl::StrCat("{", absl::StrJoin(entries, ", "), "}");
}

void AppendLines(const Message& message, int level, std::string& text) {
  for (const Field& field : FieldsOf(message.type())) {
    if (!IsSet(message, field)) continue;
    absl::StrAppend(&text, std::string(2 * level, ' '), field.name(), ":");
    if (level + 1 < kLevelsOfLines && field.kind == Kind::kMessage &&
        !field.is_list) {
      text += "\n";
      AppendLines(message.Find(field)->message[0], level + 1, text);
    } else {
      absl::StrAppend(&text, " ", FieldText(message, field), "\n");
    }
  }
}

}  // namespace

std::string WriteYaml(const Message& message) {
  std::string text;
  AppendLines(message, 0, text);
  return text;
}

}  // namespace shoal::configuration
