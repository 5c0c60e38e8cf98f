#include "learning/layers/activation.h"

#include <cmath>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

std::unique_ptr<Layer> Make(ActivationKind kind, const Shape& input) {
  auto layer = MakeActivation({.kind = kind}, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(ActivationTest, AppliesItsFunctionAndDerivative) {
  struct Case {
    ActivationKind kind;
    double (*function)(double x);
    double (*derivative)(double x);
  };
  const Case cases[] = {
      {ActivationKind::kRelu, [](double x) { return x > 0 ? x : 0.0; },
       [](double x) { return x > 0 ? 1.0 : 0.0; }},
      {ActivationKind::kTanh, [](double x) { return std::tanh(x); },
       [](double x) { return 1 - std::tanh(x) * std::tanh(x); }},
      {ActivationKind::kSigmoid,
       [](double x) { return 1 / (1 + std::exp(-x)); },
       [](double x) { return std::exp(-x) / std::pow(1 + std::exp(-x), 2); }},
      {ActivationKind::kGelu,
       [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); },
       [](double x) {
         return 0.5 * std::erfc(-x / std::sqrt(2.0)) +
                x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
       }}};
  const std::vector<float> x = {-3, -1, -0.25, 0.5, 2, 4};
  for (const Case& c : cases) {
    SCOPED_TRACE(static_cast<int>(c.kind));
    const LayerResult result =
        RunLayer(*Make(c.kind, Shape({6})),
                 {.rows = 1, .x = x, .dy = std::vector<float>(6, 2.0f)});
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(result.y[i], c.function(x[i]), 1e-5);
      EXPECT_NEAR(result.dx[i], 2 * c.derivative(x[i]), 1e-5);
    }
  }
}

TEST(ActivationTest, AgreesWithFiniteDifferences) {
  for (const ActivationKind kind :
       {ActivationKind::kRelu, ActivationKind::kGelu, ActivationKind::kTanh,
        ActivationKind::kSigmoid}) {
    SCOPED_TRACE(static_cast<int>(kind));
    CheckLayer(*Make(kind, Shape({37})));
    CheckLayer(*Make(kind, Shape({2, 3, 5})));
  }
}

TEST(ActivationTest, WorksInPlaceUnlessTheDerivativeNeedsTheInput) {
  const auto relu = Make(ActivationKind::kRelu, Shape({3}));
  EXPECT_TRUE(relu->Memory(PassKind::kTrain, 2).in_place);
  EXPECT_FALSE(relu->Memory(PassKind::kTrain, 2).backward_reads_input);
  const auto gelu = Make(ActivationKind::kGelu, Shape({3}));
  EXPECT_FALSE(gelu->Memory(PassKind::kTrain, 2).in_place);
  EXPECT_TRUE(gelu->Memory(PassKind::kTrain, 2).backward_reads_input);
  EXPECT_TRUE(gelu->Memory(PassKind::kPredict, 2).in_place);
}

TEST(ActivationTest, RefusesNone) {
  EXPECT_THAT(MakeActivation({.kind = ActivationKind::kNone}, Shape({3})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("activation is none, expected relu")));
}

}  // namespace
}  // namespace shoal::learning
