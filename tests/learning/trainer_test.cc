#include "learning/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr int64_t kRows = 6;
constexpr StepOptions kStep = {.learning_rate = 0.05f};

double Largest(const ParameterVector& a, const ParameterVector& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max<double>(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

// Whether parameter `index` of the layer is no weight but follows the data.
bool IsStatistic(const Node& node, int64_t index) {
  for (size_t i = 0; i < node.layer->tensors().size(); ++i) {
    const int64_t begin = node.layer->offset(i);
    if (index < begin || index >= begin + node.layer->tensor_size(i)) continue;
    return FollowsTheData(node, node.layer->tensors()[i]);
  }
  return false;
}

class EveryModelTest : public ::testing::TestWithParam<NamedModel> {
 protected:
  // The parameters after a number of steps on the same batch.
  ParameterVector After(const PlanOptions& options,
                        const LocalOptimizer& optimizer, int steps = 2) {
    TestTrainer trainer(*model_, optimizer, options, start_);
    for (int i = 0; i < steps; ++i) trainer->Step(examples_.batch(), kStep);
    return trainer.parameters();
  }

  std::unique_ptr<Model> model_ = MakeModel(GetParam().spec);
  const ParameterVector start_ = RandomParameters(*model_, 1);
  const Examples examples_{*model_, kRows, 2};
};

// ReLU and max pooling have kinks, and a difference across one is no
// derivative: smaller steps on either side are tried until one agrees. The
// smallest is still large against the rounding of a loss computed in float
// (3e-7 / 2e-4). Losses are those of a trainer's first step: dropout's mask
// and the batch's statistics are the same in each.
TEST_P(EveryModelTest, GradientMatchesFiniteDifferences) {
  TestTrainer trainer(*model_, {}, {.batch_rows = kRows, .fused = false},
                      start_);
  const double loss =
      trainer->Step(examples_.batch(), {.learning_rate = 0}).loss();
  TestTrainer probe(*model_, {}, {.batch_rows = kRows}, start_);
  const auto training_loss = [&](const ParameterVector& parameters) {
    std::copy(parameters.begin(), parameters.end(),
              probe->parameters().begin());
    probe->ResetOptimizer();
    return probe->Step(examples_.batch(), {.learning_rate = 0}).loss();
  };
  ParameterVector moved = start_;
  const auto slope = [&](int64_t index, float h) {
    moved[index] += h;
    const double step = static_cast<double>(moved[index]) - start_[index];
    const double there = training_loss(moved);
    moved[index] = start_[index];
    return (there - loss) / step;
  };
  ASSERT_EQ(loss, training_loss(start_));
  const MemoryPlan& plan = trainer->plan();
  for (size_t n = 0; n < model_->nodes().size(); ++n) {
    if (!plan.trained()[n]) continue;
    const Node& node = model_->nodes()[n];
    for (int64_t k = 0; k < node.layer->num_parameters(); ++k) {
      if (IsStatistic(node, k)) continue;
      const float gradient = trainer->gradient()[plan.trained_offsets()[n] + k];
      const double bound = 4e-3 + 0.02 * std::abs(gradient);
      double error = std::numeric_limits<double>::infinity();
      for (const float h : {1e-3f, -1e-3f, 5e-4f, -5e-4f, 2e-4f, -2e-4f}) {
        error = std::min(
            error, std::abs(slope(node.parameter_offset + k, h) - gradient));
        if (error < bound) break;
      }
      EXPECT_LT(error, bound)
          << node.name << " parameter " << k << ": " << gradient;
    }
  }
}

TEST_P(EveryModelTest, TrainingSeesTheLossOfPrediction) {
  if (!TrainsAsItPredicts(*model_)) {
    GTEST_SKIP() << "training drops values or normalises by the batch";
  }
  TestTrainer trainer(*model_, {}, {.batch_rows = kRows}, start_);
  const double loss =
      trainer->Step(examples_.batch(), {.learning_rate = 0}).loss();
  EXPECT_NEAR(loss, LossOf(*model_, start_, examples_.batch()), 1e-5);
  EXPECT_EQ(trainer.parameters(), start_);
}

TEST_P(EveryModelTest, StepsLowerTheLoss) {
  const double before = LossOf(*model_, start_, examples_.batch());
  const ParameterVector after = After({.batch_rows = kRows}, {}, 20);
  EXPECT_LT(LossOf(*model_, after, examples_.batch()), before);
}

TEST_P(EveryModelTest, FusedUpdateEqualsUpdateFromABuffer) {
  const LocalOptimizer optimizers[] = {
      {SgdOptimizer{}},
      {SgdOptimizer{.momentum = 0.9, .weight_decay = 0.01}},
      {SgdOptimizer{.momentum = 0.9, .nesterov = true}},
      {AdamOptimizer{}},
      {AdamOptimizer{.weight_decay = 0.1, .decoupled = true}}};
  for (const LocalOptimizer& optimizer : optimizers) {
    const ParameterVector fused = After({.batch_rows = kRows}, optimizer, 3);
    const ParameterVector buffered =
        After({.batch_rows = kRows, .fused = false}, optimizer, 3);
    EXPECT_LT(Largest(fused, buffered), 2e-5);
    EXPECT_GT(Largest(fused, start_), 1e-4);
  }
}

TEST_P(EveryModelTest, RecomputationChangesNothing) {
  const ParameterVector plain = After({.batch_rows = kRows}, {});
  EXPECT_LT(Largest(plain, After({.batch_rows = kRows, .recompute = true}, {})),
            1e-6);
}

TEST_P(EveryModelTest, PartsAddUpToTheBatch) {
  if (TrainsByBatchStatistics(*model_)) {
    GTEST_SKIP() << "a part has other statistics than the batch";
  }
  const ParameterVector whole = After({.batch_rows = kRows}, {}, 1);
  for (const int64_t micro : {1, 2, 4}) {
    TestTrainer trainer(*model_, {}, {.batch_rows = kRows, .micro_rows = micro},
                        start_);
    trainer->StartStep(kRows, kStep);
    for (int64_t at = 0; at < kRows; at += micro) {
      trainer->AddPart(examples_.part(at, std::min(micro, kRows - at)));
    }
    trainer->FinishStep();
    EXPECT_LT(Largest(whole, trainer.parameters()), 1e-5) << micro;
  }
}

TEST_P(EveryModelTest, FrozenLayersAndThoseBeforeTheLastStay) {
  const PlanOptions options = {.batch_rows = kRows, .last_layers = 1};
  const ParameterVector after = After(options, {});
  SHOAL_ASSERT_OK_AND_ASSIGN(const MemoryPlan plan,
                             MemoryPlan::ForTraining(*model_, options));
  int trained = 0;
  for (size_t n = 0; n < model_->nodes().size(); ++n) {
    const Node& node = model_->nodes()[n];
    if (node.layer == nullptr || node.layer->num_parameters() == 0) continue;
    bool same = true;
    for (int64_t k = 0; k < node.layer->num_parameters(); ++k) {
      const int64_t at = node.parameter_offset + k;
      if (!IsStatistic(node, k)) same &= after[at] == start_[at];
    }
    EXPECT_EQ(same, !plan.trained()[n]) << node.name;
    trained += plan.trained()[n];
    EXPECT_FALSE(node.frozen && plan.trained()[n]);
  }
  EXPECT_EQ(trained, 1);
}

TEST_P(EveryModelTest, SameStepsGiveTheSameBits) {
  const LocalOptimizer optimizer = {AdamOptimizer{}};
  EXPECT_EQ(After({.batch_rows = kRows}, optimizer),
            After({.batch_rows = kRows}, optimizer));
}

TEST_P(EveryModelTest, ShortBatchesAreMeansOverTheirOwnSize) {
  TestTrainer large(*model_, {}, {.batch_rows = kRows}, start_);
  TestTrainer small(*model_, {}, {.batch_rows = 2}, start_);
  large->Step(examples_.part(0, 2), kStep);
  small->Step(examples_.part(0, 2), kStep);
  EXPECT_LT(Largest(large.parameters(), small.parameters()), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModelTest,
                         ::testing::ValuesIn(EveryModel()),
                         [](const auto& info) { return info.param.name; });

// One weight per class, x = 1, class 0, from zero: p = 1/2 and the gradient is
// (-1/2, 1/2) for the weights and for the biases.
class OneWeightTest : public ::testing::Test {
 protected:
  ParameterVector Train(const LocalOptimizer& optimizer, float rate,
                        int steps = 1) {
    TestTrainer trainer(*model_, optimizer, {}, {0, 0, 0, 0});
    for (int i = 0; i < steps; ++i) {
      trainer->Step({features_, labels_, {}, {}}, {.learning_rate = rate});
    }
    return trainer.parameters();
  }

  std::unique_ptr<Model> model_ = MakeModel({LogisticSpec{1, 2}});
  const std::vector<float> features_ = {1};
  const std::vector<int32_t> labels_ = {0};
};

TEST_F(OneWeightTest, ClippingScalesTheWholeGradient) {
  // Its norm is sqrt(4 / 4) = 1.
  EXPECT_NEAR(Train({SgdOptimizer{}, /*clip_norm=*/0.5}, 1)[0], 0.25, 1e-6);
  EXPECT_NEAR(Train({SgdOptimizer{}, /*clip_norm=*/2}, 1)[0], 0.5, 1e-6);
}

TEST_F(OneWeightTest, NesterovLooksAhead) {
  // v = g; the step is g + momentum * v = 1.5 g.
  EXPECT_NEAR(Train({SgdOptimizer{.momentum = 0.5, .nesterov = true}}, 1)[0],
              0.75, 1e-6);
}

TEST_F(OneWeightTest, FirstStepOfAdamIsTheRate) {
  // m / (1 - beta1) = g and v / (1 - beta2) = g^2: the step is the rate times
  // the sign, but for epsilon.
  const ParameterVector after = Train({AdamOptimizer{.epsilon = 1e-3}}, 0.1f);
  const double expected = 0.1 * 0.5 / (0.5 + 1e-3);
  EXPECT_NEAR(after[0], expected, 1e-6);
  EXPECT_NEAR(after[1], -expected, 1e-6);
}

TEST_F(OneWeightTest, TwoStepsOfAdamByHand) {
  double w = 0, m = 0, v = 0;
  const double b1 = 0.9, b2 = 0.99, rate = 0.1, epsilon = 1e-8;
  for (int t = 1; t <= 2; ++t) {
    const double g = 1 / (1 + std::exp(-4 * w)) - 1;
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    w -= rate * (m / (1 - std::pow(b1, t))) /
         (std::sqrt(v / (1 - std::pow(b2, t))) + epsilon);
  }
  EXPECT_NEAR(Train({AdamOptimizer{.beta2 = b2}}, 0.1f, 2)[0], w, 1e-5);
}

TEST_F(OneWeightTest, DecoupledDecayShrinksWeightsBesideTheStep) {
  TestTrainer trainer(*model_,
                      {AdamOptimizer{.weight_decay = 0.5, .decoupled = true}},
                      {}, {1, 1, 0, 0});
  trainer->Step({features_, labels_, {}, {}}, {.learning_rate = 0.1f});
  // 1 - 0.1 * 0.5 * 1 + 0.1 (the gradient of w0 is negative).
  EXPECT_NEAR(trainer.parameters()[0], 1 - 0.05 + 0.1, 1e-5);
}

TEST_F(OneWeightTest, ATeacherReplacesTheLabelByItsWeight) {
  // Logits are zero: p = (1/2, 1/2) at any temperature T. With weight a and
  // teacher (q, 1 - q) the gradient of logit 0 is
  //   (1 - a) (1/2 - 1) + a T (1/2 - q).
  const double a = 0.3, temperature = 2, q = 0.9;
  TestTrainer trainer(*model_, {}, {.distillation = true},
                      ParameterVector{0, 0, 0, 0});
  const std::vector<float> teacher = {0.9f, 0.1f};
  StepOptions step = {.learning_rate = 1};
  step.distillation = {.weight = 0.3f, .temperature = 2};
  const Score score = trainer->Step({features_, labels_, {}, teacher}, step);
  EXPECT_NEAR(trainer.parameters()[0],
              (1 - a) * 0.5 - a * temperature * (0.5 - q), 1e-6);
  const double kl = q * std::log(q / 0.5) + (1 - q) * std::log((1 - q) / 0.5);
  EXPECT_NEAR(score.loss(),
              (1 - a) * std::log(2.0) + a * temperature * temperature * kl,
              1e-5);
}

TEST(TrainerTest, BlockMustBeLargeEnoughAndAligned) {
  const auto model = MakeModel({MlpSpec{4, {3}, 2}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const MemoryPlan plan,
                             MemoryPlan::ForTraining(*model, {}));
  Block block(plan.bytes() + kBlockAlignment);
  EXPECT_THAT(
      Trainer::Create(*model, {}, plan, block.bytes().first(plan.bytes() - 1)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs")));
  EXPECT_THAT(
      Trainer::Create(*model, {}, plan, block.bytes().subspan(4)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("aligned")));
}

TEST(TrainerTest, PlanForAnotherOptimiserIsRefused) {
  const auto model = MakeModel({MlpSpec{4, {3}, 2}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const MemoryPlan plan,
                             MemoryPlan::ForTraining(*model, {}));
  Block block(plan.bytes());
  EXPECT_THAT(
      Trainer::Create(*model, {AdamOptimizer{}}, plan, block.bytes()),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("optimiser")));
  EXPECT_THAT(
      Trainer::Create(*model, {SgdOptimizer{}, 1.0}, plan, block.bytes()),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("clips")));
}

TEST(TrainerTest, DropoutIsRepeatedByItsSeedAlone) {
  LayerListSpec list;
  list.input = {20};
  list.layers = {{DropoutSpec{.rate = 0.5}}, {DenseSpec{.units = 2}}};
  const auto model = MakeModel({list});
  const Examples examples(*model, 4, 1);
  const auto train = [&](uint64_t seed, bool recompute) {
    TestTrainer trainer(*model, {}, {.batch_rows = 4, .recompute = recompute},
                        RandomParameters(*model, 1));
    trainer->Step(examples.batch(), {.learning_rate = 1, .seed = seed});
    return trainer.parameters();
  };
  EXPECT_EQ(train(1, false), train(1, false));
  EXPECT_NE(train(1, false), train(2, false));
  EXPECT_EQ(train(1, false), train(1, true));
}

TEST(TrainerTest, DropoutOfPartsIsThatOfTheBatch) {
  LayerListSpec list;
  list.input = {7};
  list.layers = {{DropoutSpec{.rate = 0.3}},
                 {DenseSpec{.units = 9, .activation = ActivationKind::kRelu}},
                 {DropoutSpec{.rate = 0.5}},
                 {DenseSpec{.units = 2}}};
  const auto model = MakeModel({list});
  const Examples examples(*model, kRows, 1);
  const ParameterVector start = RandomParameters(*model, 1);
  const StepOptions step = {.learning_rate = 1, .seed = 5};
  TestTrainer whole(*model, {}, {.batch_rows = kRows}, start);
  for (int i = 0; i < 2; ++i) whole->Step(examples.batch(), step);
  for (const int64_t micro : {1, 2, 4}) {
    TestTrainer parts(*model, {}, {.batch_rows = kRows, .micro_rows = micro},
                      start);
    for (int i = 0; i < 2; ++i) {
      parts->StartStep(kRows, step);
      for (int64_t at = 0; at < kRows; at += micro) {
        parts->AddPart(examples.part(at, std::min(micro, kRows - at)));
      }
      parts->FinishStep();
    }
    EXPECT_LT(Largest(whole.parameters(), parts.parameters()), 1e-5) << micro;
  }
}

// In training, batch norm uses the batch's statistics; the difference that the
// predictor sees afterwards is that of the running ones.
TEST(TrainerTest, BatchNormTrainsAndMovesItsStatisticsOnce) {
  LayerListSpec list;
  list.input = {4};
  list.layers = {{DenseSpec{.units = 3}},
                 {BatchNormSpec{.momentum = 0.5}},
                 {DenseSpec{.units = 2}}};
  const auto model = MakeModel({list});
  EXPECT_EQ(model->private_layout().num_parameters(), 12);
  const Examples examples(*model, 8, 1);
  const ParameterVector start = RandomParameters(*model, 1);
  for (const bool recompute : {false, true}) {
    TestTrainer trainer(*model, {}, {.batch_rows = 8, .recompute = recompute},
                        start);
    trainer->Step(examples.batch(), {.learning_rate = 0});
    // Scale and shift stay, mean and variance go half the way.
    const ParameterVector after = trainer.parameters();
    const int64_t statistics = model->layout().num_parameters() + 6;
    for (int64_t i = 0; i < statistics; ++i) EXPECT_EQ(after[i], start[i]);
    double mean = 0;
    for (int r = 0; r < 8; ++r) {
      double y = start[12];  // bias of the first unit
      for (int k = 0; k < 4; ++k) {
        y += examples.batch().features[r * 4 + k] * start[k * 3];
      }
      mean += y / 8;
    }
    EXPECT_NEAR(after[statistics], 0.5 * start[statistics] + 0.5 * mean, 1e-5);
  }
}

// A device whose layers before the last rest has data of its own all the same.
TEST(TrainerTest, StatisticsFollowTheDataBeforeTheLastLayersToo) {
  LayerListSpec list;
  list.input = {4};
  list.layers = {{BatchNormSpec{}}, {DenseSpec{.units = 2}}};
  const auto model = MakeModel({list});
  const Examples examples(*model, 8, 1);
  const ParameterVector start = RandomParameters(*model, 1);
  TestTrainer trainer(*model, {}, {.batch_rows = 8, .last_layers = 1}, start);
  trainer->Step(examples.batch(), kStep);
  const ParameterVector after = trainer.parameters();
  const int64_t own = model->layout().num_parameters();
  const int64_t statistics = own + 8;
  for (int64_t i = own; i < statistics; ++i) EXPECT_EQ(after[i], start[i]);
  for (int64_t i = statistics; i < statistics + 8; ++i) {
    EXPECT_NE(after[i], start[i]);
  }
}

}  // namespace
}  // namespace shoal::learning
