#include "privacy/differential_privacy/clipping.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(NormL2Test, NormOfThreeAndFourIsFive) {
  EXPECT_EQ(NormL2(std::vector<float>{3, 4}), 5);
}

TEST(NormL2Test, NormOfNothingIsZero) { EXPECT_EQ(NormL2({}), 0); }

TEST(NormL2Test, EveryLengthCountsEveryValue) {
  for (int size = 1; size <= 100; ++size) {
    EXPECT_DOUBLE_EQ(NormL2(std::vector<float>(size, 2)), 2 * std::sqrt(size));
  }
}

TEST(NormL2Test, LargestFloatsDoNotOverflow) {
  const double largest = std::numeric_limits<float>::max();
  EXPECT_DOUBLE_EQ(
      NormL2(std::vector<float>(64, std::numeric_limits<float>::max())),
      8 * largest);
}

TEST(NormL2Test, SmallValuesBesideLargeOnesAreNotLost) {
  // In float the ones would vanish beside 1e8 (2^24 < 1e8).
  std::vector<float> values(1 << 20, 1);
  values[0] = 1e4f;
  EXPECT_NEAR(NormL2(values), std::sqrt(1e8 + (1 << 20) - 1), 1e-9);
}

TEST(ClipL2Test, LongVectorIsScaledToTheClipNorm) {
  std::vector<float> values = {3, 4};
  EXPECT_THAT(ClipL2(absl::MakeSpan(values), 1), IsOkAndHolds(DoubleEq(5)));
  EXPECT_THAT(values,
              ElementsAre(FloatNear(0.6f, 1e-6), FloatNear(0.8f, 1e-6)));
}

TEST(ClipL2Test, VectorWithinTheClipNormIsUnchanged) {
  std::vector<float> values = {3, 4};
  EXPECT_THAT(ClipL2(absl::MakeSpan(values), 5), IsOkAndHolds(DoubleEq(5)));
  EXPECT_THAT(values, ElementsAre(3, 4));
}

TEST(ClipL2Test, ClippedNormNeverExceedsTheClipNorm) {
  SeededRng rng(1);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<float> values(1 + rng.Below(300));
    const double scale = std::exp(20 * rng.Normal());
    for (float& value : values) value = scale * rng.Normal();
    const double norm = NormL2(values);
    if (!std::isfinite(norm) || norm == 0) continue;
    const double clip_norm = norm * rng.Uniform();
    if (clip_norm < kMinClipNorm) continue;
    SHOAL_ASSERT_OK(ClipL2(absl::MakeSpan(values), clip_norm));
    EXPECT_LE(NormL2(values), clip_norm);
    EXPECT_GE(NormL2(values), clip_norm * (1 - 1e-6));
  }
}

TEST(ClipL2Test, NonFiniteValueIsRefusedAndNothingChanges) {
  for (float bad : {kInfinity, -kInfinity, std::nanf("")}) {
    std::vector<float> values = {3, bad, 4};
    EXPECT_THAT(
        ClipL2(absl::MakeSpan(values), 1),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("non-finite")));
    EXPECT_EQ(values[0], 3);
    EXPECT_EQ(values[2], 4);
  }
}

TEST(ClipL2Test, ImpossibleClipNormIsRefused) {
  std::vector<float> values = {3, 4};
  for (double clip_norm : {0.0, -1.0, 1e-31, double{kInfinity}, std::nan("")}) {
    EXPECT_THAT(
        ClipL2(absl::MakeSpan(values), clip_norm),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("clip norm")));
  }
  EXPECT_THAT(values, ElementsAre(3, 4));
}

TEST(ClipLayersL2Test, EveryLayerHasItsOwnNorm) {
  std::vector<float> values = {3, 4, 0.5, 6, 8};
  const LayerClip layers[] = {{2, 1}, {1, 1}, {2, 20}};
  const auto norms = ClipLayersL2(absl::MakeSpan(values), layers);
  ASSERT_TRUE(norms.ok());
  EXPECT_THAT(*norms, ElementsAre(5, 0.5, 10));
  EXPECT_THAT(values, ElementsAre(FloatNear(0.6F, 1e-6F),
                                  FloatNear(0.8F, 1e-6F), 0.5, 6, 8));
  EXPECT_DOUBLE_EQ(JointClipNorm(layers), std::sqrt(402));
  EXPECT_LE(NormL2(values), JointClipNorm(layers));
}

TEST(ClipLayersL2Test, NothingChangesWhereSomethingIsWrong) {
  const std::vector<float> before = {3, 4, kInfinity};
  std::vector<float> values = before;
  const LayerClip layers[] = {{2, 1}, {1, 1}};
  EXPECT_THAT(
      ClipLayersL2(absl::MakeSpan(values), layers),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("non-finite")));
  EXPECT_EQ(values, before);
  values[2] = 1;
  const LayerClip few[] = {{2, 1}};
  EXPECT_THAT(ClipLayersL2(absl::MakeSpan(values), few),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the layers have 2 values, expected 3")));
  const LayerClip many[] = {{2, 1}, {2, 1}};
  EXPECT_FALSE(ClipLayersL2(absl::MakeSpan(values), many).ok());
  const LayerClip zero[] = {{2, 1}, {1, 0}};
  EXPECT_FALSE(ClipLayersL2(absl::MakeSpan(values), zero).ok());
  EXPECT_EQ(values[0], 3);
}

}  // namespace
}  // namespace shoal::privacy
