#include "client/limits/quadratic_form.h"

#include "base/random.h"
#include "gtest/gtest.h"

namespace shoal::client {
namespace {

// The identity, pulled apart along the first two coefficients.
QuadraticForm Correlated(double correlation, const EnergyVector& products) {
  QuadraticForm form;
  for (size_t i = 0; i < kNumCoefficients; ++i) form.squares[i][i] = 1;
  form.squares[0][1] = form.squares[1][0] = correlation;
  form.products = products;
  return form;
}

TEST(QuadraticFormTest, WithoutBindingConstraintsItIsTheSolution) {
  // 1 · 2 + 0.5 · 4 = 4 and 0.5 · 2 + 1 · 4 = 5.
  const EnergyVector least = LeastNotNegative(Correlated(0.5, {4, 5, 1, 2, 3}));
  const EnergyVector expected = {2, 4, 1, 2, 3};
  for (size_t i = 0; i < kNumCoefficients; ++i) {
    EXPECT_NEAR(least[i], expected[i], 1e-12) << i;
  }
}

TEST(QuadraticFormTest, CoefficientThatWouldBeNegativeIsZeroAndOthersAdapt) {
  // Free, the first would be (1 - 0.5 · 5) / 0.75 < 0; then the second is 5.
  const EnergyVector least =
      LeastNotNegative(Correlated(0.5, {1, 5, -1, 0, 1}));
  EXPECT_EQ(least, (EnergyVector{0, 5, 0, 0, 1}));
}

// The conditions of Karush, Kuhn and Tucker: the gradient is zero where a
// coefficient is positive, and not negative where it is zero.
TEST(QuadraticFormTest, RandomFormsMeetTheConditionsOfAMinimum) {
  SeededRng rng(7);
  for (int round = 0; round < 500; ++round) {
    QuadraticForm form;
    for (int example = 0; example < 8; ++example) {
      EnergyVector x;
      for (double& value : x) value = rng.Uniform();
      for (size_t i = 0; i < kNumCoefficients; ++i) {
        for (size_t j = 0; j < kNumCoefficients; ++j) {
          form.squares[i][j] += x[i] * x[j];
        }
      }
    }
    for (double& value : form.products) value = 4 * rng.Uniform() - 2;
    const EnergyVector least = LeastNotNegative(form);
    for (size_t i = 0; i < kNumCoefficients; ++i) {
      double gradient = -form.products[i];
      for (size_t j = 0; j < kNumCoefficients; ++j) {
        gradient += form.squares[i][j] * least[j];
      }
      ASSERT_GE(least[i], 0);
      ASSERT_GE(gradient, -1e-6);
      if (least[i] > 0) {
        ASSERT_NEAR(gradient, 0, 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace shoal::client
