#include "learning/step_sum.h"

#include <cmath>

#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

double SumOf(const SgdOptimizer& sgd, int num_steps, double rate = 1) {
  StepSum sum(sgd);
  for (int i = 0; i < num_steps; ++i) sum.Step(rate);
  return sum.sum();
}

TEST(StepSumTest, PlainStepsAreCounted) {
  EXPECT_EQ(SumOf({}, 0), 0);
  EXPECT_EQ(SumOf({}, 7), 7);
  EXPECT_EQ(SumOf({}, 7, 0.5), 3.5);
}

// Wang et al. 2020, section 3: ||a||_1 of SGD with momentum.
TEST(StepSumTest, MomentumFollowsTheClosedForm) {
  for (const double rho : {0.1, 0.5, 0.9, 0.99}) {
    for (const int tau : {1, 2, 10, 200}) {
      const double expected =
          (tau - rho * (1 - std::pow(rho, tau)) / (1 - rho)) / (1 - rho);
      EXPECT_NEAR(SumOf({.momentum = rho}, tau), expected, 1e-9 * expected)
          << rho << " " << tau;
    }
  }
}

// A constant gradient of one moves an actual parameter as far.
TEST(StepSumTest, NesterovFollowsTheOptimiser) {
  const double m = 0.9;
  double w = 0, v = 0;
  for (int i = 0; i < 5; ++i) {
    v = m * v + 1;
    w += 1 + m * v;
  }
  EXPECT_DOUBLE_EQ(SumOf({.momentum = m, .nesterov = true}, 5), w);
}

TEST(StepSumTest, NoSumIsAboveItsBound) {
  for (const double rho : {0.0, 0.5, 0.99}) {
    for (const bool nesterov : {false, true}) {
      const SgdOptimizer sgd = {.momentum = rho, .nesterov = nesterov};
      for (const int tau : {1, 3, 1000}) {
        EXPECT_LE(SumOf(sgd, tau), MaxStepSum(sgd, tau) * (1 + 1e-12));
      }
    }
  }
}

}  // namespace
}  // namespace shoal::learning
