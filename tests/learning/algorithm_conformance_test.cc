// What every algorithm's device half keeps to. A new one is one line in the
// table at the end.
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/allocation_counter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/device_memory.h"
#include "learning/local_training.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;

struct Case {
  std::string name;
  LocalAlgorithm algorithm;
};

// 23 examples in batches of 4.
class DeviceConformanceTest : public ::testing::TestWithParam<Case> {
 protected:
  DeviceConformanceTest() {
    SeededRng rng(1);
    std::vector<float> features(kExamples * 3);
    std::vector<int32_t> labels(kExamples);
    for (float& x : features) x = static_cast<float>(rng.Normal());
    for (int32_t& label : labels) label = static_cast<int32_t>(rng.Below(4));
    data_ = std::make_unique<InMemoryDataset>(features, labels, 3, 4);
    base_ = model_->Initialise(rng);
    for (size_t i = 0; traits_.num_vectors > 1 && i < base_.size(); ++i) {
      control_.push_back(static_cast<float>(0.1 * rng.Normal()));
      own_control_.push_back(static_cast<float>(0.1 * rng.Normal()));
    }
    training_.epochs = traits_.trains ? 3 : 1;
    training_.batch_size = 4;
    training_.learning_rate = 0.1;
    run_.seed = 7;
    run_.control = control_;
    run_.own_control = own_control_;
  }

  absl::StatusOr<LocalUpdate> Compute() {
    return ComputeLocalUpdate(*model_, base_, *data_, training_,
                              GetParam().algorithm, run_);
  }

  std::unique_ptr<LocalTraining> Begin() {
    return *LocalTraining::Create(*model_, base_, *data_, training_,
                                  GetParam().algorithm, run_);
  }

  static constexpr int kExamples = 23;
  const AlgorithmTraits traits_ = TraitsOf(GetParam().algorithm);
  std::unique_ptr<Model> model_ = *Model::Create({MlpSpec{3, {5}, 4}});
  std::unique_ptr<InMemoryDataset> data_;
  ParameterVector base_;
  ParameterVector control_;
  ParameterVector own_control_;
  TrainingOptions training_;
  LocalRun run_;
};

TEST_P(DeviceConformanceTest, UpdateHasTheVectorsThatTheTraitsSay) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, Compute());
  EXPECT_EQ(update.delta.size(), traits_.num_vectors * base_.size());
  EXPECT_EQ(update.control.size(), control_.size());
  EXPECT_EQ(update.num_examples, kExamples);
  EXPECT_GT(update.divisor, 0);
  EXPECT_TRUE(update.complete);
}

TEST_P(DeviceConformanceTest, SameInputsLeadToTheSameBits) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate first, Compute());
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate second, Compute());
  EXPECT_EQ(first.delta, second.delta);
  EXPECT_EQ(first.control, second.control);
}

TEST_P(DeviceConformanceTest, PartialWorkIsAnUpdate) {
  const auto training = Begin();
  while (training->num_steps() < 1) SHOAL_ASSERT_OK(training->Step());
  EXPECT_EQ(training->done(), !traits_.trains);
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate update, training->Finish());
  EXPECT_EQ(update.num_steps, 1);
  EXPECT_EQ(update.complete, !traits_.trains);
}

TEST_P(DeviceConformanceTest, WithoutAStepThereIsNoUpdate) {
  const auto training = Begin();
  SHOAL_ASSERT_OK(training->Step());
  EXPECT_THAT(training->Finish(), StatusIs(absl::StatusCode::kAborted));
}

TEST_P(DeviceConformanceTest, WorkIsCountedFromNothingToAll) {
  const auto training = Begin();
  double before = training->share_before();
  double steps = training->work_in_steps();
  EXPECT_EQ(before, 0);
  EXPECT_EQ(steps, 0);
  while (!training->done()) {
    SHOAL_ASSERT_OK(training->Step());
    EXPECT_TRUE(training->share_before() > before ||
                training->work_in_steps() > steps);
    before = training->share_before();
    steps = training->work_in_steps();
  }
  EXPECT_DOUBLE_EQ(before, 1);
  EXPECT_DOUBLE_EQ(steps, static_cast<double>(training->steps_in_all()));
}

TEST_P(DeviceConformanceTest, LittleMemoryChangesOnlyTheRounding) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate roomy, Compute());
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const MemoryPlan least,
      LeastPlan(*model_, training_, kExamples, GetParam().algorithm));
  run_.memory_bytes = least.bytes();
  SHOAL_ASSERT_OK_AND_ASSIGN(const LocalUpdate tight, Compute());
  for (size_t i = 0; i < roomy.delta.size(); ++i) {
    EXPECT_NEAR(tight.delta[i], roomy.delta[i], 1e-5) << i;
  }
  run_.memory_bytes = least.bytes() - 1;
  EXPECT_THAT(Compute(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_P(DeviceConformanceTest, StepsAllocateNothing) {
  const auto training = Begin();
  const int64_t before = NumAllocations();
  while (!training->done()) {
    if (!training->Step().ok()) FAIL();
  }
  EXPECT_EQ(NumAllocations() - before, 0);
}

TEST_P(DeviceConformanceTest, TrainingThatIsNotFiniteIsAborted) {
  base_[0] = std::numeric_limits<float>::max();
  EXPECT_THAT(Compute(), StatusIs(absl::StatusCode::kAborted));
}

INSTANTIATE_TEST_SUITE_P(
    All, DeviceConformanceTest,
    ::testing::Values(Case{"FedAvg", FedAvgLocal{}},
                      Case{"FedProx", FedProxLocal{0.5}},
                      Case{"FedNova", FedNovaLocal{}},
                      Case{"FedSgd", FedSgdLocal{}},
                      Case{"ScaffoldOptionI", ScaffoldLocal{60, 1}},
                      Case{"ScaffoldOptionII", ScaffoldLocal{60, 2}}),
    [](const ::testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::learning
