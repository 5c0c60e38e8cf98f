#include "base/utf8.h"

#include <cstdint>

namespace shoal {
namespace {

// The bytes of the character that starts with `first`; 0: none does.
int LengthOf(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

// Whether `second` may follow `first`: the rest of the range that LengthOf
// cannot see.
bool MayFollow(uint8_t first, uint8_t second) {
  switch (first) {
    case 0xE0:
      return second >= 0xA0;  // otherwise not the shortest form
    case 0xED:
      return second < 0xA0;  // otherwise a surrogate
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second < 0x90;  // otherwise beyond U+10FFFF
    default:
      return true;
  }
}

}  // namespace

bool IsUtf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const uint8_t first = static_cast<uint8_t>(bytes[0]);
    const size_t length = static_cast<size_t>(LengthOf(first));
    if (length == 0 || bytes.size() < length) return false;
    for (size_t i = 1; i < length; ++i) {
      if ((static_cast<uint8_t>(bytes[i]) & 0xC0) != 0x80) return false;
    }
    if (length > 1 && !MayFollow(first, static_cast<uint8_t>(bytes[1]))) {
      return false;
    }
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace shoal
