// SHA-256 digests, the names of everything content-addressed.
#ifndef SHOAL_BASE_DIGEST_H_
#define SHOAL_BASE_DIGEST_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal {

// A SHA-256 value; all zeros means "none". A plain value type.
struct Digest {
  static constexpr int kSize = 32;
  std::array<uint8_t, kSize> bytes{};

  bool empty() const { return *this == Digest(); }
  std::string ToHex() const;  // 64 lower-case digits
  // The first 12 digits: for people, never for look-ups.
  std::string ToShortHex() const;
  // The 32 raw bytes, as they travel and are stored.
  absl::string_view AsBytes() const;

  // INVALID_ARGUMENT unless `hex` is 64 hexadecimal digits.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);
  // INVALID_ARGUMENT unless `bytes` is 32 bytes long.
  static absl::StatusOr<Digest> FromBytes(absl::string_view bytes);

  friend bool operator==(const Digest& a, const Digest& b) {
    return a.bytes == b.bytes;
  }
  friend bool operator!=(const Digest& a, const Digest& b) { return !(a == b); }
  friend bool operator<(const Digest& a, const Digest& b) {
    return a.bytes < b.bytes;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.bytes);
  }
};

Digest Sha256(absl::string_view data);

// Takes the same time whatever the contents; false when the sizes differ.
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

// SHA-256 of data that arrives in pieces. Thread-compatible.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;

  void Update(absl::string_view data);
  // The digest of everything so far; more may follow.
  Digest Current() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// CRC-32 (ISO-HDLC, the polynomial of zlib): guards single chunks against
// accidents, never against an adversary.
uint32_t Crc32(absl::string_view data);

}  // namespace shoal

#endif  // SHOAL_BASE_DIGEST_H_
