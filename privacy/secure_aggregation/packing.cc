#include "privacy/secure_aggregation/packing.h"

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::secure_aggregation {
namespace {

constexpr int64_t kRowBytes = 256;
constexpr int64_t kTileElements = 2048;

// ---- Tiles. What lanes hold above an element's bits means nothing, so that
// adding need not cut off the neighbours' bits.

template <typename Lane>
struct Tile {
  static constexpr int kWordBits = 8 * sizeof(Lane);  // and rows of elements
  static constexpr int kColumns = kRowBytes / sizeof(Lane);
  static_assert(kWordBits * kColumns == kTileElements);

  static Lane Load(const char* row, int column) {
    Lane word;
    std::memcpy(&word, row + column * sizeof word, sizeof word);
    return word;
  }
  static void Store(Lane word, char* row, int column) {
    std::memcpy(row + column * sizeof word, &word, sizeof word);
  }

  static void Add(const char* packed, int bits, Lane* lanes) {
    for (int row = 0; row < kWordBits; ++row) {
      const char* const words = packed + row * bits / kWordBits * kRowBytes;
      const int shift = row * bits % kWordBits;
      Lane* const out = lanes + row * kColumns;
      if (shift + bits <= kWordBits) {
        for (int column = 0; column < kColumns; ++column) {
          out[column] += Load(words, column) >> shift;
        }
      } else {
        for (int column = 0; column < kColumns; ++column) {
          out[column] += Load(words, column) >> shift |
                         Load(words + kRowBytes, column) << (kWordBits - shift);
        }
      }
    }
  }

  // To zeros.
  static void Pack(const Lane* lanes, int bits, Lane mask, char* packed) {
    for (int row = 0; row < kWordBits; ++row) {
      char* const words = packed + row * bits / kWordBits * kRowBytes;
      const int shift = row * bits % kWordBits;
      const Lane* const in = lanes + row * kColumns;
      for (int column = 0; column < kColumns; ++column) {
        Store(Load(words, column) | (in[column] & mask) << shift, words,
              column);
      }
      if (shift + bits <= kWordBits) continue;
      for (int column = 0; column < kColumns; ++column) {
        Store((in[column] & mask) >> (kWordBits - shift), words + kRowBytes,
              column);
      }
    }
  }
};

// ---- The elements after the tiles.

// The element whose lowest bit is bit `place` of `packed`. Bits above it are
// there as well.
uint64_t ElementAt(absl::string_view packed, int64_t place, int bits) {
  uint64_t element = 0;
  for (int done = 0; done < bits;) {
    const int shift = place % 8;
    const uint64_t part = static_cast<uint8_t>(packed[place / 8]) >> shift;
    element |= part << done;
    done += 8 - shift;
    place += 8 - shift;
  }
  return element;
}

template <typename Lane>
void AddRest(absl::string_view packed, int bits, absl::Span<Lane> lanes) {
  for (size_t i = 0; i < lanes.size(); ++i) {
    lanes[i] += static_cast<Lane>(ElementAt(packed, i * bits, bits));
  }
}

template <typename Lane>
void PackRest(absl::Span<const Lane> lanes, int bits, Lane mask, char* packed) {
  uint64_t word = 0;  // bits that are not written yet
  int used = 0;       // of them; below 64
  for (const Lane lane : lanes) {
    const uint64_t value = lane & mask;
    word |= value << used;
    used += bits;
    if (used >= 64) {
      std::memcpy(packed, &word, sizeof word);
      packed += sizeof word;
      used -= 64;
      word = used > 0 ? value >> (bits - used) : 0;
    }
  }
  std::memcpy(packed, &word, (used + 7) / 8);
}

}  // namespace

int64_t PackedBytes(int64_t length, int ring_bits) {
  SHOAL_CHECK(length >= 0 && length <= kMaxVectorLength);
  SHOAL_CHECK(ring_bits >= 1 && ring_bits <= kMaxRingBits);
  return (length * ring_bits + 7) / 8;
}

std::string Pack(const RingVector& vector) {
  const int bits = vector.ring_bits();
  std::string packed(PackedBytes(vector.length(), bits), '\0');
  vector.Visit([&](const auto& lanes) {
    using Lane = typename std::decay_t<decltype(lanes)>::value_type;
    const Lane mask = static_cast<Lane>(vector.mask());
    auto rest = absl::MakeConstSpan(lanes);
    char* to = packed.data();
    while (rest.size() >= kTileElements) {
      Tile<Lane>::Pack(rest.data(), bits, mask, to);
      rest.remove_prefix(kTileElements);
      to += bits * kRowBytes;
    }
    PackRest<Lane>(rest, bits, mask, to);
  });
  return packed;
}

absl::Status CheckPacked(absl::string_view packed, int64_t length, int bits) {
  const int64_t expected = PackedBytes(length, bits);
  if (static_cast<int64_t>(packed.size()) != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("the packed vector has ", packed.size(), " bytes; ",
                     length, " elements of ", bits, " bits are ", expected));
  }
  const int used = length * bits % 8;  // of the last byte; 0: all
  if (used > 0 && static_cast<uint8_t>(packed.back()) >> used != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the last byte of the packed vector is ",
                     static_cast<uint8_t>(packed.back()), "; only its lowest ",
                     used, " bits may be set"));
  }
  return absl::OkStatus();
}

absl::Status AddPacked(absl::string_view packed, RingVector& sum) {
  const int bits = sum.ring_bits();
  SHOAL_RETURN_IF_ERROR(CheckPacked(packed, sum.length(), bits));
  sum.Visit([&](auto& lanes) {
    using Lane = typename std::decay_t<decltype(lanes)>::value_type;
    auto rest = absl::MakeSpan(lanes);
    while (rest.size() >= kTileElements) {
      Tile<Lane>::Add(packed.data(), bits, rest.data());
      rest.remove_prefix(kTileElements);
      packed.remove_prefix(bits * kRowBytes);
    }
    AddRest<Lane>(packed, bits, rest);
  });
  return absl::OkStatus();
}

}  // namespace shoal::secure_aggregation
