#include "protocol/schema/schema.h"

#include <cmath>

#include "base/check.h"
#include "protocol/schema/tables.h"

namespace shoal::protocol::schema {

const Type* FindType(absl::string_view name) {
  for (const Type& type : kTypes) {
    if (type.name() == name) return &type;
  }
  return nullptr;
}

const Type& TypeNamed(absl::string_view name) {
  const Type* const type = FindType(name);
  SHOAL_CHECK(type != nullptr);
  return *type;
}

absl::Span<const Type> AllTypes() { return kTypes; }

absl::Span<const Field> FieldsOf(const Type& type) {
  return kFields.subspan(type.first_field, type.num_fields);
}

const Field* FindField(const Type& type, absl::string_view name) {
  for (const Field& field : FieldsOf(type)) {
    if (field.name() == name) return &field;
  }
  return nullptr;
}

const Field* FindField(const Type& type, uint32_t number) {
  for (const Field& field : FieldsOf(type)) {
    if (field.number == number) return &field;
  }
  return nullptr;
}

const Field& FieldNamed(const Type& type, absl::string_view name) {
  const Field* const field = FindField(type, name);
  SHOAL_CHECK(field != nullptr);
  return *field;
}

const Type& TypeOf(const Field& field) {
  SHOAL_CHECK(field.kind == Kind::kMessage);
  return kTypes[field.type];
}

absl::Span<const Word> WordsOf(const Field& field) {
  SHOAL_CHECK(field.kind == Kind::kWord);
  const WordList& list = kWordLists[field.type];
  return kWords.subspan(list.first_word, list.num_words);
}

const Range& RangeOf(const Field& field) {
  static constexpr Range kFractions = {0, 1, true, true, false, false};
  return field.unit == Unit::kFraction ? kFractions : kRanges[field.range];
}

const Range& SizeOf(const Field& field) { return kRanges[field.size]; }

absl::string_view PatternOf(const Field& field) {
  return kPatterns[field.pattern];
}

bool IsIn(const Range& range, double value) {
  if (!std::isfinite(value)) return false;
  if (range.has_min &&
      (value < range.min || (range.min_exclusive && value == range.min))) {
    return false;
  }
  return !range.has_max ||
         (value <= range.max && !(range.max_exclusive && value == range.max));
}

}  // namespace shoal::protocol::schema
