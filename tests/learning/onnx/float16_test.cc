#include "learning/onnx/float16.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace shoal::learning::onnx {
namespace {

TEST(Float16Test, KnownValues) {
  EXPECT_EQ(ToFloat16(0.0f), 0x0000);
  EXPECT_EQ(ToFloat16(-0.0f), 0x8000);
  EXPECT_EQ(ToFloat16(1.0f), 0x3c00);
  EXPECT_EQ(ToFloat16(-2.0f), 0xc000);
  EXPECT_EQ(ToFloat16(65504.0f), 0x7bff);
  EXPECT_EQ(ToFloat16(std::ldexp(1.0f, -14)), 0x0400);  // smallest normal
  EXPECT_EQ(ToFloat16(std::ldexp(1.0f, -24)), 0x0001);  // smallest
  EXPECT_EQ(ToFloat16(std::numeric_limits<float>::infinity()), 0x7c00);
}

TEST(Float16Test, EveryNumberComesBack) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const float value = FromFloat16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_GT(bits & 0x7fff, 0x7c00);
    } else {
      EXPECT_EQ(ToFloat16(value), bits);
    }
  }
}

TEST(Float16Test, TiesGoToEven) {
  const float last = std::ldexp(1.0f, -10);  // of 1.0
  EXPECT_EQ(ToFloat16(1 + last / 2), 0x3c00);
  EXPECT_EQ(ToFloat16(1 + last * 3 / 2), 0x3c02);
  EXPECT_EQ(ToFloat16(1 + last * 0.51f), 0x3c01);
  EXPECT_EQ(ToFloat16(std::ldexp(1.0f, -25)), 0x0000);
  EXPECT_EQ(ToFloat16(65519.0f), 0x7bff);
  EXPECT_EQ(ToFloat16(65520.0f), 0x7c00);
}

}  // namespace
}  // namespace shoal::learning::onnx
