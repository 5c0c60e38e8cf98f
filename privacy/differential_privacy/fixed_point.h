// Non-negative numbers with 256 bits behind the point: what tables of
// probabilities are computed with.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_FIXED_POINT_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_FIXED_POINT_H_

#include <openssl/bn.h>

#include <array>
#include <cstdint>
#include <memory>

namespace shoal::privacy {

// A value type. Every operation rounds down, by less than 2^-256.
class FixedPoint {
 public:
  static constexpr int kFractionBits = 256;
  static constexpr int kWords = 3;  // 192 bits
  using Words = std::array<uint64_t, kWords>;

  FixedPoint();  // 0
  explicit FixedPoint(uint64_t integer);
  // Exactly. REQUIRES: finite, in [2^-100, 2^200].
  static FixedPoint FromDouble(double value);
  FixedPoint(const FixedPoint& other);
  FixedPoint& operator=(const FixedPoint& other);
  FixedPoint(FixedPoint&&) = default;
  FixedPoint& operator=(FixedPoint&&) = default;

  FixedPoint operator+(const FixedPoint& other) const;
  FixedPoint operator*(const FixedPoint& other) const;
  // REQUIRES: other is not 0.
  FixedPoint operator/(const FixedPoint& other) const;
  FixedPoint ShiftedRight(int bits) const;
  bool IsZero() const { return BN_is_zero(number_.get()); }

  // exp(-x), wrong by less than 2^-230.
  static FixedPoint ExpMinus(const FixedPoint& x);

  // The first 192 bits behind the point, the most significant word first;
  // all ones for 1 and more.
  Words Fraction() const;

 private:
  struct Free {
    void operator()(BIGNUM* number) const { BN_clear_free(number); }
  };
  std::unique_ptr<BIGNUM, Free> number_;  // the value times 2^256
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_FIXED_POINT_H_
