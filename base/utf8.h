// Text in UTF-8.
#ifndef SHOAL_BASE_UTF8_H_
#define SHOAL_BASE_UTF8_H_

#include "absl/strings/string_view.h"

namespace shoal {

// Whether `bytes` are UTF-8 (RFC 3629): shortest forms only, no surrogates,
// nothing beyond U+10FFFF.
bool IsUtf8(absl::string_view bytes);

}  // namespace shoal

#endif  // SHOAL_BASE_UTF8_H_
