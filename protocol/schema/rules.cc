#include "protocol/schema/rules.h"

#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/units.h"
#include "protocol/schema/pattern.h"
#include "protocol/schema/text.h"

namespace shoal::protocol::schema {
namespace {

// Of google.protobuf.Duration, and its nanoseconds.
constexpr double kMaxDurationSeconds = 315'576'000'000;
constexpr double kNanosecondsPerSecond = 1'000'000'000;
// What an error repeats of a text.
constexpr size_t kMaxShownBytes = 80;

std::string Quoted(absl::string_view text) {
  const bool cut = text.size() > kMaxShownBytes;
  return absl::StrCat("'", absl::CEscape(text.substr(0, kMaxShownBytes)),
                      cut ? "…'" : "'");
}

bool IsDuration(const Value& value) {
  const double seconds = static_cast<double>(value.seconds);
  return std::abs(seconds) <= kMaxDurationSeconds &&
         std::abs(static_cast<double>(value.nanos)) < kNanosecondsPerSecond &&
         !(value.seconds > 0 && value.nanos < 0) &&
         !(value.seconds < 0 && value.nanos > 0);
}

// One walk over one message; violations are collected on the way.
class Walk {
 public:
  std::vector<Violation> violations;

  void CheckMessage(const Message& message, const std::string& path) {
    const Type& type = message.type();
    if (!type.oneof().empty() && message.Chosen() == nullptr) {
      Add(path.empty() ? std::string(type.oneof()) : path,
          absl::StrCat("none is chosen, expected ", MembersText(type)));
    }
    for (const Field& field : FieldsOf(type)) {
      const std::string field_path = JoinPath(path, field.name());
      if (field.is_list) {
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

  void CheckList(const Message& message, const Field& field,
                 const std::string& path) {
    const int size = message.CountOf(field);
    if (size == 0 && field.is_required) {
      Add(path, absl::StrCat("missing, expected ", ListExpectation(field)));
    }
    CheckSize(field, path, static_cast<size_t>(size), "elements");
    int index = 0;
    for (const Value& value : message.values()) {
      if (value.field != &field) continue;
      const std::string element = absl::StrCat(path, "[", index++, "]");
      if (field.kind == Kind::kMessage) {
        CheckMessage(value.message[0], element);
      } else if (field.kind == Kind::kUint32) {
        CheckNumber(field, element, static_cast<double>(value.number));
      } else if (field.kind == Kind::kDouble) {
        CheckNumber(field, element, value.AsDouble());
      } else if (field.kind == Kind::kText) {
        CheckPattern(field, element, value.text);
      }  // no rule speaks about elements of other kinds
    }
  }

  void CheckField(const Message& message, const Field& field,
                  const std::string& path) {
    const bool present = message.Has(field);
    if (!present && field.is_required) {
      Add(path, absl::StrCat("missing, expected ", Expectation(field)));
      return;
    }
    if (!present && field.has_presence) return;
    static const std::string& none = *new std::string;
    const Value* const value = message.Find(field);
    const uint64_t number = value != nullptr ? value->number : 0;
    switch (field.kind) {
      case Kind::kMessage:
        CheckNesting(value->message[0], field, path);
        return;
      case Kind::kDuration:
        CheckDuration(*value, path);
        return;
      case Kind::kText:
      case Kind::kBytes:
        CheckText(field, path, value != nullptr ? value->text : none, present);
        return;
      case Kind::kUint32:
      case Kind::kUint64:
        CheckNumber(field, path, static_cast<double>(number));
        return;
      case Kind::kDouble:
        CheckNumber(field, path, value != nullptr ? value->AsDouble() : 0);
        return;
      case Kind::kWord:
        if (value != nullptr) CheckWord(*value, path);
        return;
      case Kind::kBool:
      case Kind::kFixed32:
        return;  // they have no rules
    }
  }

  void CheckDuration(const Value& value, const std::string& path) {
    const Field& field = *value.field;
    if (!IsDuration(value)) {
      Add(path, absl::StrCat("not a duration, expected ", Expectation(field)));
      return;
    }
    CheckNumber(field, path,
                static_cast<double>(value.seconds) + 1e-9 * value.nanos);
  }

  void CheckNesting(const Message& value, const Field& field,
                    const std::string& path) {
    int inside = 0;
    for (const Field* around : around_) inside += around == &field;
    if (field.max_nesting != 0 && inside == field.max_nesting) {
      Add(path, absl::StrCat(field.name(), " inside ", inside,
                             " others, expected at most ", inside,
                             " inside each other"));
      return;
    }
    around_.push_back(&field);
    CheckMessage(value, path);
    around_.pop_back();
  }

  void CheckText(const Field& field, const std::string& path,
                 const std::string& text, bool present) {
    if (text.empty() && field.is_required) {
      Add(path, absl::StrCat("empty, expected ", Expectation(field)));
      return;
    }
    if (!CheckSize(field, path, text.size(), "bytes")) return;
    if (!text.empty() || present) CheckPattern(field, path, text);
  }

  void CheckPattern(const Field& field, const std::string& path,
                    const std::string& text) {
    const absl::string_view pattern = PatternOf(field);
    if (pattern.empty() || Matches(text, pattern)) return;
    Add(path, absl::StrCat(Quoted(text), " does not match, expected ",
                           Expectation(field)));
  }

  bool CheckSize(const Field& field, const std::string& path, size_t size,
                 absl::string_view unit) {
    const Range& range = SizeOf(field);
    const double count = static_cast<double>(size);
    if (size == 0 || IsIn(range, count)) return true;
    const bool exact = range.has_min && range.min == range.max;
    const bool too_few = count < range.min;
    Add(path, absl::StrCat(size, " ", unit, ", expected ",
                           exact ? "" : (too_few ? "at least " : "at most "),
                           NumberText(too_few ? range.min : range.max)));
    return false;
  }

  void CheckNumber(const Field& field, const std::string& path, double value) {
    if (IsIn(RangeOf(field), value)) return;
    Add(path, absl::StrCat(ValueText(field, value),
                           " is out of range, expected ", Expectation(field)));
  }

  // A field without presence comes from peers alone, whose newer words do not
  // spoil the rest of their message.
  void CheckWord(const Value& value, const std::string& path) {
    const Field& field = *value.field;
    if (!field.has_presence || FindWord(field, value.AsWord()) != nullptr) {
      return;
    }
    Add(path, absl::StrCat(value.AsWord(), " is unknown, expected ",
                           Expectation(field)));
  }

  // Fields whose messages are being looked into, from the outside in.
  std::vector<const Field*> around_;
};

}  // namespace

std::vector<Violation> CheckRules(const Message& message) {
  Walk walk;
  walk.CheckMessage(message, "");
  return std::move(walk.violations);
}

absl::Status FirstViolation(const std::vector<Violation>& violations) {
  if (violations.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(violations[0].path, ": ", violations[0].problem));
}

absl::Status CheckAllKnown(const Message& message, absl::string_view what) {
  if (!message.has_unknown()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what,
                   " has settings that this version does not know, expected "
                   "only known ones"));
}

}  // namespace shoal::protocol::schema
