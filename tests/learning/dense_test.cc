#include "learning/dense.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

// Values are small integers, so that every sum is exact in float and results
// can be compared for equality with the definition, whatever the order.
std::vector<float> SmallIntegers(SeededRng& rng, int64_t size) {
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<int>(rng.Below(9)) - 4;
  return values;
}

using Sizes = std::tuple<int, int, int>;  // rows, inputs, outputs

class DenseTest : public ::testing::TestWithParam<Sizes> {
 protected:
  DenseTest() {
    std::tie(rows_, inputs_, outputs_) = GetParam();
    // Something before, between and behind the tensors must stay as it is.
    shape_ = {.inputs = inputs_,
              .outputs = outputs_,
              .weight_offset = 3,
              .bias_offset = 3 + inputs_ * outputs_ + 2};
    num_parameters_ = shape_.bias_offset + outputs_ + 1;
    SeededRng rng(1);
    parameters_ = SmallIntegers(rng, num_parameters_);
    x_ = SmallIntegers(rng, rows_ * inputs_);
    dy_ = SmallIntegers(rng, rows_ * outputs_);
  }

  float weight(int i, int o) const {
    return parameters_[shape_.weight_offset + i * outputs_ + o];
  }
  // The gradient by its definition, zero outside of the layer.
  std::vector<float> ExpectedGradient() const {
    std::vector<float> gradient(num_parameters_);
    for (int r = 0; r < rows_; ++r) {
      for (int o = 0; o < outputs_; ++o) {
        const float dy = dy_[r * outputs_ + o];
        gradient[shape_.bias_offset + o] += dy;
        for (int i = 0; i < inputs_; ++i) {
          gradient[shape_.weight_offset + i * outputs_ + o] +=
              x_[r * inputs_ + i] * dy;
        }
      }
    }
    return gradient;
  }
  std::vector<float> Step(const SgdStep& step) const {
    std::vector<float> moved = parameters_;
    std::vector<float> scratch(outputs_);
    DenseStep(shape_, x_.data(), dy_.data(), rows_, step, scratch.data(),
              moved.data());
    return moved;
  }

  int rows_ = 0;
  int inputs_ = 0;
  int outputs_ = 0;
  int64_t num_parameters_ = 0;
  DenseShape shape_;
  std::vector<float> parameters_;
  std::vector<float> x_;
  std::vector<float> dy_;
};

TEST_P(DenseTest, ForwardIsTheDefinition) {
  for (bool relu : {false, true}) {
    std::vector<float> expected(rows_ * outputs_);
    for (int r = 0; r < rows_; ++r) {
      for (int o = 0; o < outputs_; ++o) {
        float sum = parameters_[shape_.bias_offset + o];
        for (int i = 0; i < inputs_; ++i) {
          sum += x_[r * inputs_ + i] * weight(i, o);
        }
        expected[r * outputs_ + o] = relu ? std::max(sum, 0.0f) : sum;
      }
    }
    std::vector<float> y(rows_ * outputs_);
    DenseForward(shape_, parameters_.data(), x_.data(), rows_, relu, y.data());
    EXPECT_EQ(y, expected);
  }
}

TEST_P(DenseTest, InputGradientIsTheDefinition) {
  std::vector<float> expected(rows_ * inputs_);
  for (int r = 0; r < rows_; ++r) {
    for (int i = 0; i < inputs_; ++i) {
      float sum = 0;
      for (int o = 0; o < outputs_; ++o) {
        sum += dy_[r * outputs_ + o] * weight(i, o);
      }
      expected[r * inputs_ + i] = x_[r * inputs_ + i] > 0 ? sum : 0;
    }
  }
  std::vector<float> dx(rows_ * inputs_);
  std::vector<float> scratch((inputs_ + outputs_) * PaddedRows(rows_), 99);
  DenseInputGradient(shape_, parameters_.data(), x_.data(), dy_.data(), rows_,
                     scratch.data(), dx.data());
  EXPECT_EQ(dx, expected);
}

TEST_P(DenseTest, GradientIsTheDefinition) {
  std::vector<float> gradient(num_parameters_);
  DenseGradient(shape_, x_.data(), dy_.data(), rows_, gradient.data());
  EXPECT_EQ(gradient, ExpectedGradient());
}

TEST_P(DenseTest, PlainStepSubtractsTheScaledGradient) {
  const std::vector<float> gradient = ExpectedGradient();
  std::vector<float> expected = parameters_;
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] -= 0.5f * gradient[i];
  EXPECT_EQ(Step({.learning_rate = 0.5f}), expected);
}

TEST_P(DenseTest, FullStepIsTheDefinition) {
  const std::vector<float> gradient = ExpectedGradient();
  SeededRng rng(2);
  const std::vector<float> anchor = SmallIntegers(rng, num_parameters_);
  const std::vector<float> velocity = SmallIntegers(rng, num_parameters_);
  std::vector<float> expected = parameters_;
  std::vector<float> expected_velocity = velocity;
  const auto in_layer = [&](int64_t i) {
    return (i >= shape_.weight_offset &&
            i < shape_.weight_offset + inputs_ * outputs_) ||
           (i >= shape_.bias_offset && i < shape_.bias_offset + outputs_);
  };
  for (int64_t i = 0; i < num_parameters_; ++i) {
    if (!in_layer(i)) continue;
    const float w = parameters_[i];
    expected_velocity[i] =
        0.25f * velocity[i] + gradient[i] + 0.5f * w + 2.0f * (w - anchor[i]);
    expected[i] = w - 0.5f * expected_velocity[i];
  }
  std::vector<float> moved_velocity = velocity;
  const SgdStep step = {.learning_rate = 0.5f,
                        .momentum = 0.25f,
                        .weight_decay = 0.5f,
                        .proximal_mu = 2.0f,
                        .anchor = anchor,
                        .velocity = absl::MakeSpan(moved_velocity)};
  EXPECT_EQ(Step(step), expected);
  EXPECT_EQ(moved_velocity, expected_velocity);
}

// Sizes around the edges of every tile.
INSTANTIATE_TEST_SUITE_P(
    Shapes, DenseTest,
    ::testing::Combine(::testing::Values(1, 2, 3, 7, 8, 10, 13, 32),
                       ::testing::Values(1, 5, 16, 20, 31),
                       ::testing::Values(1, 2, 10, 15, 16, 33, 47, 64)),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param), "x", std::get<1>(info.param),
                          "x", std::get<2>(info.param));
    });

}  // namespace
}  // namespace shoal::learning
