// Vectors of a ring as they travel: m bits for every element.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_PACKING_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_PACKING_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "privacy/secure_aggregation/ring_vector.h"

namespace shoal::secure_aggregation {

// Bytes of `length` packed elements: the smallest whole number.
// REQUIRES: as RingVector's.
int64_t PackedBytes(int64_t length, int ring_bits);

// First come tiles of 2048 elements: w rows of 2048 / w elements, with w = 32
// bits for rings of up to 32 bits and w = 64 for others. The elements of a
// column follow each other from the lowest bit on in the column's m words of w
// bits, and the words lie in m rows of 256 bytes, so that a tile takes 256 m
// bytes and rows are packed by plain vector code. The elements after the last
// tile follow each other from the lowest bit on; unused bits of the last byte
// are zero.
std::string Pack(const RingVector& vector);

// INVALID_ARGUMENT when the size is not what the length and ring ask for, or an
// unused bit is set.
absl::Status CheckPacked(absl::string_view packed, int64_t length,
                         int ring_bits);

// Adds a packed vector to `sum`, element by element. Errors of CheckPacked,
// with `sum` unchanged.
absl::Status AddPacked(absl::string_view packed, RingVector& sum);

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_PACKING_H_
