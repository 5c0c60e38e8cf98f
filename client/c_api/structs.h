// Structures of the C interface: they begin with their size, which may be that
// of an older or of a newer version.
#ifndef SHOAL_CLIENT_C_API_STRUCTS_H_
#define SHOAL_CLIENT_C_API_STRUCTS_H_

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace shoal::client {

// A caller's structure as this version has it: members that it lacks are zero.
// INVALID_ARGUMENT when it is null, when its size is impossible, or when it
// sets what is not known here.
template <typename T>
absl::StatusOr<T> ReadStruct(const T* given, absl::string_view name) {
  if (given == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": is NULL, expected a structure"));
  }
  const size_t size = given->struct_size;
  if (size < sizeof(size_t) || size > 16 * sizeof(T)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ".struct_size: ", size, ", expected sizeof, ", sizeof(T)));
  }
  const char* const bytes = reinterpret_cast<const char*>(given);
  for (size_t i = sizeof(T); i < size; ++i) {
    if (bytes[i] == 0) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": sets a member that this version of the library lacks"));
  }
  T known = {};
  std::memcpy(&known, given, std::min(size, sizeof(T)));
  return known;
}

// INVALID_ARGUMENT when a structure to be filled in has no size; null is left
// out.
template <typename T>
absl::Status CheckOut(const T* out, absl::string_view name) {
  if (out == nullptr || out->struct_size >= sizeof(size_t)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, ".struct_size: ", out->struct_size,
                   ", expected sizeof, ", sizeof(T)));
}

// Fills in as much as the caller's structure holds; null is ignored.
template <typename T>
void WriteStruct(T values, T* out) {
  if (out == nullptr) return;
  values.struct_size = out->struct_size;
  std::memcpy(out, &values, std::min(out->struct_size, sizeof(T)));
}

// Copies what fits, whole characters of UTF-8, and a zero.
template <size_t kSize>
void CopyText(absl::string_view text, char (&out)[kSize]) {
  size_t size = std::min(text.size(), kSize - 1);
  const auto continues = [](char c) { return (c & 0xC0) == 0x80; };
  if (size < text.size()) {
    while (size > 0 && continues(text[size])) --size;
  }
  std::memcpy(out, text.data(), size);
  out[size] = '\0';
}

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_C_API_STRUCTS_H_
