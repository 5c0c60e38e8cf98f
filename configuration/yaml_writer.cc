#include "configuration/yaml_writer.h"

#include <charconv>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "protocol/schema_rules.h"
#include "protocol/units.h"
#include "protocol/wire.h"

namespace shoal::configuration {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kLevelsOfLines = 2;

// As few digits as give the same number again. A number with a unit has no
// exponent.
std::string NumberText(const FieldDescriptor& field, double number) {
  char text[400];
  const bool has_unit = protocol::RuleOf(field).unit() == v1::UNIT_JOULES;
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

std::string WholeText(const FieldDescriptor& field, uint64_t value) {
  return protocol::RuleOf(field).unit() == v1::UNIT_BYTES
             ? protocol::SizeText(value)
             : absl::StrCat(value);
}

// A repeated field's element `index`; -1: of a field that is not repeated.
class Element {
 public:
  Element(const Message& message, const FieldDescriptor& field, int index)
      : message_(message),
        reflection_(*message.GetReflection()),
        field_(field),
        index_(index) {}

  const Message& AsMessage() const {
    return index_ < 0
               ? reflection_.GetMessage(message_, &field_)
               : reflection_.GetRepeatedMessage(message_, &field_, index_);
  }

  std::string ScalarText() const {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT32:
        return WholeText(field_, Get(&Reflection::GetUInt32,
                                     &Reflection::GetRepeatedUInt32));
      case FieldDescriptor::CPPTYPE_UINT64:
        return WholeText(field_, Get(&Reflection::GetUInt64,
                                     &Reflection::GetRepeatedUInt64));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return NumberText(field_, Get(&Reflection::GetDouble,
                                      &Reflection::GetRepeatedDouble));
      case FieldDescriptor::CPPTYPE_BOOL:
        return Get(&Reflection::GetBool, &Reflection::GetRepeatedBool)
                   ? "true"
                   : "false";
      case FieldDescriptor::CPPTYPE_STRING:
        return Quoted(
            Get(&Reflection::GetString, &Reflection::GetRepeatedString));
      case FieldDescriptor::CPPTYPE_ENUM:
        return protocol::WordText(
            *Get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        SHOAL_CHECK(protocol::IsDuration(field_));
        return protocol::DurationText(protocol::FromProto(
            static_cast<const google::protobuf::Duration&>(AsMessage())));
      default:
        // Schemas of files use no other type.
        SHOAL_CHECK(false);
    }
  }

 private:
  template <typename T>
  T Get(T (Reflection::*single)(const Message&, const FieldDescriptor*) const,
        T (Reflection::*repeated)(const Message&, const FieldDescriptor*, int)
            const) const {
    return index_ < 0 ? (reflection_.*single)(message_, &field_)
                      : (reflection_.*repeated)(message_, &field_, index_);
  }

  const Message& message_;
  const Reflection& reflection_;
  const FieldDescriptor& field_;
  const int index_;
};

bool IsMapping(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         !protocol::IsDuration(field);
}

std::vector<const FieldDescriptor*> FieldsOf(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  return fields;
}

std::string InBraces(const Message& message);

std::string ElementText(const Message& message, const FieldDescriptor& field,
                        int index) {
  const Element element(message, field, index);
  return IsMapping(field) ? InBraces(element.AsMessage())
                          : element.ScalarText();
}

std::string FieldText(const Message& message, const FieldDescriptor& field) {
  if (!field.is_repeated()) return ElementText(message, field, -1);
  std::vector<std::string> elements;
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    elements.push_back(ElementText(message, field, i));
  }
  return absl::StrCat("[", absl::StrJoin(elements, ", "), "]");
}

std::string InBraces(const Message& message) {
  std::vector<std::string> entries;
  for (const FieldDescriptor* field : FieldsOf(message)) {
    entries.push_back(
        absl::StrCat(field->name(), ": ", FieldText(message, *field)));
  }
  return absl::StrCat("{", absl::StrJoin(entries, ", "), "}");
}

void AppendLines(const Message& message, int level, std::string& text) {
  for (const FieldDescriptor* field : FieldsOf(message)) {
    absl::StrAppend(&text, std::string(2 * level, ' '), field->name(), ":");
    if (level + 1 < kLevelsOfLines && IsMapping(*field) &&
        !field->is_repeated()) {
      text += "\n";
      AppendLines(message.GetReflection()->GetMessage(message, field),
                  level + 1, text);
    } else {
      absl::StrAppend(&text, " ", FieldText(message, *field), "\n");
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
