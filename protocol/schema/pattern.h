// The regular expressions that the schema uses, without a regular expression
// engine: they run on devices, over what peers send.
#ifndef SHOAL_PROTOCOL_SCHEMA_PATTERN_H_
#define SHOAL_PROTOCOL_SCHEMA_PATTERN_H_

#include "absl/strings/string_view.h"

namespace shoal::protocol::schema {

// Whether all of `text` matches. `pattern` is either words with | between them,
// or characters and sets in brackets ([a-z0-9_.-]), each repeated by *, {n} or
// {m,n} or not at all; it is matched greedily, from left to right, without
// turning back. CHECK-fails for any other pattern.
bool Matches(absl::string_view text, absl::string_view pattern);

// Whether `pattern` is a choice of words.
bool IsChoice(absl::string_view pattern);

}  // namespace shoal::protocol::schema

#endif  // SHOAL_PROTOCOL_SCHEMA_PATTERN_H_
