#include "learning/softmax.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;

TEST(SoftmaxTest, EqualLogitsAreEquallyLikely) {
  std::vector<float> logits(5, 3);
  Softmax(1, 5, logits.data());
  EXPECT_THAT(logits, Each(FloatEq(0.2f)));
}

TEST(SoftmaxTest, MatchesTheDefinitionInDouble) {
  // Differences from 0 to 100 in steps of 1/16: more than floats can resolve.
  for (int i = 0; i <= 1600; ++i) {
    const float difference = i / 16.0f;
    std::vector<float> logits = {1.0f, 1.0f - difference};
    Softmax(1, 2, logits.data());
    const double e = std::exp(-static_cast<double>(difference));
    EXPECT_NEAR(logits[0], 1 / (1 + e), 2e-7) << difference;
    EXPECT_NEAR(logits[1], e / (1 + e), 4e-7 * e / (1 + e) + 1.7e-38)
        << difference;
  }
}

TEST(SoftmaxTest, HugeLogitsDoNotOverflow) {
  std::vector<float> logits = {3e38f, -3e38f, 3e38f};
  Softmax(1, 3, logits.data());
  EXPECT_THAT(logits,
              ElementsAre(FloatEq(0.5f), ::testing::Le(2e-38f), FloatEq(0.5f)));
}

TEST(SoftmaxCrossEntropyTest, LossOfEqualLogitsIsTheLogOfTheClasses) {
  std::vector<float> logits(20, -7);
  const std::vector<int32_t> labels = {3, 9};
  const Score score = SoftmaxCrossEntropy(labels, 10, logits.data());
  EXPECT_NEAR(score.loss(), std::log(10.0), 1e-6);
  EXPECT_EQ(score.num_examples, 2);
}

TEST(SoftmaxCrossEntropyTest, LossOfAHopelessExampleIsItsLogitDifference) {
  std::vector<float> logits = {500, 0};
  const std::vector<int32_t> labels = {1};
  EXPECT_NEAR(SoftmaxCrossEntropy(labels, 2, logits.data()).loss_sum, 500,
              1e-4);
}

TEST(SoftmaxCrossEntropyTest, TieGoesToTheLowestClass) {
  for (int32_t label : {0, 1, 2}) {
    std::vector<float> logits = {1, 2, 2};
    const std::vector<int32_t> labels = {label};
    const Score score = SoftmaxCrossEntropy(labels, 3, logits.data());
    EXPECT_EQ(score.num_correct, label == 1 ? 1 : 0);
  }
}

TEST(SoftmaxCrossEntropyTest, LossIsNeverNegative) {
  std::vector<float> logits = {100, 0, 88, 0};
  const std::vector<int32_t> labels = {0, 0};
  const Score score = SoftmaxCrossEntropy(labels, 2, logits.data());
  EXPECT_GE(score.loss_sum, 0);
  EXPECT_LT(score.loss_sum, 1e-30);
  EXPECT_EQ(score.num_correct, 2);
}

TEST(SoftmaxCrossEntropyTest, NonFiniteLogitMakesTheLossNonFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (float bad : {std::nanf(""), kInfinity}) {
    for (int place : {0, 1}) {
      std::vector<float> logits = {1, 2};
      logits[place] = bad;
      const std::vector<int32_t> labels = {place};
      const Score score = SoftmaxCrossEntropy(labels, 2, logits.data());
      EXPECT_FALSE(std::isfinite(score.loss_sum)) << bad << " at " << place;
    }
  }
}

}  // namespace
}  // namespace shoal::learning
