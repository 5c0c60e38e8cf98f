// Little-endian integers in byte strings: the encoding of every format of ours
// on disk and on the wire that is not protobuf.
#ifndef SHOAL_BASE_BYTES_H_
#define SHOAL_BASE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace shoal {

static_assert(std::endian::native == std::endian::little,
              "Shoal stores vectors as they lie in memory: little-endian only");

// REQUIRES: `data` points at enough bytes.
inline uint16_t LoadU16(const char* data) {
  uint16_t x;
  std::memcpy(&x, data, sizeof x);
  return x;
}
inline uint32_t LoadU32(const char* data) {
  uint32_t x;
  std::memcpy(&x, data, sizeof x);
  return x;
}
inline uint64_t LoadU64(const char* data) {
  uint64_t x;
  std::memcpy(&x, data, sizeof x);
  return x;
}
inline double LoadF64(const char* data) {
  return std::bit_cast<double>(LoadU64(data));
}

inline void AppendU16(std::string& out, uint16_t x) {
  out.append(reinterpret_cast<const char*>(&x), sizeof x);
}
inline void AppendU32(std::string& out, uint32_t x) {
  out.append(reinterpret_cast<const char*>(&x), sizeof x);
}
inline void AppendU64(std::string& out, uint64_t x) {
  out.append(reinterpret_cast<const char*>(&x), sizeof x);
}
inline void AppendF64(std::string& out, double x) {
  AppendU64(out, std::bit_cast<uint64_t>(x));
}
// A string with its length (4 bytes) before it.
inline void AppendSized(std::string& out, absl::string_view text) {
  AppendU32(out, static_cast<uint32_t>(text.size()));
  out.append(text.data(), text.size());
}

// Reads what the functions above wrote, with bounds checks: after the first
// read beyond the end every value is zero and ok() is false.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view data) : rest_(data) {}

  bool ok() const { return ok_; }
  absl::string_view rest() const { return rest_; }

  uint16_t U16() { return Take(2) ? LoadU16(taken_.data()) : 0; }
  uint32_t U32() { return Take(4) ? LoadU32(taken_.data()) : 0; }
  uint64_t U64() { return Take(8) ? LoadU64(taken_.data()) : 0; }
  double F64() { return Take(8) ? LoadF64(taken_.data()) : 0; }
  absl::string_view Bytes(size_t size) {
    return Take(size) ? taken_ : absl::string_view();
  }
  absl::string_view Sized() { return Bytes(U32()); }

 private:
  bool Take(size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return false;
    }
    taken_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  absl::string_view rest_;
  absl::string_view taken_;
  bool ok_ = true;
};

}  // namespace shoal

#endif  // SHOAL_BASE_BYTES_H_
