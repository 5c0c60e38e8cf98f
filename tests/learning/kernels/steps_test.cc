#include <cmath>
#include <cstdint>

#include "gtest/gtest.h"
#include "learning/kernels/kernels.h"
#include "tests/learning/kernels/kernels_test_support.h"

namespace shoal::learning {
namespace {

class StepsTest : public KernelsTest {};

constexpr int64_t kOffset = 2;

TEST_P(StepsTest, SgdFollowsItsDefinition) {
  for (int64_t size : kSizes) {
    for (int kind = 0; kind < 16; ++kind) {
      Floats parameters = Floats::Random(kOffset + size, 1);
      Floats velocity = Floats::Random(kOffset + size, 2);
      const Floats anchor = Floats::Random(kOffset + size, 3);
      const Floats gradient = Floats::Random(size, 4);
      const Floats w = parameters;
      const Floats v = velocity;
      const FusedSgd sgd = {.learning_rate = 0.1f,
                            .momentum = kind & 1 ? 0.9f : 0,
                            .nesterov = (kind & 2) != 0,
                            .weight_decay = kind & 4 ? 0.02f : 0,
                            .proximal_mu = kind & 8 ? 0.3f : 0,
                            .anchor = kind & 8 ? anchor.data() : nullptr,
                            .velocity = kind & 1 ? velocity.data() : nullptr,
                            .parameters = parameters.data()};
      kernels().sgd_step(sgd, kOffset, gradient.data(), size);
      for (int64_t i = 0; i < kOffset; ++i) ASSERT_EQ(parameters[i], w[i]);
      for (int64_t i = kOffset; i < kOffset + size; ++i) {
        double g = gradient[i - kOffset];
        g += sgd.weight_decay * w[i] + sgd.proximal_mu * (w[i] - anchor[i]);
        double direction = g;
        if (sgd.momentum != 0) {
          const double new_v = sgd.momentum * v[i] + g;
          ASSERT_NEAR(velocity[i], new_v, 1e-6);
          direction = sgd.nesterov ? g + sgd.momentum * new_v : new_v;
        }
        ASSERT_NEAR(parameters[i], w[i] - sgd.learning_rate * direction, 1e-6);
      }
    }
  }
}

TEST_P(StepsTest, AdamFollowsItsDefinition) {
  for (int64_t size : kSizes) {
    Floats parameters = Floats::Random(kOffset + size, 1);
    Floats first = Floats::Random(kOffset + size, 2);
    Floats second = Floats::Random(kOffset + size, 3, 0, 1);
    const Floats anchor = Floats::Random(kOffset + size, 4);
    const Floats gradient = Floats::Random(size, 5);
    const Floats w = parameters, m = first, v = second;
    const FusedAdam adam = {.learning_rate = 0.1f,
                            .beta1 = 0.9f,
                            .beta2 = 0.99f,
                            .epsilon = 1e-3f,
                            .weight_decay = 0.02f,
                            .decoupled_weight_decay = 0.03f,
                            .proximal_mu = 0.3f,
                            .anchor = anchor.data(),
                            .first_moment = first.data(),
                            .second_moment = second.data(),
                            .parameters = parameters.data()};
    kernels().adam_step(adam, kOffset, gradient.data(), size);
    for (int64_t i = 0; i < kOffset; ++i) ASSERT_EQ(parameters[i], w[i]);
    for (int64_t i = kOffset; i < kOffset + size; ++i) {
      const double g =
          gradient[i - kOffset] + 0.02 * w[i] + 0.3 * (w[i] - anchor[i]);
      const double new_m = 0.9 * m[i] + 0.1 * g;
      const double new_v = 0.99 * v[i] + 0.01 * g * g;
      ASSERT_NEAR(first[i], new_m, 1e-6);
      ASSERT_NEAR(second[i], new_v, 1e-6);
      ASSERT_NEAR(parameters[i],
                  w[i] - 0.03 * w[i] - 0.1 * new_m / (std::sqrt(new_v) + 1e-3),
                  1e-5);
    }
  }
}

// With no anchor and no decay the first step is the sign of the gradient.
TEST_P(StepsTest, TheFirstStepOfAdamHasTheSizeOfTheRate) {
  Floats parameters(1), first(1), second(1);
  const Floats gradient(1, 5);
  kernels().adam_step({.learning_rate = 0.01f * std::sqrt(0.001f) / 0.1f,
                       .beta1 = 0.9f,
                       .beta2 = 0.999f,
                       .first_moment = first.data(),
                       .second_moment = second.data(),
                       .parameters = parameters.data()},
                      0, gradient.data(), 1);
  EXPECT_NEAR(parameters[0], -0.01, 1e-6);
}

SHOAL_FOR_INSTRUCTION_SETS(StepsTest);

}  // namespace
}  // namespace shoal::learning
