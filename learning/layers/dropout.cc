#include "learning/layers/dropout.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

// SplitMix64 (Steele et al. 2014), its output at position `counter`.
uint64_t Hash(uint64_t seed, uint64_t counter) {
  uint64_t z = seed + (counter + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

class Dropout final : public Layer {
 public:
  Dropout(const Shape& shape, double rate)
      : Layer(shape, shape, {}),
        scale_(static_cast<float>(1 / (1 - rate))),
        dropped_below_(static_cast<uint32_t>(std::ldexp(rate, 32))) {}

  int64_t forward_macs() const override { return 0; }
  LayerMemory Memory(PassKind, int64_t) const override {
    return {.in_place = true, .backward_in_place = true};
  }

  void Forward(const ForwardPass& pass) const override {
    if (pass.kind != PassKind::kPredict) {
      Mask(pass.seed, pass.first_row, pass.rows, pass.x, pass.y);
    } else if (pass.y != pass.x) {
      std::copy_n(pass.x, pass.rows * input().num_values(), pass.y);
    }
  }

  void Backward(const BackwardPass& pass) const override {
    if (pass.dx == nullptr) return;
    Mask(pass.seed, pass.first_row, pass.rows, pass.dy, pass.dx);
  }

 private:
  void Mask(uint64_t seed, int64_t first_row, int64_t rows, const float* from,
            float* to) const {
    const int64_t size = input().num_values();
    const uint64_t hashes = (size + 1) / 2;  // of an example
    for (int64_t row = 0; row < rows; ++row) {
      MaskExample(seed, (first_row + row) * hashes, from + row * size,
                  to + row * size);
    }
  }
  // A hash serves two values.
  void MaskExample(uint64_t seed, uint64_t first_hash, const float* from,
                   float* to) const {
    const int64_t size = input().num_values();
    for (int64_t i = 0; i < size; i += 2) {
      const uint64_t hash = Hash(seed, first_hash + i / 2);
      to[i] = Masked(from[i], static_cast<uint32_t>(hash));
      if (i + 1 < size) {
        to[i + 1] = Masked(from[i + 1], static_cast<uint32_t>(hash >> 32));
      }
    }
  }
  float Masked(float value, uint32_t random) const {
    return random < dropped_below_ ? 0.0f : value * scale_;
  }

  const float scale_;
  const uint32_t dropped_below_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeDropout(const DropoutSpec& spec,
                                                   const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  // Written so that NaN is refused.
  if (!(spec.rate >= 0 && spec.rate < 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rate is ", spec.rate, ", expected at least 0 and less than 1"));
  }
  return std::make_unique<Dropout>(input, spec.rate);
}

}  // namespace shoal::learning
