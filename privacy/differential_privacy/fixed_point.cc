#include "privacy/differential_privacy/fixed_point.h"

#include <cmath>
#include <cstddef>

#include "base/check.h"

namespace shoal::privacy {
namespace {

// Working space of products and quotients.
class Context {
 public:
  Context() : context_(BN_CTX_new()) { SHOAL_CHECK(context_ != nullptr); }
  ~Context() { BN_CTX_free(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  BN_CTX* get() const { return context_; }

 private:
  BN_CTX* context_;
};

}  // namespace

FixedPoint::FixedPoint() : number_(BN_new()) {
  SHOAL_CHECK(number_ != nullptr);
}

FixedPoint::FixedPoint(uint64_t integer) : FixedPoint() {
  SHOAL_CHECK(BN_set_word(number_.get(), integer) == 1);
  SHOAL_CHECK(BN_lshift(number_.get(), number_.get(), kFractionBits) == 1);
}

FixedPoint FixedPoint::FromDouble(double value) {
  SHOAL_CHECK(value >= 0x1p-100 && value <= 0x1p200);
  constexpr int kMantissaBits = 53;
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  FixedPoint result;
  SHOAL_CHECK(
      BN_set_word(result.number_.get(), static_cast<uint64_t>(std::ldexp(
                                            mantissa, kMantissaBits))) == 1);
  SHOAL_CHECK(BN_lshift(result.number_.get(), result.number_.get(),
                        kFractionBits - kMantissaBits + exponent) == 1);
  return result;
}

FixedPoint::FixedPoint(const FixedPoint& other)
    : number_(BN_dup(other.number_.get())) {
  SHOAL_CHECK(number_ != nullptr);
}

FixedPoint& FixedPoint::operator=(const FixedPoint& other) {
  SHOAL_CHECK(BN_copy(number_.get(), other.number_.get()) != nullptr);
  return *this;
}

FixedPoint FixedPoint::operator+(const FixedPoint& other) const {
  FixedPoint sum;
  SHOAL_CHECK(BN_add(sum.number_.get(), number_.get(), other.number_.get()) ==
              1);
  return sum;
}

FixedPoint FixedPoint::operator*(const FixedPoint& other) const {
  const Context context;
  FixedPoint product;
  SHOAL_CHECK(BN_mul(product.number_.get(), number_.get(), other.number_.get(),
                     context.get()) == 1);
  return product.ShiftedRight(kFractionBits);
}

FixedPoint FixedPoint::operator/(const FixedPoint& other) const {
  const Context context;
  FixedPoint numerator;
  FixedPoint quotient;
  SHOAL_CHECK(
      BN_lshift(numerator.number_.get(), number_.get(), kFractionBits) == 1);
  SHOAL_CHECK(BN_div(quotient.number_.get(), nullptr, numerator.number_.get(),
                     other.number_.get(), context.get()) == 1);
  return quotient;
}

FixedPoint FixedPoint::ShiftedRight(int bits) const {
  FixedPoint shifted;
  SHOAL_CHECK(BN_rshift(shifted.number_.get(), number_.get(), bits) == 1);
  return shifted;
}

FixedPoint FixedPoint::ExpMinus(const FixedPoint& x) {
  // Beyond 2^9 the value is below 2^-700. A square doubles the error of what it
  // is of, so that 17 of them, of less than 2^-249 each, make 2^-232.
  constexpr int kLargestBits = 9;
  constexpr int kHalvings = kLargestBits + 8;
  if (BN_num_bits(x.number_.get()) > kFractionBits + kLargestBits) {
    return FixedPoint();
  }
  const FixedPoint small = x.ShiftedRight(kHalvings);  // below 2^-8
  // 1 / exp(small): all terms are positive.
  FixedPoint term(1);
  FixedPoint sum(1);
  for (uint64_t k = 1; !term.IsZero(); ++k) {
    term = term * small / FixedPoint(k);
    sum = sum + term;
  }
  FixedPoint power = FixedPoint(1) / sum;
  for (int i = 0; i < kHalvings; ++i) power = power * power;
  return power;
}

FixedPoint::Words FixedPoint::Fraction() const {
  Words words;
  words.fill(~uint64_t{0});
  if (BN_num_bits(number_.get()) > kFractionBits) return words;
  constexpr int kBytes = kFractionBits / 8;
  std::array<unsigned char, kBytes> bytes;
  SHOAL_CHECK(BN_bn2binpad(number_.get(), bytes.data(), kBytes) == kBytes);
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = 0;
    for (size_t k = 0; k < 8; ++k) words[i] = words[i] << 8 | bytes[8 * i + k];
  }
  return words;
}

}  // namespace shoal::privacy
