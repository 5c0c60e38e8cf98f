#include "learning/onnx/float16.h"

#include <bit>
#include <cmath>
#include <limits>

namespace shoal::learning::onnx {
namespace {

constexpr int kFractionBits = 10;
constexpr int kMinExponent = -14;  // below it numbers are subnormal
constexpr int kMaxExponent = 15;
constexpr uint16_t kInfinity = 0x7c00;

}  // namespace

uint16_t ToFloat16(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::abs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (std::isinf(value)) return sign | kInfinity;
  if (magnitude == 0) return sign;
  int exponent = std::ilogb(magnitude);
  if (exponent > kMaxExponent) return sign | kInfinity;
  exponent = exponent < kMinExponent ? kMinExponent : exponent;
  // In units of the last place; 2^kFractionBits and more are normal numbers. A
  // carry into the exponent is what rounding up wants, also to infinity.
  const auto units = static_cast<uint16_t>(
      std::nearbyint(std::ldexp(magnitude, kFractionBits - exponent)));
  return sign + static_cast<uint16_t>(
                    ((exponent - kMinExponent) << kFractionBits) + units);
}

float FromFloat16(uint16_t bits) {
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  const int exponent = (bits >> kFractionBits) & 0x1f;
  const int fraction = bits & ((1 << kFractionBits) - 1);
  if (exponent == 0x1f) {
    return fraction == 0 ? sign * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  }
  if (exponent == 0) {
    return sign * std::ldexp(static_cast<float>(fraction),
                             kMinExponent - kFractionBits);
  }
  return sign * std::ldexp(static_cast<float>(fraction + (1 << kFractionBits)),
                           exponent - kMaxExponent - kFractionBits);
}

}  // namespace shoal::learning::onnx
