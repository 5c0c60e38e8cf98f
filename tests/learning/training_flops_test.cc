#include "learning/training_flops.h"

#include "gtest/gtest.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

// 4 · 8 and 8 · 3 multiply-adds forward.
constexpr double kFirst = 2 * 4 * 8;
constexpr double kSecond = 2 * 8 * 3;

class TrainingFlopsTest : public ::testing::Test {
 protected:
  double Flops(const PlanOptions& options) {
    const auto plan = MemoryPlan::ForTraining(*model_, options);
    SHOAL_EXPECT_OK(plan.status());
    return FlopsPerExample(*model_, *plan);
  }
  static ModelSpec Spec() {
    ModelSpec spec;
    spec.architecture = MlpSpec{4, {8}, 3};
    return spec;
  }

  const std::unique_ptr<Model> model_ = MakeModel(Spec());
};

TEST_F(TrainingFlopsTest, EveryLayerIsThreeProductsAndTheFirstIsTwo) {
  // Nobody wants the gradient of the input.
  EXPECT_EQ(Flops({}), 2 * kFirst + 3 * kSecond);
}

TEST_F(TrainingFlopsTest, LayersThatAreNotTrainedOnlyPredict) {
  PlanOptions options;
  options.last_layers = 1;
  EXPECT_EQ(Flops(options), kFirst + 2 * kSecond);
}

}  // namespace
}  // namespace shoal::learning
