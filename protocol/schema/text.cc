#include "protocol/schema/text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/units.h"
#include "protocol/schema/pattern.h"

namespace shoal::protocol::schema {
namespace {

std::string WordsText(const Field& field) {
  std::vector<absl::string_view> texts;
  for (const Word& word : WordsOf(field)) texts.push_back(word.text());
  return absl::StrCat("one of ", absl::StrJoin(texts, ", "));
}

// What the field holds, without its bounds.
std::string KindText(const Field& field) {
  if (field.unit == Unit::kBytes) return "a size such as 32MiB";
  if (field.unit == Unit::kJoules) return "an energy such as 5J or 200mJ";
  switch (field.kind) {
    case Kind::kBool:
      return "true or false";
    case Kind::kDouble:
      return "a number";
    case Kind::kText:
      return "text";
    case Kind::kBytes:
      return "bytes";
    case Kind::kWord:
      return WordsText(field);
    case Kind::kDuration:
      return "a duration such as 60s or 10min";
    case Kind::kMessage:
      if (TypeOf(field).oneof().empty()) return "a mapping";
      return absl::StrCat("a mapping with ", MembersText(TypeOf(field)));
    default:
      return "a whole number";
  }
}

// Whether what is expected ends with an example.
bool HasExample(const Field& field) {
  return field.kind == Kind::kDuration || field.unit == Unit::kBytes ||
         field.unit == Unit::kJoules;
}

}  // namespace

std::string ValueText(const Field& field, double value) {
  if (field.kind == Kind::kDuration) return DurationText(absl::Seconds(value));
  switch (field.unit) {
    case Unit::kBytes:
      return SizeText(static_cast<uint64_t>(value));
    case Unit::kJoules:
      return EnergyText(value);
    default:
      return NumberText(value);
  }
}

const Word* FindWord(const Field& field, int number) {
  for (const Word& word : WordsOf(field)) {
    if (word.number == number) return &word;
  }
  return nullptr;
}

const Word* FindWord(const Field& field, absl::string_view text) {
  for (const Word& word : WordsOf(field)) {
    if (word.text() == text) return &word;
  }
  return nullptr;
}

std::string BoundsText(const Field& field) {
  const Range& range = RangeOf(field);
  const std::string min = ValueText(field, range.min);
  const std::string max = ValueText(field, range.max);
  if (range.has_min && range.has_max && !range.min_exclusive &&
      !range.max_exclusive) {
    return absl::StrCat("from ", min, " to ", max);
  }
  std::vector<std::string> bounds;
  if (range.has_min) {
    bounds.push_back(
        absl::StrCat(range.min_exclusive ? "more than " : "at least ", min));
  }
  if (range.has_max) {
    bounds.push_back(
        absl::StrCat(range.max_exclusive ? "less than " : "at most ", max));
  }
  return absl::StrJoin(bounds, " and ");
}

std::string Expectation(const Field& field) {
  const absl::string_view pattern = PatternOf(field);
  if (!pattern.empty()) {
    if (!IsChoice(pattern)) return absl::StrCat("text matching ", pattern);
    return absl::StrCat("one of ",
                        absl::StrJoin(absl::StrSplit(pattern, '|'), ", "));
  }
  const std::string bounds = BoundsText(field);
  const std::string kind = KindText(field);
  if (bounds.empty()) return kind;
  // "a size such as 32MiB, at least 1MiB", but "a number from 1 to 10".
  return absl::StrCat(kind, HasExample(field) ? ", " : " ", bounds);
}

std::string ListExpectation(const Field& field) {
  return absl::StrCat("a list, each element ", Expectation(field));
}

std::string MembersText(const Type& type) {
  std::vector<absl::string_view> names;
  for (const Field& field : FieldsOf(type)) {
    if (field.in_oneof) names.push_back(field.name());
  }
  return absl::StrCat("one of ", absl::StrJoin(names, ", "));
}

std::string JoinPath(absl::string_view path, absl::string_view member) {
  if (path.empty()) return std::string(member);
  return absl::StrCat(path, ".", member);
}

}  // namespace shoal::protocol::schema
