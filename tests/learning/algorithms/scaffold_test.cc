#include "learning/algorithms/scaffold.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/device_memory.h"
#include "learning/local_update.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

// y = w x by squared error (b stays where x is: its gradient is that of w), one
// example (1, 0): the gradient for w and for b is 2 (w + b).
class ScaffoldTest : public ::testing::Test {
 protected:
  absl::StatusOr<LocalUpdate> Compute(int option, int steps = 1000) {
    LocalRun run;
    run.control = control_;
    run.own_control = own_;
    return ComputeLocalUpdate(*model_, base_, data_, training_,
                              ScaffoldLocal{10, option}, run,
                              [&] { return steps-- > 0; });
  }

  std::unique_ptr<Model> model_ = *Model::Create({LinearSpec{1, 1}});
  ParameterVector base_ = {1, 0};
  ParameterVector control_ = {0.5, 0};
  ParameterVector own_ = {0.25, 0};
  InMemoryDataset data_ =
      InMemoryDataset::WithTargets({1}, {0}, /*num_features=*/1, 1);
  TrainingOptions training_ = {.batch_size = 1, .learning_rate = 0.25};
};

// g = 2; w: 1 - 0.25 (2 - 0.25 + 0.5) = 0.4375, b: 0 - 0.25 2 = -0.5.
TEST_F(ScaffoldTest, StepsAreCorrectedByBothControlVariates) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, Compute(2));
  // After one step option II gives the gradient of that step: 2, so that the
  // changes are 2 - 0.25 and 2.
  EXPECT_THAT(update.delta,
              ElementsAre(FloatNear(-0.5625, 1e-6), FloatNear(-0.5, 1e-6),
                          FloatNear(1.75, 1e-6), FloatNear(2, 1e-6)));
  EXPECT_THAT(update.control,
              ElementsAre(FloatNear(2, 1e-6), FloatNear(2, 1e-6)));
}

TEST_F(ScaffoldTest, OptionOneTakesTheGradientAtTheRoundsModel) {
  training_.epochs = 5;
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, Compute(1));
  EXPECT_EQ(update.num_steps, 5);
  EXPECT_THAT(update.control,
              ElementsAre(FloatNear(2, 1e-6), FloatNear(2, 1e-6)));
}

// Steps 1 and 2: g = 2, then w = 0.4375, b = -0.5 and g = -0.125: 0.9375 on
// average. With two of five epochs the sum of rates is that of two steps.
TEST_F(ScaffoldTest, OptionTwoAveragesTheStepsThatWereDone) {
  training_.epochs = 5;
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update,
                             Compute(2, /*evaluation and*/ 1 + 2));
  EXPECT_EQ(update.num_steps, 2);
  EXPECT_THAT(update.control,
              ElementsAre(FloatNear(0.9375, 1e-6), FloatNear(0.9375, 1e-6)));
}

TEST_F(ScaffoldTest, WithoutControlVariatesItIsFedAvg) {
  control_ = {0, 0};
  own_.clear();
  training_.epochs = 4;
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, Compute(2));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const LocalUpdate average,
      ComputeLocalUpdate(*model_, base_, data_, training_, FedAvgLocal{},
                         LocalRun()));
  EXPECT_THAT(update.delta[0], FloatNear(average.delta[0], 1e-6));
  EXPECT_THAT(update.delta[1], FloatNear(average.delta[1], 1e-6));
}

TEST_F(ScaffoldTest, WhatIsMissingOrNotAnalysedIsRefused) {
  const auto refused = [this](absl::string_view words) {
    EXPECT_THAT(Compute(2), StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr(std::string(words))));
  };
  training_.optimizer.rule = SgdOptimizer{.momentum = 0.5};
  refused("scaffold needs sgd on the devices, without momentum");
  training_.optimizer.rule = SgdOptimizer{};
  training_.optimizer.clip_norm = 1;
  refused("scaffold needs sgd on the devices");
  training_.optimizer.clip_norm = 0;
  training_.sub_model_widths = {0.5};
  refused("scaffold is not known to work with sub-models");
  training_.sub_model_widths = {};
  control_ = {1};
  refused("the round's control variate has 1 values, expected 2");
  control_ = {0, 0};
  own_ = {1, 2, 3};
  refused("the device's control variate has 3 values, expected 2");
  EXPECT_THAT(CheckOwnTrainers(ScaffoldLocal{10, 2}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("trainers of the devices' own")));
}

TEST_F(ScaffoldTest, LayersThatStayOnTheDeviceAreRefused) {
  const auto model = *Model::Create({LayerListSpec{
      {4}, {{.kind = DenseSpec{3}, .is_private = true}, {DenseSpec{2}}}}});
  EXPECT_THAT(CheckAlgorithm(ScaffoldLocal{10, 2}, training_, *model),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("with layers that stay on the device")));
}

// Versions and updates have two vectors, and what is kept comes on top.
TEST_F(ScaffoldTest, MemoryCountsTheSecondVector) {
  const int64_t vector = 4 * model_->layout().num_parameters();
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const MemoryPlan plan,
      PlanLocalUpdate(*model_, training_, 1, std::nullopt,
                      ScaffoldLocal{10, 1}));
  EXPECT_EQ(PeakMemoryBytes(*model_, plan, ScaffoldLocal{10, 1}),
            PeakMemoryBytes(*model_, plan) + 4 * vector);
  EXPECT_EQ(PeakMemoryBytes(*model_, plan, ScaffoldLocal{10, 2}),
            PeakMemoryBytes(*model_, plan) + 3 * vector);
}

}  // namespace
}  // namespace shoal::learning
