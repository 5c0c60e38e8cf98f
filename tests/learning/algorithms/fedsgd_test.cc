#include "learning/algorithms/fedsgd.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/local_update.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

// y = w x + b by squared error, from w = 1, b = 0: the mean squared error of
// (1, 3) and (2, 0) has the gradient (2 (-2) 1 + 2 (2) 2) / 2 = 2 for w and
// (2 (-2) + 2 (2)) / 2 = 0 for b.
class FedSgdTest : public ::testing::Test {
 protected:
  absl::StatusOr<LocalUpdate> Compute() {
    return ComputeLocalUpdate(*model_, base_, data_, training_, FedSgdLocal{},
                              LocalRun());
  }

  std::unique_ptr<Model> model_ = *Model::Create({LinearSpec{1, 1}});
  ParameterVector base_ = {1, 0};
  InMemoryDataset data_ =
      InMemoryDataset::WithTargets({1, 2}, {3, 0}, /*num_features=*/1, 1);
  TrainingOptions training_ = {.batch_size = 1, .learning_rate = 0.5};
};

TEST_F(FedSgdTest, UpdateIsMinusTheRateTimesTheGradientOfAll) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, Compute());
  EXPECT_THAT(update.delta, ElementsAre(FloatEq(-1), FloatEq(0)));
  EXPECT_EQ(update.num_steps, 1);
}

// A difference of models could not tell: 1e8 - 1 is 1e8 in float32.
TEST_F(FedSgdTest, SmallGradientsOfLargeParametersKeepTheirDigits) {
  base_ = {1, 1e8};
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate first, Compute());
  base_ = {1, -1e8};
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate second, Compute());
  EXPECT_NE(first.delta, second.delta);
  training_.learning_rate = 1e-12;
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate small, Compute());
  EXPECT_NE(small.delta[1], 0);
}

TEST_F(FedSgdTest, WhatItIsNotMadeForIsRefused) {
  const auto refused = [this](absl::string_view words) {
    EXPECT_THAT(Compute(), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr(std::string(words))));
  };
  training_.epochs = 2;
  refused("epochs is 2, expected 1");
  training_.epochs = 1;
  training_.optimizer.rule = SgdOptimizer{.momentum = 0.5};
  refused("fedsgd needs sgd on the devices, without momentum");
  training_.optimizer.rule = AdamOptimizer{};
  refused("fedsgd needs sgd on the devices");
  training_.optimizer.rule = SgdOptimizer{};
  training_.sub_model_layers = {1};
  refused("fedsgd is not known to work with sub-models");
}

}  // namespace
}  // namespace shoal::learning
