#include "protocol/schema_rules.h"

#include <cmath>
#include <cstdlib>
#include <optional>
#include <regex>

#include "absl/container/flat_hash_map.h"
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
    if (size == 0 && RuleOf(field).required()) {
      Add(path, absl::StrCat("missing, expected ", ListExpectation(field)));
    }
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
        case FieldDescriptor::CPPTYPE_DOUBLE:
          CheckNumber(field, element,
                      reflection.GetRepeatedDouble(message, &field, i));
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
      case FieldDescriptor::CPPTYPE_ENUM:
        CheckWord(field, path, reflection.GetEnumValue(message, &field));
        return;
      default:
        return;  // booleans have no rules
    }
  }

  void CheckSubmessage(const Message& value, const FieldDescriptor& field,
                       const std::string& path) {
    if (!IsDuration(field)) {
      CheckNesting(value, field, path);
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

  void CheckNesting(const Message& value, const FieldDescriptor& field,
                    const std::string& path) {
    const uint32_t limit = RuleOf(field).max_nesting();
    if (limit != 0 && nesting_[&field] == limit) {
      Add(path, absl::StrCat(field.name(), " inside ", limit,
                             " others, expected at most ", limit,
                             " inside each other"));
      return;
    }
    ++nesting_[&field];
    CheckMessage(value, path);
    --nesting_[&field];
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
    AddOutOfRange(field, path, ValueText(field, value));
  }

  // A field without presence comes from peers alone, whose newer words do not
  // spoil the rest of their message.
  void CheckWord(const FieldDescriptor& field, const std::string& path,
                 int number) {
    if (!field.has_presence() ||
        FindWord(*field.enum_type(), number) != nullptr) {
      return;
    }
    Add(path,
        absl::StrCat(number, " is unknown, expected ", Expectation(field)));
  }

  // Messages of a field that are being looked into.
  absl::flat_hash_map<const FieldDescriptor*, uint32_t> nesting_;
};

bool HasUnknownFields(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUnknownFields(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (HasUnknownFields(reflection.GetRepeatedMessage(message, field, i))) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

std::vector<RuleViolation> CheckRules(const Message& message) {
  Walk walk;
  walk.CheckMessage(message, "");
  return std::move(walk.violations);
}

absl::Status CheckRulesStatus(const Message& message) {
  return FirstViolation(CheckRules(message));
}

absl::Status FirstViolation(const std::vector<RuleViolation>& violations) {
  if (violations.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(violations[0].path, ": ", violations[0].problem));
}

absl::Status CheckAllKnown(const Message& message, absl::string_view what) {
  if (!HasUnknownFields(message)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what,
                   " has settings that this version does not know, expected "
                   "only known ones"));
}

}  // namespace shoal::protocol
