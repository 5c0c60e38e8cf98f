#include "protocol/schema_rules.h"

#include <cmath>
#include <cstdlib>
#include <optional>
#include <regex>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/duration.pb.h"
#include "protocol/units.h"

namespace shoal::protocol {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

// std::regex recurses once per character; names and paths are far shorter.
constexpr size_t kMaxPatternBytes = 4096;
// Of google.protobuf.Duration, and its nanoseconds.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr int32_t kNanosecondsPerSecond = 1'000'000'000;

std::string Quoted(absl::string_view text) {
  const bool cut = text.size() > 80;
  return absl::StrCat("'", absl::CEscape(text.substr(0, 80)), cut ? "…'" : "'");
}

std::string FormatValue(const FieldDescriptor& field, double value) {
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

bool InRange(const v1::Range& range, double value) {
  if (!std::isfinite(value)) return false;
  if (range.has_min() && (value < range.min() ||
                          (range.min_exclusive() && value == range.min()))) {
    return false;
  }
  return !range.has_max() || (value <= range.max() &&
                              !(range.max_exclusive() && value == range.max()));
}

// One walk over one message; violations are collected on the way.
class Walk {
 public:
  std::vector<RuleViolation> violations;

  void CheckMessage(const Message& message, const std::string& path) {
    const Descriptor& descriptor = *message.GetDescriptor();
    for (int i = 0; i < descriptor.real_oneof_decl_count(); ++i) {
      const OneofDescriptor& oneof = *descriptor.oneof_decl(i);
      if (message.GetReflection()->HasOneof(message, &oneof)) continue;
      Add(path.empty() ? std::string(oneof.name()) : path,
          absl::StrCat("none is chosen, expected ", MembersText(oneof)));
    }
    for (int i = 0; i < descriptor.field_count(); ++i) {
      const FieldDescriptor& field = *descriptor.field(i);
      const std::string field_path = JoinPath(path, field.name());
      if (field.is_repeated()) {
        CheckList(message, field, field_path);
      } else {
        CheckField(message, field, field_path);
      }
    }
  }

 private:
  void Add(const std::string& path, std::string problem) {
    violations.push_back({path, std::move(problem)});
  }

  void AddOutOfRange(const FieldDescriptor& field, const std::string& path,
                     absl::string_view value) {
    Add(path,
        absl::StrCat(value, " is out of range, expected ", Expectation(field)));
  }

  void CheckList(const Message& message, const FieldDescriptor& field,
                 const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    const int size = reflection.FieldSize(message, &field);
    CheckSize(field, path, size, "elements");
    for (int i = 0; i < size; ++i) {
      const std::string element = absl::StrCat(path, "[", i, "]");
      switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          CheckMessage(reflection.GetRepeatedMessage(message, &field, i),
                       element);
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          CheckNumber(field, element,
                      reflection.GetRepeatedUInt32(message, &field, i));
          break;
        default:
          break;  // no rule speaks about elements of other types
      }
    }
  }

  void CheckField(const Message& message, const FieldDescriptor& field,
                  const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    const bool present = reflection.HasField(message, &field);
    if (!present && RuleOf(field).required()) {
      Add(path, absl::StrCat("missing, expected ", Expectation(field)));
      return;
    }
    if (!present && field.has_presence()) return;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        CheckSubmessage(reflection.GetMessage(message, &field), field, path);
        return;
      case FieldDescriptor::CPPTYPE_STRING:
        CheckText(field, path, reflection.GetString(message, &field), present);
        return;
      case FieldDescriptor::CPPTYPE_UINT32:
        CheckNumber(field, path, reflection.GetUInt32(message, &field));
        return;
      case FieldDescriptor::CPPTYPE_UINT64:
        CheckNumber(field, path,
                    static_cast<double>(reflection.GetUInt64(message, &field)));
        return;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        CheckNumber(field, path, reflection.GetDouble(message, &field));
        return;
      default:
        return;  // booleans and enumerations have no rules
    }
  }

  void CheckSubmessage(const Message& value, const FieldDescriptor& field,
                       const std::string& path) {
    if (!IsDuration(field)) {
      CheckMessage(value, path);
      return;
    }
    const auto& duration =
        static_cast<const google::protobuf::Duration&>(value);
    const int64_t seconds = duration.seconds();
    const int32_t nanos = duration.nanos();
    if (std::abs(static_cast<double>(seconds)) > kMaxDurationSeconds ||
        std::abs(static_cast<double>(nanos)) >= kNanosecondsPerSecond ||
        (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
      Add(path, absl::StrCat("not a duration, expected ", Expectation(field)));
      return;
    }
    CheckNumber(field, path, static_cast<double>(seconds) + 1e-9 * nanos);
  }

  void CheckText(const FieldDescriptor& field, const std::string& path,
                 const std::string& text, bool present) {
    const v1::FieldRule& rule = RuleOf(field);
    if (text.empty() && rule.required()) {
      Add(path, absl::StrCat("empty, expected ", Expectation(field)));
      return;
    }
    if (!CheckSize(field, path, text.size(), "bytes")) return;
    if (rule.pattern().empty() || (text.empty() && !present)) return;
    if (text.size() > kMaxPatternBytes ||
        !std::regex_match(text, std::regex(rule.pattern()))) {
      Add(path, absl::StrCat(Quoted(text), " does not match, expected ",
                             Expectation(field)));
    }
  }

  bool CheckSize(const FieldDescriptor& field, const std::string& path,
                 size_t size, absl::string_view unit) {
    const v1::Range& range = RuleOf(field).size();
    if (size == 0 || InRange(range, static_cast<double>(size))) return true;
    const bool exact = range.has_min() && range.min() == range.max();
    Add(path,
        absl::StrCat(
            size, " ", unit, ", expected ",
            exact ? ""
                  : (static_cast<double>(size) < range.min() ? "at least "
                                                             : "at most "),
            NumberText(static_cast<double>(size) < range.min() ? range.min()
                                                               : range.max())));
    return false;
  }

  void CheckNumber(const FieldDescriptor& field, const std::string& path,
                   double value) {
    if (InRange(RuleOf(field).range(), value)) return;
    AddOutOfRange(field, path, FormatValue(field, value));
  }
};

}  // namespace

std::vector<RuleViolation> CheckRules(const Message& message) {
  Walk walk;
  walk.CheckMessage(message, "");
  return std::move(walk.violations);
}

absl::Status CheckRulesStatus(const Message& message) {
  const std::vector<RuleViolation> violations = CheckRules(message);
  if (violations.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(violations[0].path, ": ", violations[0].problem));
}

const v1::FieldRule& RuleOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::rule);
}

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type() == google::protobuf::Duration::descriptor();
}

std::string BoundsText(const FieldDescriptor& field) {
  const v1::Range& range = RuleOf(field).range();
  const std::string min = FormatValue(field, range.min());
  const std::string max = FormatValue(field, range.max());
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
