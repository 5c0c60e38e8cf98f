#include "privacy/secure_aggregation/quantiser.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/clipping.h"
#include "privacy/secure_aggregation/keystream.h"
#include "privacy/secure_aggregation/rotation.h"

namespace shoal::secure_aggregation {
namespace {

// Bits behind the point while rounding: as many as doubles have beside the
// largest code, 53 - 1 (sign) - 1 - 23.
constexpr int kFractionBits = 28;
// A double in [2^52, 2^53) has its integer in the lowest bits: added to a
// number of up to 2^51 it rounds that to one, without the conversions that
// vectors of some processors lack.
constexpr double kRounder = 0x1.8p52;
// Moves numbers of up to 2^51 above zero, to be shifted without a sign.
constexpr uint64_t kOffset = uint64_t{1} << 52;
constexpr size_t kChunk = 1024;

// Rounds values / step to a neighbour: up when the fraction and a random one
// reach 1 together. No branches or calls: compilers turn it into vector code.
template <typename Lane>
void RoundChunk(const float* __restrict values, size_t size,
                const uint32_t* __restrict random, double inverse_step,
                double largest, Lane weight, Lane* __restrict out) {
  for (size_t i = 0; i < size; ++i) {
    double scaled = values[i] * inverse_step;
    scaled = scaled > largest ? largest : scaled;
    scaled = scaled < -largest ? -largest : scaled;
    const uint64_t fixed =
        std::bit_cast<uint64_t>(scaled * (1 << kFractionBits) + kRounder) -
        std::bit_cast<uint64_t>(kRounder);
    const uint64_t sum = fixed + kOffset + (random[i] >> (32 - kFractionBits));
    const uint64_t code = (sum >> kFractionBits) - (kOffset >> kFractionBits);
    out[i] = static_cast<Lane>(code) * weight;
  }
}

absl::Status OutOfRange(absl::string_view name, double value,
                        absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the quantiser's ", name, " is ", value, ", expected ", expected));
}

}  // namespace

Quantiser::Quantiser(const QuantiserOptions& options)
    : options_(options),
      max_code_((int64_t{1} << (options.bits - 1)) - 1),
      step_(options.coordinate_bound / static_cast<double>(max_code_)) {}

absl::StatusOr<Quantiser> Quantiser::Create(const QuantiserOptions& options) {
  const double norm_bound = options.norm_bound;
  if (!(norm_bound >= privacy::kMinClipNorm && norm_bound <= kMaxNormBound)) {
    return OutOfRange("norm bound", norm_bound, "1e-30 to 1e30");
  }
  if (!(options.coordinate_bound >= privacy::kMinClipNorm &&
        options.coordinate_bound <= norm_bound)) {
    return OutOfRange("coordinate bound", options.coordinate_bound,
                      absl::StrCat("1e-30 to the norm bound ", norm_bound));
  }
  if (options.bits < 2 || options.bits > kMaxQuantiserBits) {
    return OutOfRange("number of bits", options.bits,
                      absl::StrCat("2 to ", kMaxQuantiserBits));
  }
  if (options.max_weight < 1 || options.max_weight > kMaxQuantiserWeight) {
    return OutOfRange("largest weight", options.max_weight,
                      absl::StrCat("1 to ", kMaxQuantiserWeight));
  }
  return Quantiser(options);
}

absl::StatusOr<int> Quantiser::RingBits(int64_t num_members,
                                        absl::uint128 noise_tail) const {
  SHOAL_CHECK(num_members >= 1);
  const absl::uint128 largest =
      absl::uint128(num_members) * options_.max_weight * max_code_;
  for (int bits = 1; bits <= kMaxRingBits; ++bits) {
    // Sums lie in [-2^(bits-1), 2^(bits-1)).
    const absl::uint128 limit = (absl::uint128(1) << (bits - 1)) - 1;
    if (largest <= limit && noise_tail <= limit - largest) return bits;
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "sums of %d vectors of %d bits with weights of up to %d and noise of up "
      "to %d need more than 64 bits",
      num_members, options_.bits, options_.max_weight, noise_tail));
}

absl::StatusOr<double> Quantiser::Quantise(absl::Span<float> values,
                                           int64_t weight, const Seeds& seeds,
                                           RingVector& out) const {
  SHOAL_CHECK(out.length() == static_cast<int64_t>(values.size()));
  if (weight < 1 || weight > options_.max_weight) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weight of the update is ", weight, ", expected 1 to ",
                     options_.max_weight));
  }
  SHOAL_ASSIGN_OR_RETURN(const double norm, Prepare(values, seeds.rotation));
  Round(values, weight, seeds.rounding, out);
  return norm;
}

absl::StatusOr<double> Quantiser::Prepare(
    absl::Span<float> values, absl::string_view rotation_seed) const {
  SHOAL_ASSIGN_OR_RETURN(const double norm,
                         privacy::ClipL2(values, options_.norm_bound));
  if (options_.rotate) Rotate(rotation_seed, values);
  return norm;
}

void Quantiser::Round(absl::Span<const float> prepared, int64_t weight,
                      absl::string_view rounding_seed, RingVector& out) const {
  SHOAL_CHECK(out.length() == static_cast<int64_t>(prepared.size()));
  Keystream keystream;
  keystream.Start(rounding_seed, 0);
  Lanes<uint32_t> random(kChunk);
  out.Visit([&](auto& lanes) {
    using Lane = typename std::decay_t<decltype(lanes)>::value_type;
    for (size_t i = 0; i < prepared.size(); i += kChunk) {
      const size_t size = std::min(kChunk, prepared.size() - i);
      keystream.Read(absl::MakeSpan(reinterpret_cast<uint8_t*>(random.data()),
                                    kChunk * sizeof(uint32_t)));
      RoundChunk<Lane>(prepared.data() + i, size, random.data(), 1 / step_,
                       static_cast<double>(max_code_),
                       static_cast<Lane>(weight), lanes.data() + i);
    }
  });
  OPENSSL_cleanse(random.data(), kChunk * sizeof(uint32_t));
}

absl::Status Quantiser::DecodeMean(const RingVector& sum,
                                   absl::int128 total_weight,
                                   absl::string_view rotation_seed,
                                   absl::Span<double> mean) const {
  SHOAL_CHECK(sum.length() == static_cast<int64_t>(mean.size()));
  if (total_weight < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the total weight of the sum is %d, expected 1 or more", total_weight));
  }
  const double unit = step_ / static_cast<double>(total_weight);
  const int unused = kMaxRingBits - sum.ring_bits();
  sum.Visit([&](const auto& lanes) {
    for (size_t i = 0; i < mean.size(); ++i) {
      const int64_t element =
          static_cast<int64_t>(uint64_t{lanes[i]} << unused) >> unused;
      mean[i] = static_cast<double>(element) * unit;
    }
  });
  if (options_.rotate) InverseRotate(rotation_seed, mean);
  return absl::OkStatus();
}

}  // namespace shoal::secure_aggregation
