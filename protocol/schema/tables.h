// What tables.cc, which is generated, defines.
#ifndef SHOAL_PROTOCOL_SCHEMA_TABLES_H_
#define SHOAL_PROTOCOL_SCHEMA_TABLES_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "protocol/schema/schema.h"

namespace shoal::protocol::schema {

struct WordList {
  uint16_t first_word;
  uint16_t num_words;
};

extern const absl::Span<const Type> kTypes;
extern const absl::Span<const Field> kFields;
extern const absl::Span<const WordList> kWordLists;
extern const absl::Span<const Word> kWords;
extern const absl::Span<const Range> kRanges;  // the first has no bounds
extern const absl::Span<const absl::string_view> kPatterns;  // the first: ""

}  // namespace shoal::protocol::schema

#endif  // SHOAL_PROTOCOL_SCHEMA_TABLES_H_
