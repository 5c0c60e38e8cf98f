// What the schema says about fields, in words.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/duration.pb.h"
#include "protocol/schema_rules.h"
#include "protocol/units.h"

namespace shoal::protocol {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

// What the field holds, without its bounds.
std::string KindText(const FieldDescriptor& field) {
  const v1::FieldRule& rule = RuleOf(field);
  if (IsDuration(field)) return "a duration such as 60s or 10min";
  if (rule.unit() == v1::UNIT_BYTES) return "a size such as 32MiB";
  if (rule.unit() == v1::UNIT_JOULES) return "an energy such as 5J or 200mJ";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a number";
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? "bytes" : "text";
    case FieldDescriptor::CPPTYPE_ENUM:
      return WordsText(*field.enum_type());
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type()->real_oneof_decl_count() > 0) {
        return absl::StrCat("a mapping with ",
                            MembersText(*field.message_type()->oneof_decl(0)));
      }
      return "a mapping";
    default:
      return "a whole number";
  }
}

}  // namespace

const v1::FieldRule& RuleOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::rule);
}

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type() == google::protobuf::Duration::descriptor();
}

std::string ValueText(const FieldDescriptor& field, double value) {
  if (IsDuration(field)) return DurationText(absl::Seconds(value));
  switch (RuleOf(field).unit()) {
    case v1::UNIT_BYTES:
      return SizeText(static_cast<uint64_t>(value));
    case v1::UNIT_JOULES:
      return EnergyText(value);
    default:
      return NumberText(value);
  }
}

const EnumValueDescriptor* FindWord(const EnumDescriptor& words, int number) {
  return number == 0 ? nullptr : words.FindValueByNumber(number);
}

const EnumValueDescriptor* FindWord(const EnumDescriptor& words,
                                    absl::string_view word) {
  for (int i = 0; i < words.value_count(); ++i) {
    const EnumValueDescriptor& value = *words.value(i);
    if (value.number() != 0 && WordText(value) == word) return &value;
  }
  return nullptr;
}

std::string WordText(const EnumValueDescriptor& value) {
  const absl::string_view zero = value.type()->value(0)->name();
  return absl::AsciiStrToLower(
      absl::StripPrefix(value.name(), absl::StripSuffix(zero, "UNSPECIFIED")));
}

std::string WordsText(const EnumDescriptor& words) {
  std::vector<std::string> texts;
  for (int i = 0; i < words.value_count(); ++i) {
    if (words.value(i)->number() == 0) continue;
    texts.push_back(WordText(*words.value(i)));
  }
  return absl::StrCat("one of ", absl::StrJoin(texts, ", "));
}

std::string BoundsText(const FieldDescriptor& field) {
  const v1::Range& range = RuleOf(field).range();
  const std::string min = ValueText(field, range.min());
  const std::string max = ValueText(field, range.max());
  if (range.has_min() && range.has_max() && !range.min_exclusive() &&
      !range.max_exclusive()) {
    return absl::StrCat("from ", min, " to ", max);
  }
  std::vector<std::string> bounds;
  if (range.has_min()) {
    bounds.push_back(
        absl::StrCat(range.min_exclusive() ? "more than " : "at least ", min));
  }
  if (range.has_max()) {
    bounds.push_back(
        absl::StrCat(range.max_exclusive() ? "less than " : "at most ", max));
  }
  return absl::StrJoin(bounds, " and ");
}

std::string Expectation(const FieldDescriptor& field) {
  const v1::FieldRule& rule = RuleOf(field);
  if (!rule.pattern().empty()) {
    const bool words =
        rule.pattern().find_first_of("[(*+.?{\\") == std::string::npos;
    if (!words) return absl::StrCat("text matching ", rule.pattern());
    return absl::StrCat(
        "one of ", absl::StrJoin(absl::StrSplit(rule.pattern(), '|'), ", "));
  }
  const std::string bounds = BoundsText(field);
  const std::string kind = KindText(field);
  if (bounds.empty()) return kind;
  // "a size such as 32MiB, at least 1MiB", but "a number from 1 to 10".
  const bool has_example = IsDuration(field) || rule.unit() == v1::UNIT_BYTES ||
                           rule.unit() == v1::UNIT_JOULES;
  return absl::StrCat(kind, has_example ? ", " : " ", bounds);
}

std::string ListExpectation(const FieldDescriptor& field) {
  return absl::StrCat("a list, each element ", Expectation(field));
}

std::string MembersText(const OneofDescriptor& oneof) {
  std::vector<std::string> names;
  for (int i = 0; i < oneof.field_count(); ++i) {
    names.push_back(std::string(oneof.field(i)->name()));
  }
  return absl::StrCat("one of ", absl::StrJoin(names, ", "));
}

std::string JoinPath(absl::string_view path, absl::string_view member) {
  if (path.empty()) return std::string(member);
  return absl::StrCat(path, ".", member);
}

}  // namespace shoal::protocol
