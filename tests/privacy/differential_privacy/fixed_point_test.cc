#include "privacy/differential_privacy/fixed_point.h"

#include <cmath>

#include "gtest/gtest.h"

namespace shoal::privacy {
namespace {

double Value(const FixedPoint& x) {
  return std::ldexp(static_cast<double>(x.Fraction()[0]), -64);
}

TEST(FixedPointTest, DoublesAreTakenExactly) {
  const FixedPoint::Words words =
      FixedPoint::FromDouble(0x1.0000000000001p-64).Fraction();
  EXPECT_EQ(words, (FixedPoint::Words{1, uint64_t{1} << 12, 0}));
}

TEST(FixedPointTest, ArithmeticRoundsDown) {
  const FixedPoint third = FixedPoint(1) / FixedPoint(3);
  constexpr uint64_t kFives = 0x5555555555555555;
  EXPECT_EQ(third.Fraction(), (FixedPoint::Words{kFives, kFives, kFives}));
  EXPECT_EQ((third + third + third).Fraction(),
            (FixedPoint::Words{~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}}));
  EXPECT_EQ((third * FixedPoint(6)).Fraction()[0], ~uint64_t{0});
  EXPECT_DOUBLE_EQ(Value(third.ShiftedRight(3)), 1.0 / 24);
}

// e^-1 by another program.
TEST(FixedPointTest, ExponentialHas192Bits) {
  EXPECT_EQ(FixedPoint::ExpMinus(FixedPoint(1)).Fraction(),
            (FixedPoint::Words{0x5e2d58d8b3bcdf1a, 0xbadec7829054f90d,
                               0xda9805aab56c7733}));
  for (const double x : {0x1p-90, 0.001, 0.3, 2.0, 40.0}) {
    EXPECT_NEAR(Value(FixedPoint::ExpMinus(FixedPoint::FromDouble(x))),
                std::exp(-x), 1e-16);
  }
  EXPECT_EQ(Value(FixedPoint::ExpMinus(FixedPoint(400))), 0);
  EXPECT_EQ(Value(FixedPoint::ExpMinus(FixedPoint(1000))), 0);
  EXPECT_EQ(FixedPoint::ExpMinus(FixedPoint()).Fraction()[2], ~uint64_t{0});
}

}  // namespace
}  // namespace shoal::privacy
