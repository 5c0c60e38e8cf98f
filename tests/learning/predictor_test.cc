#include "learning/predictor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

class EveryPredictorTest : public ::testing::TestWithParam<NamedModel> {
 protected:
  std::unique_ptr<Model> model_ = MakeModel(GetParam().spec);
  const ParameterVector parameters_ = RandomParameters(*model_, 3);
  const Examples examples_{*model_, 5, 4};
};

TEST_P(EveryPredictorTest, RowsDoNotDependOnEachOther) {
  OwnedPredictor together(*model_, 5), alone(*model_, 1);
  const absl::Span<const float> all =
      together->Predict(parameters_, examples_.batch().features);
  const size_t size = model_->output().num_values();
  ASSERT_EQ(all.size(), 5 * size);
  for (int row = 0; row < 5; ++row) {
    const absl::Span<const float> one =
        alone->Predict(parameters_, examples_.part(row, 1).features);
    for (size_t i = 0; i < size; ++i) {
      EXPECT_NEAR(one[i], all[row * size + i], 1e-5);
    }
  }
}

TEST_P(EveryPredictorTest, ScoresAddUp) {
  OwnedPredictor predictor(*model_, 5);
  const Score whole = predictor->Evaluate(parameters_, examples_.batch());
  Score parts;
  parts.Add(predictor->Evaluate(parameters_, examples_.part(0, 2)));
  parts.Add(predictor->Evaluate(parameters_, examples_.part(2, 3)));
  EXPECT_NEAR(whole.loss_sum, parts.loss_sum, 1e-4);
  EXPECT_EQ(whole.num_correct, parts.num_correct);
  EXPECT_EQ(whole.num_examples, parts.num_examples);
}

INSTANTIATE_TEST_SUITE_P(Models, EveryPredictorTest,
                         ::testing::ValuesIn(EveryModel()),
                         [](const auto& info) { return info.param.name; });

// x = (1, 2), h = relu(x W1 + b1) = (relu(1 - 2 + .5), relu(1 + 2 - 1))
// = (0, 2), z = h W2 + b2 = (2, -2 + 1) = (2, -1).
TEST(PredictorTest, MlpByHand) {
  const auto model = MakeModel({MlpSpec{2, {2}, 2}});
  const ParameterVector parameters = {1, 1, -1, 1, 0.5, -1, 9, 9, 1, -1, 0, 1};
  OwnedPredictor predictor(*model, 1);
  const std::vector<float> features = {1, 2};
  const absl::Span<const float> result =
      predictor->Predict(parameters, features);
  const double p = 1 / (1 + std::exp(-3.0));
  EXPECT_NEAR(result[0], p, 1e-6);
  EXPECT_NEAR(result[1], 1 - p, 1e-6);
  const std::vector<int32_t> labels = {1};
  const Score score =
      predictor->Evaluate(parameters, {features, labels, {}, {}});
  EXPECT_NEAR(score.loss_sum, -std::log(1 - p), 1e-5);
  EXPECT_EQ(score.num_correct, 0);
}

TEST(PredictorTest, HugeLogitsScoreExactly) {
  // p[1] underflows; the loss is the difference of the logits.
  const auto model = MakeModel({LogisticSpec{1, 2}});
  OwnedPredictor predictor(*model, 1);
  const std::vector<float> features = {1};
  const std::vector<int32_t> labels = {1};
  const Score score = predictor->Evaluate(ParameterVector{500, -500, 0, 0},
                                          {features, labels, {}, {}});
  EXPECT_NEAR(score.loss_sum, 1000, 1e-3);
}

TEST(PredictorTest, TiesGoToTheLowestClass) {
  const auto model = MakeModel({LogisticSpec{1, 3}});
  OwnedPredictor predictor(*model, 3);
  const std::vector<float> features = {1, 1, 1};
  const std::vector<int32_t> labels = {0, 1, 2};
  const Score score =
      predictor->Evaluate(ParameterVector(6, 0.0f), {features, labels, {}, {}});
  EXPECT_EQ(score.num_correct, 1);
}

// Outputs 1 and 3 against 2 and 5: ((1-2)^2 + (3-5)^2) / 2 = 2.5.
TEST(PredictorTest, SquaredErrorIsAMeanOverOutputs) {
  const auto model = MakeModel({LinearSpec{1, 2}});
  OwnedPredictor predictor(*model, 1);
  const std::vector<float> features = {1}, targets = {2, 5};
  const Score score = predictor->Evaluate(ParameterVector{1, 3, 0, 0},
                                          {features, {}, targets, {}});
  EXPECT_NEAR(score.loss(), 2.5, 1e-6);
  EXPECT_EQ(score.num_examples, 1);
  EXPECT_EQ(score.num_correct, std::nullopt);
  EXPECT_EQ(score.accuracy(), std::nullopt);
}

// z = 2, label 1: log(1 + exp(-2)); z = 2, label 0: log(1 + exp(2)).
TEST(PredictorTest, BinaryCrossEntropyOnLabels) {
  LayerListSpec list;
  list.input = {1};
  list.layers = {{DenseSpec{.units = 1}}};
  list.loss = Loss::kBinaryCrossEntropy;
  const auto model = MakeModel({list});
  OwnedPredictor predictor(*model, 2);
  const std::vector<float> features = {1, 1};
  const std::vector<int32_t> labels = {1, 0};
  const Score score =
      predictor->Evaluate(ParameterVector{2, 0}, {features, labels, {}, {}});
  EXPECT_NEAR(score.loss_sum,
              std::log1p(std::exp(-2.0)) + std::log1p(std::exp(2.0)), 1e-6);
  EXPECT_EQ(score.num_correct, 1);
  EXPECT_EQ(score.num_examples, 2);
  EXPECT_NEAR(predictor->Predict(ParameterVector{2, 0}, features)[0],
              1 / (1 + std::exp(-2.0)), 1e-6);
}

TEST(PredictorTest, PlanForTrainingIsRefused) {
  const auto model = MakeModel({LogisticSpec{1, 2}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const MemoryPlan plan,
                             MemoryPlan::ForTraining(*model, {}));
  Block block(plan.bytes());
  EXPECT_THAT(
      Predictor::Create(*model, plan, block.bytes()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("training")));
}

}  // namespace
}  // namespace shoal::learning
