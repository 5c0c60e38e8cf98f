#include "learning/local_training.h"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "base/allocation_counter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

// 23 examples in batches of 4: 6 mini-batches an epoch, the last one short.
class LocalTrainingTest : public ::testing::Test {
 protected:
  LocalTrainingTest() {
    SeededRng rng(1);
    std::vector<float> features(kExamples * 3);
    std::vector<int32_t> labels(kExamples);
    for (float& x : features) x = rng.Normal();
    for (int32_t& label : labels) label = rng.Below(4);
    data_ = std::make_unique<InMemoryDataset>(features, labels, 3, 4);
    base_ = model_->Initialise(rng);
    training_.epochs = 3;
    training_.batch_size = 4;
    training_.learning_rate = 0.1;
    training_.optimizer.rule = SgdOptimizer{.momentum = 0.9};
  }

  std::unique_ptr<LocalTraining> Begin() {
    LocalRun run;
    run.seed = 7;
    auto begun = LocalTraining::Create(*model_, base_, *data_, training_,
                                       FedAvgLocal{}, run);
    EXPECT_THAT(begun, testing::IsOk());
    return *std::move(begun);
  }

  static constexpr int kExamples = 23;
  std::unique_ptr<Model> model_ = *Model::Create({MlpSpec{3, {5}, 4}});
  std::unique_ptr<InMemoryDataset> data_;
  ParameterVector base_;
  TrainingOptions training_;
};

TEST_F(LocalTrainingTest, ScoresTheBaseThenTrainsEveryBatch) {
  const auto training = Begin();
  EXPECT_EQ(training->steps_in_all(), 18);
  int calls = 0;
  for (; !training->done(); ++calls) SHOAL_ASSERT_OK(training->Step());
  EXPECT_EQ(calls, 6 + 18);
  EXPECT_EQ(training->num_steps(), 18);
}

TEST_F(LocalTrainingTest, StepsAmountToTheBlockingCall) {
  const auto training = Begin();
  while (!training->done()) SHOAL_ASSERT_OK(training->Step());
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, training->Finish());
  LocalRun run;
  run.seed = 7;
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate expected,
                             ComputeLocalUpdate(*model_, base_, *data_,
                                                training_, FedAvgLocal{}, run));
  EXPECT_EQ(update.delta, expected.delta);
  EXPECT_EQ(update.base_score.loss_sum, expected.base_score.loss_sum);
  EXPECT_TRUE(update.complete);
}

TEST_F(LocalTrainingTest, PlanThatIsKnownIsNotMadeAgain) {
  LocalRun run;
  run.seed = 7;
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate expected,
                             ComputeLocalUpdate(*model_, base_, *data_,
                                                training_, FedAvgLocal{}, run));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const MemoryPlan memory,
      PlanLocalUpdate(*model_, training_, kExamples, std::nullopt));
  run.plan.emplace(*model_, memory);
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update,
                             ComputeLocalUpdate(*model_, base_, *data_,
                                                training_, FedAvgLocal{}, run));
  EXPECT_EQ(update.delta, expected.delta);
}

TEST_F(LocalTrainingTest, TwoTrainingsTakeTurnsWithoutNoticing) {
  const auto first = Begin();
  const auto second = Begin();
  while (!first->done()) {
    SHOAL_ASSERT_OK(first->Step());
    SHOAL_ASSERT_OK(second->Step());
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate one, first->Finish());
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate other, second->Finish());
  EXPECT_EQ(one.delta, other.delta);
}

TEST_F(LocalTrainingTest, PartOfTheWorkIsAnUpdate) {
  const auto training = Begin();
  while (training->num_steps() < 7) SHOAL_ASSERT_OK(training->Step());
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, training->Finish());
  EXPECT_EQ(update.num_steps, 7);
  EXPECT_FALSE(update.complete);
}

TEST_F(LocalTrainingTest, WithoutAStepThereIsNoUpdate) {
  const auto training = Begin();
  SHOAL_ASSERT_OK(training->Step());  // of the evaluation
  EXPECT_THAT(training->Finish(), StatusIs(absl::StatusCode::kAborted,
                                           HasSubstr("before its first step")));
}

TEST_F(LocalTrainingTest, StepsAllocateNothing) {
  const auto training = Begin();
  const int64_t before = NumAllocations();
  absl::Status status;
  while (status.ok() && !training->done()) status = training->Step();
  EXPECT_EQ(NumAllocations() - before, 0);
  SHOAL_EXPECT_OK(status);
}

TEST_F(LocalTrainingTest, BaseThatIsNotFiniteEndsInTheEvaluation) {
  base_[0] = std::numeric_limits<float>::quiet_NaN();
  const auto training = Begin();
  EXPECT_THAT(training->Step(), StatusIs(absl::StatusCode::kAborted,
                                         HasSubstr("within 0 steps")));
}

}  // namespace
}  // namespace shoal::learning
