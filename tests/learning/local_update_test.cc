#include "learning/local_update.h"

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

SgdOptimizer Momentum(double momentum) { return {.momentum = momentum}; }

SgdOptimizer Decay(double weight_decay) {
  return {.weight_decay = weight_decay};
}

LocalRun Seeded(uint64_t seed) {
  LocalRun run;
  run.seed = seed;
  return run;
}

// One weight per class, one example x = 1 of class 0. From the parameters
// (w0, w1, b0, b1) with p = sigmoid(w0 + b0 - w1 - b1), the probability of
// class 0, the gradient is (p - 1) (1, -1, 1, -1): all four parameters move by
// the same amount, up or down, and one number u = w0 says it all:
//   p = sigmoid(4 u),  g = p - 1.
class OneWeightTest : public ::testing::Test {
 protected:
  static double Gradient(double u) { return 1 / (1 + std::exp(-4 * u)) - 1; }

  // w0 after training from u = `start`, checked against its three copies.
  double Train(double start, const TrainingOptions& training,
               const LocalAlgorithm& algorithm) {
    const float u = start;
    const ParameterVector base = {u, -u, u, -u};
    const absl::StatusOr<LocalUpdate> update = ComputeLocalUpdate(
        *model_, base, data_, training, algorithm, Seeded(1));
    EXPECT_THAT(update, IsOk());
    const double step = update->delta[0];
    EXPECT_THAT(update->delta,
                ElementsAre(step, FloatNear(-step, 1e-7), FloatNear(step, 1e-7),
                            FloatNear(-step, 1e-7)));
    return start + step;
  }

  std::unique_ptr<Model> model_ = *Model::Create({LogisticSpec{1, 2}});
  const InMemoryDataset data_{{1}, {0}, 1, 2};
};

TEST_F(OneWeightTest, FirstStepFromZeroIsOneHalf) {
  EXPECT_NEAR(Train(0, {.learning_rate = 1}, FedAvgLocal{}), 0.5, 1e-7);
}

TEST_F(OneWeightTest, TwoEpochsAreTwoSteps) {
  const double first = 0.5;
  const double second = first - Gradient(first);
  EXPECT_NEAR(Train(0, {.epochs = 2, .learning_rate = 1}, FedAvgLocal{}),
              second, 1e-6);
}

TEST_F(OneWeightTest, MomentumAddsUpGradients) {
  // v1 = g(0) = -0.5; v2 = 0.5 v1 + g(0.5); w = -(v1 + v2).
  const double v1 = Gradient(0);
  const double v2 = 0.5 * v1 + Gradient(-v1);
  EXPECT_NEAR(
      Train(0, {.epochs = 2, .learning_rate = 1, .optimizer = {Momentum(0.5)}},
            FedAvgLocal{}),
      -v1 - v2, 1e-6);
}

TEST_F(OneWeightTest, MomentumStartsAtZeroEveryRound) {
  const TrainingOptions training = {.learning_rate = 1,
                                    .optimizer = {Momentum(0.9)}};
  EXPECT_EQ(Train(0.2, training, FedAvgLocal{}),
            Train(0.2, training, FedAvgLocal{}));
}

TEST_F(OneWeightTest, WeightDecayPullsTowardsZero) {
  const double u = 0.25;
  EXPECT_NEAR(Train(u, {.learning_rate = 0.5, .optimizer = {Decay(0.1)}},
                    FedAvgLocal{}),
              u - 0.5 * (Gradient(u) + 0.1 * u), 1e-6);
}

TEST_F(OneWeightTest, ProximalTermPullsTowardsTheBase) {
  // The first step starts at the base, where the term is zero; the second
  // feels mu (w - base).
  const double u = 0.25;
  const double first = u - 0.5 * Gradient(u);
  const double second = first - 0.5 * (Gradient(first) + 0.8 * (first - u));
  EXPECT_NEAR(Train(u, {.epochs = 2, .learning_rate = 0.5}, FedProxLocal{0.8}),
              second, 1e-6);
}

TEST_F(OneWeightTest, FedProxWithoutMuIsFedAvg) {
  const TrainingOptions training = {.epochs = 3, .learning_rate = 0.5};
  EXPECT_EQ(Train(0.25, training, FedProxLocal{0}),
            Train(0.25, training, FedAvgLocal{}));
}

TEST_F(OneWeightTest, AllTermsTogether) {
  const double u = 0.25, lr = 0.3, m = 0.5, decay = 0.1, mu = 0.8;
  const double v1 = Gradient(u) + decay * u;
  const double w1 = u - lr * v1;
  const double v2 = m * v1 + Gradient(w1) + decay * w1 + mu * (w1 - u);
  EXPECT_NEAR(
      Train(u,
            {.epochs = 2,
             .learning_rate = lr,
             .optimizer = {SgdOptimizer{.momentum = m, .weight_decay = decay}}},
            FedProxLocal{mu}),
      w1 - lr * v2, 1e-6);
}

// A data set and a model on which the order of the examples matters.
class LocalUpdateTest : public ::testing::Test {
 protected:
  LocalUpdateTest() {
    SeededRng rng(1);
    std::vector<float> features(kExamples * 3);
    std::vector<int32_t> labels(kExamples);
    for (float& x : features) x = rng.Normal();
    for (int32_t& label : labels) label = rng.Below(4);
    data_ = std::make_unique<InMemoryDataset>(features, labels, 3, 4);
    base_ = model_->Initialise(rng);
  }

  absl::StatusOr<LocalUpdate> Compute(
      const TrainingOptions& training, uint64_t seed = 1,
      const std::function<bool()>& keep_going = [] { return true; }) {
    return ComputeLocalUpdate(*model_, base_, *data_, training, FedAvgLocal{},
                              Seeded(seed), keep_going);
  }
  LocalUpdate Update(const TrainingOptions& training, uint64_t seed = 1) {
    absl::StatusOr<LocalUpdate> update = Compute(training, seed);
    EXPECT_THAT(update, IsOk());
    return *std::move(update);
  }

  static constexpr int kExamples = 23;
  std::unique_ptr<Model> model_ = *Model::Create({MlpSpec{3, {5}, 4}});
  std::unique_ptr<InMemoryDataset> data_;
  ParameterVector base_;
};

TEST_F(LocalUpdateTest, LastBatchOfAnEpochIsShort) {
  const LocalUpdate update =
      Update({.epochs = 2, .batch_size = 10, .learning_rate = 0.1});
  EXPECT_EQ(update.num_steps, 6);  // 10 + 10 + 3, twice
  EXPECT_EQ(update.num_examples, kExamples);
  EXPECT_TRUE(update.complete);
}

TEST_F(LocalUpdateTest, ShortBatchIsAMeanOverItsOwnSize) {
  // One batch of all examples, by the definition; asked for a larger one.
  std::vector<float> features(kExamples * 3);
  std::vector<int32_t> labels;
  for (int i = 0; i < kExamples; ++i) {
    data_->CopyFeatures(i, absl::MakeSpan(features).subspan(i * 3, 3));
    labels.push_back(data_->label(i));
  }
  TestTrainer trainer(*model_, {}, {.batch_rows = kExamples}, base_);
  trainer->Step({features, labels, {}, {}}, {.learning_rate = 0.5f});
  const LocalUpdate update =
      Update({.batch_size = 1000, .learning_rate = 0.5, .keep_order = true});
  EXPECT_EQ(update.num_steps, 1);
  for (size_t i = 0; i < base_.size(); ++i) {
    EXPECT_EQ(update.delta[i], trainer.parameters()[i] - base_[i]);
  }
}

TEST_F(LocalUpdateTest, BaseScoreIsOfTheBaseOnAllExamples) {
  const LocalUpdate update =
      Update({.epochs = 5, .batch_size = 4, .learning_rate = 0.1});
  SHOAL_ASSERT_OK_AND_ASSIGN(const Score score,
                             EvaluateDataset(*model_, base_, *data_));
  EXPECT_NEAR(update.base_score.loss_sum, score.loss_sum, 1e-5);
  EXPECT_EQ(update.base_score.num_correct, score.num_correct);
  EXPECT_EQ(update.base_score.num_examples, kExamples);
}

TEST_F(LocalUpdateTest, TrainingLowersTheLoss) {
  const LocalUpdate update =
      Update({.epochs = 50, .batch_size = 4, .learning_rate = 0.1});
  ParameterVector trained = base_;
  for (size_t i = 0; i < trained.size(); ++i) trained[i] += update.delta[i];
  SHOAL_ASSERT_OK_AND_ASSIGN(const Score score,
                             EvaluateDataset(*model_, trained, *data_));
  EXPECT_LT(score.loss(), 0.8 * update.base_score.loss());
}

TEST_F(LocalUpdateTest, SameSeedGivesTheSameBits) {
  const TrainingOptions training = {.epochs = 3,
                                    .batch_size = 4,
                                    .learning_rate = 0.1,
                                    .optimizer = {Momentum(0.9)}};
  EXPECT_EQ(Update(training, 7).delta, Update(training, 7).delta);
}

TEST_F(LocalUpdateTest, SeedOrdersTheExamples) {
  const TrainingOptions training = {.batch_size = 4, .learning_rate = 0.1};
  EXPECT_NE(Update(training, 7).delta, Update(training, 8).delta);
}

TEST_F(LocalUpdateTest, KeptOrderDoesNotDependOnTheSeed) {
  const TrainingOptions training = {
      .batch_size = 4, .learning_rate = 0.1, .keep_order = true};
  EXPECT_EQ(Update(training, 7).delta, Update(training, 8).delta);
}

TEST_F(LocalUpdateTest, EveryEpochHasAnOrderOfItsOwn) {
  // Were the order of the first epoch kept, two epochs in one update would be
  // the same as two updates with the same seed, one after the other.
  TrainingOptions training = {.batch_size = 4, .learning_rate = 0.1};
  const ParameterVector first = Update(training, 7).delta;
  const ParameterVector original = base_;
  for (size_t i = 0; i < base_.size(); ++i) base_[i] += first[i];
  const ParameterVector second = Update(training, 7).delta;
  base_ = original;
  training.epochs = 2;
  const ParameterVector both = Update(training, 7).delta;
  double difference = 0;
  for (size_t i = 0; i < both.size(); ++i) {
    difference += std::abs(both[i] - first[i] - second[i]);
  }
  EXPECT_GT(difference, 1e-4);
}

TEST_F(LocalUpdateTest, StoppedTrainingKeepsTheStepsDone) {
  const TrainingOptions training = {
      .epochs = 2, .batch_size = 10, .learning_rate = 0.1, .keep_order = true};
  int asked = 0;
  absl::StatusOr<LocalUpdate> stopped =
      Compute(training, 1, [&] { return ++asked <= 6; });
  SHOAL_ASSERT_OK(stopped);
  EXPECT_FALSE(stopped->complete);
  EXPECT_EQ(stopped->num_steps, 3);
  EXPECT_EQ(asked, 7);  // three of them while the base is scored
  // Three steps are exactly one epoch here.
  EXPECT_EQ(stopped->delta,
            Update({.batch_size = 10, .learning_rate = 0.1, .keep_order = true})
                .delta);
}

TEST_F(LocalUpdateTest, StoppedBeforeTheFirstStepIsAborted) {
  EXPECT_THAT(Compute({.learning_rate = 0.1}, 1, [] { return false; }),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("first step")));
}

TEST_F(LocalUpdateTest, DivergedTrainingIsAborted) {
  EXPECT_THAT(Compute({.epochs = 50, .batch_size = 4, .learning_rate = 1e30}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("non-finite")));
}

TEST_F(LocalUpdateTest, DivergenceInTheLastStepIsAborted) {
  // The loss is finite when the only step is taken; the weights overflow.
  base_.assign(base_.size(), 1e3f);
  EXPECT_THAT(Compute({.batch_size = 100,
                       .learning_rate = 3e38,
                       .optimizer = {Decay(3e38)}}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("non-finite")));
}

TEST_F(LocalUpdateTest, NonFiniteBaseIsAborted) {
  base_.assign(base_.size(), std::numeric_limits<float>::infinity());
  EXPECT_THAT(Compute({.learning_rate = 0.1}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("0 steps")));
}

TEST_F(LocalUpdateTest, OptionsOutOfRangeAreRefusedByName) {
  const auto refused = [&](const TrainingOptions& training, const char* what) {
    EXPECT_THAT(Compute(training),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused({.epochs = 0, .learning_rate = 1}, "epochs is 0");
  refused({.batch_size = 0, .learning_rate = 1}, "batch_size is 0");
  refused({.learning_rate = 0}, "learning_rate is 0");
  refused({.learning_rate = -1}, "learning_rate is -1");
  refused({.learning_rate = std::nan("")}, "learning_rate is nan");
  refused({.learning_rate = 1e300}, "learning_rate is 1e+300");
  refused({.learning_rate = 1, .optimizer = {Momentum(1)}}, "momentum is 1");
  refused({.learning_rate = 1, .optimizer = {Momentum(-0.1)}},
          "momentum is -0.1");
  refused({.learning_rate = 1, .optimizer = {Momentum(std::nan(""))}},
          "momentum is nan");
  refused({.learning_rate = 1, .optimizer = {Decay(-1)}}, "weight_decay is -1");
  refused({.learning_rate = 1, .optimizer = {SgdOptimizer{.nesterov = true}}},
          "nesterov needs");
  refused({.learning_rate = 1, .optimizer = {AdamOptimizer{.beta1 = 1}}},
          "beta1 is 1");
  refused({.learning_rate = 1, .optimizer = {AdamOptimizer{.beta2 = -1}}},
          "beta2 is -1");
  refused({.learning_rate = 1, .optimizer = {AdamOptimizer{.epsilon = 0}}},
          "epsilon is 0");
  refused({.learning_rate = 1, .optimizer = {SgdOptimizer{}, -1.0}},
          "clip_norm is -1");
  refused({.learning_rate = 1, .micro_batch_size = -1},
          "micro_batch_size is -1");
  refused({.learning_rate = 1, .last_layers = 3}, "last_layers is 3");
}

TEST_F(LocalUpdateTest, NegativeMuIsRefused) {
  EXPECT_THAT(
      ComputeLocalUpdate(*model_, base_, *data_, {.learning_rate = 1},
                         FedProxLocal{-1}, Seeded(1)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mu is -1")));
}

TEST_F(LocalUpdateTest, BaseOfAnotherModelIsRefused) {
  base_.pop_back();
  EXPECT_THAT(Compute({.learning_rate = 1}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("43 parameters, model mlp 3-5-4 has 44")));
}

TEST_F(LocalUpdateTest, DataOfAnotherShapeAreRefused) {
  data_ = std::make_unique<InMemoryDataset>(std::vector<float>{1, 2},
                                            std::vector<int32_t>{0}, 2, 4);
  EXPECT_THAT(
      Compute({.learning_rate = 1}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("the data have 2 features, model mlp 3-5-4 wants 3")));
}

TEST_F(LocalUpdateTest, DataWithMoreClassesAreRefused) {
  data_ = std::make_unique<InMemoryDataset>(std::vector<float>{1, 2, 3},
                                            std::vector<int32_t>{4}, 3, 5);
  EXPECT_THAT(
      Compute({.learning_rate = 1}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("the data have 5 classes, model mlp 3-5-4 wants 4")));
}

TEST_F(LocalUpdateTest, NoDataAreRefused) {
  data_ = std::make_unique<InMemoryDataset>(std::vector<float>{},
                                            std::vector<int32_t>{}, 3, 4);
  EXPECT_THAT(
      Compute({.learning_rate = 1}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no examples")));
}

TEST_F(LocalUpdateTest, MicroBatchesGiveTheSameUpdate) {
  const TrainingOptions whole = {
      .epochs = 2, .batch_size = 10, .learning_rate = 0.1};
  TrainingOptions parts = whole;
  parts.micro_batch_size = 3;
  const LocalUpdate expected = Update(whole), update = Update(parts);
  EXPECT_EQ(update.num_steps, expected.num_steps);
  for (size_t i = 0; i < base_.size(); ++i) {
    EXPECT_NEAR(update.delta[i], expected.delta[i], 1e-6);
  }
}

TEST_F(LocalUpdateTest, LittleMemoryMakesPartsOfBatches) {
  const TrainingOptions training = {.batch_size = 16, .learning_rate = 0.1};
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const MemoryPlan whole,
      PlanLocalUpdate(*model_, training, kExamples, std::nullopt));
  LocalRun run = Seeded(1);
  run.memory_bytes = whole.bytes() - 1;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const LocalUpdate update,
      ComputeLocalUpdate(*model_, base_, *data_, training, FedAvgLocal{}, run));
  const LocalUpdate expected = Update(training);
  for (size_t i = 0; i < base_.size(); ++i) {
    EXPECT_NEAR(update.delta[i], expected.delta[i], 1e-6);
  }
  run.memory_bytes = 100;
  EXPECT_THAT(
      ComputeLocalUpdate(*model_, base_, *data_, training, FedAvgLocal{}, run),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("at least")));
}

TEST_F(LocalUpdateTest, OnlyTheLastLayersMove) {
  const LocalUpdate update =
      Update({.batch_size = 10, .learning_rate = 0.1, .last_layers = 1});
  const int64_t last = model_->layout().offset(2);
  for (int64_t i = 0; i < last; ++i) EXPECT_EQ(update.delta[i], 0);
  EXPECT_NE(update.delta[last], 0);
}

TEST(PrivateLayersTest, ValuesStayAndAreTakenUpAgain) {
  LayerListSpec list;
  list.input = {3};
  list.layers = {{DenseSpec{.units = 4}},
                 {.kind = DenseSpec{.units = 2}, .is_private = true}};
  const auto model = MakeModel({list});
  const InMemoryDataset data({1, 2, 3, -1, 0, 2}, {0, 1}, 3, 2);
  SeededRng rng(1);
  const ParameterVector base = model->Initialise(rng);
  const TrainingOptions training = {.learning_rate = 0.1};
  LocalRun run = Seeded(1);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const LocalUpdate first,
      ComputeLocalUpdate(*model, base, data, training, FedAvgLocal{}, run));
  EXPECT_EQ(first.delta.size(), base.size());
  EXPECT_EQ(first.private_values.size(), 10);
  EXPECT_NE(first.private_values, model->InitialPrivateValues());
  run.private_values = first.private_values;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const LocalUpdate second,
      ComputeLocalUpdate(*model, base, data, training, FedAvgLocal{}, run));
  EXPECT_LT(second.base_score.loss(), first.base_score.loss());
  run.private_values = absl::MakeConstSpan(first.private_values).first(3);
  EXPECT_THAT(
      ComputeLocalUpdate(*model, base, data, training, FedAvgLocal{}, run),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("3 private values")));
}

}  // namespace
}  // namespace shoal::learning
