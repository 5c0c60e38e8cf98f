#include "learning/model.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::Each;
using ::testing::HasSubstr;

std::unique_ptr<Model> MakeModel(const ModelSpec& spec) {
  absl::StatusOr<std::unique_ptr<Model>> model = Model::Create(spec);
  EXPECT_THAT(model, IsOk());
  return *std::move(model);
}

// A batch of its own, with features of both signs.
struct Examples {
  Examples(const Model& model, int size, uint64_t seed) {
    SeededRng rng(seed);
    features.resize(int64_t{size} * model.spec().inputs());
    for (float& x : features) x = rng.Normal();
    for (int i = 0; i < size; ++i) {
      labels.push_back(rng.Below(model.spec().outputs()));
    }
  }
  Batch batch() const { return {features, labels}; }

  std::vector<float> features;
  std::vector<int32_t> labels;
};

ParameterVector RandomParameters(const Model& model, uint64_t seed) {
  SeededRng rng(seed);
  ParameterVector parameters(model.layout().num_parameters());
  for (float& w : parameters) w = 0.5 * rng.Normal();
  return parameters;
}

TEST(ModelSpecTest, TextNamesKindAndWidths) {
  EXPECT_EQ((ModelSpec{LogisticSpec{60, 10}}.ToString()), "logistic 60-10");
  EXPECT_EQ((ModelSpec{MlpSpec{784, {200, 200}, 10}}.ToString()),
            "mlp 784-200-200-10");
}

TEST(ModelTest, SizesOutOfRangeAreRefusedByName) {
  const auto refused = [](const ModelSpec& spec, const char* what) {
    EXPECT_THAT(Model::Create(spec),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused({LogisticSpec{0, 10}}, "inputs is 0");
  refused({LogisticSpec{60, 1}}, "outputs is 1");
  refused({MlpSpec{-5, {8}, 10}}, "inputs is -5");
  refused({MlpSpec{60, {8, 0}, 10}}, "hidden[1] is 0");
  refused({MlpSpec{60, {kMaxLayerWidth + 1}, 10}}, "hidden[0] is 1048577");
  refused({MlpSpec{1 << 20, {1 << 20}, 1 << 20}}, "parameters, expected at");
  refused({MlpSpec{60, std::vector<int>(65, 8), 10}}, "65 hidden layers");
}

TEST(ModelTest, LayoutNamesWeightsAndBiases) {
  const std::unique_ptr<Model> model = MakeModel({MlpSpec{4, {3}, 2}});
  EXPECT_EQ(model->layout(), ParameterLayout({{"dense1.weight", {4, 3}},
                                              {"dense1.bias", {3}},
                                              {"dense2.weight", {3, 2}},
                                              {"dense2.bias", {2}}}));
}

TEST(ModelTest, MlpWithoutHiddenLayersIsLogistic) {
  const std::unique_ptr<Model> mlp = MakeModel({MlpSpec{5, {}, 3}});
  const std::unique_ptr<Model> logistic = MakeModel({LogisticSpec{5, 3}});
  EXPECT_EQ(mlp->layout(), logistic->layout());
  const ParameterVector parameters = RandomParameters(*mlp, 1);
  const Examples examples(*mlp, 20, 2);
  EXPECT_EQ(mlp->Evaluate(parameters, examples.batch()).loss_sum,
            logistic->Evaluate(parameters, examples.batch()).loss_sum);
}

TEST(ModelTest, LogisticStartsAtZeroWithTheLossOfGuessing) {
  const std::unique_ptr<Model> model = MakeModel({LogisticSpec{7, 10}});
  SeededRng rng(1);
  const ParameterVector parameters = model->Initialise(rng);
  EXPECT_THAT(parameters, Each(0));
  const Examples examples(*model, 30, 2);
  EXPECT_NEAR(model->Evaluate(parameters, examples.batch()).loss(),
              std::log(10.0), 1e-6);
}

TEST(ModelTest, MlpStartsGlorotUniformWithZeroBiases) {
  const std::unique_ptr<Model> model = MakeModel({MlpSpec{300, {200}, 100}});
  SeededRng rng(1);
  const ParameterVector parameters = model->Initialise(rng);
  const auto tensor = [&](int index) {
    const TensorShape& shape = model->layout().tensors()[index];
    return absl::MakeConstSpan(parameters)
        .subspan(model->layout().offset(index), shape.num_values());
  };
  EXPECT_THAT(tensor(1), Each(0));
  EXPECT_THAT(tensor(3), Each(0));
  for (const auto& [index, widths] : {std::pair(0, 500), std::pair(2, 300)}) {
    const double limit = std::sqrt(6.0 / widths);
    double sum = 0, squares = 0;
    for (float w : tensor(index)) {
      ASSERT_LE(std::abs(w), limit);
      sum += w;
      squares += w * w;
    }
    // Within 6 standard errors: another seed exceeds them with chance 2e-9.
    const double n = tensor(index).size();
    EXPECT_NEAR(sum / n, 0, 6 * limit / std::sqrt(3 * n));
    EXPECT_NEAR(squares / n, limit * limit / 3,
                6 * limit * limit * std::sqrt(4 / 45.0 / n));
  }
}

TEST(ModelTest, SameSeedSameStart) {
  const std::unique_ptr<Model> model = MakeModel({MlpSpec{4, {3}, 2}});
  SeededRng first(5), second(5), other(6);
  const ParameterVector parameters = model->Initialise(first);
  EXPECT_EQ(parameters, model->Initialise(second));
  EXPECT_NE(parameters, model->Initialise(other));
}

// Computed by hand: x = (1, 2), h = relu(x W1 + b1) = (relu(1 - 2 + .5),
// relu(1 + 2 - 1)) = (0, 2), z = h W2 + b2 = (2, -2 + 1) = (2, -1).
TEST(ModelTest, PredictionByHand) {
  const std::unique_ptr<Model> model = MakeModel({MlpSpec{2, {2}, 2}});
  const ParameterVector parameters = {1, 1, -1, 1, 0.5, -1, 9, 9, 1, -1, 0, 1};
  const std::vector<float> features = {1, 2};
  std::vector<float> probabilities(2);
  model->Predict(parameters, features, absl::MakeSpan(probabilities));
  const double p = 1 / (1 + std::exp(-3.0));
  EXPECT_NEAR(probabilities[0], p, 1e-6);
  EXPECT_NEAR(probabilities[1], 1 - p, 1e-6);
}

class EveryModelTest : public ::testing::TestWithParam<ModelSpec> {
 protected:
  std::unique_ptr<Model> model_ = MakeModel(GetParam());
};

// ReLU has kinks, and a difference across one is no derivative: of the slopes
// on both sides, the nearer one must agree. h is small against the curvature
// and large against the rounding of a loss computed in float (1e-7 / h).
TEST_P(EveryModelTest, GradientMatchesFiniteDifferences) {
  const Examples examples(*model_, 17, 1);
  const ParameterVector parameters = RandomParameters(*model_, 2);
  ParameterVector gradient(parameters.size());
  const double loss = model_
                          ->LossAndGradient(parameters, examples.batch(),
                                            absl::MakeSpan(gradient))
                          .loss();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto slope = [&](double h) {
      ParameterVector moved = parameters;
      moved[i] += h;
      return (model_->Evaluate(moved, examples.batch()).loss() - loss) /
             (double{moved[i]} - parameters[i]);
    };
    const double error = std::min(std::abs(slope(1e-3) - gradient[i]),
                                  std::abs(slope(-1e-3) - gradient[i]));
    EXPECT_LT(error, 1e-3) << "parameter " << i << ": " << gradient[i];
  }
}

TEST_P(EveryModelTest, GradientOverwritesWhatWasThere) {
  const Examples examples(*model_, 6, 1);
  const ParameterVector parameters = RandomParameters(*model_, 2);
  ParameterVector first(parameters.size(), 0.0f);
  ParameterVector second(parameters.size(), 1e9f);
  model_->LossAndGradient(parameters, examples.batch(), absl::MakeSpan(first));
  model_->LossAndGradient(parameters, examples.batch(), absl::MakeSpan(second));
  EXPECT_EQ(first, second);
}

TEST_P(EveryModelTest, GradientIsTheMeanOverTheBatch) {
  const Examples examples(*model_, 4, 1);
  const ParameterVector parameters = RandomParameters(*model_, 2);
  ParameterVector whole(parameters.size());
  model_->LossAndGradient(parameters, examples.batch(), absl::MakeSpan(whole));
  std::vector<double> mean(parameters.size());
  const int inputs = model_->spec().inputs();
  for (int i = 0; i < 4; ++i) {
    const Batch one = {
        absl::MakeConstSpan(examples.features).subspan(i * inputs, inputs),
        absl::MakeConstSpan(examples.labels).subspan(i, 1)};
    ParameterVector gradient(parameters.size());
    model_->LossAndGradient(parameters, one, absl::MakeSpan(gradient));
    for (size_t k = 0; k < mean.size(); ++k) mean[k] += gradient[k] / 4.0;
  }
  for (size_t k = 0; k < mean.size(); ++k) EXPECT_NEAR(whole[k], mean[k], 1e-5);
}

TEST_P(EveryModelTest, TrainIsAStepAlongTheGradient) {
  const Examples examples(*model_, 11, 1);
  const ParameterVector parameters = RandomParameters(*model_, 2);
  ParameterVector gradient(parameters.size());
  const Score before = model_->LossAndGradient(parameters, examples.batch(),
                                               absl::MakeSpan(gradient));
  ParameterVector trained = parameters;
  const Score score = model_->Train(absl::MakeSpan(trained), examples.batch(),
                                    {.learning_rate = 0.1f});
  EXPECT_EQ(score.loss_sum, before.loss_sum);
  for (size_t i = 0; i < trained.size(); ++i) {
    EXPECT_NEAR(trained[i], parameters[i] - 0.1f * gradient[i], 1e-6);
  }
  EXPECT_LT(model_->Evaluate(trained, examples.batch()).loss_sum,
            before.loss_sum);
}

TEST_P(EveryModelTest, ScoreDoesNotDependOnEarlierBatches) {
  const Examples small(*model_, 3, 1), large(*model_, 40, 2);
  const ParameterVector parameters = RandomParameters(*model_, 3);
  const Score alone =
      MakeModel(GetParam())->Evaluate(parameters, small.batch());
  ParameterVector gradient(parameters.size());
  model_->LossAndGradient(parameters, large.batch(), absl::MakeSpan(gradient));
  const Score after = model_->Evaluate(parameters, small.batch());
  EXPECT_EQ(after.loss_sum, alone.loss_sum);
  EXPECT_EQ(after.num_correct, alone.num_correct);
  EXPECT_EQ(after.num_examples, 3);
}

TEST_P(EveryModelTest, PredictionsAreDistributionsThatEvaluateAgreesWith) {
  const Examples examples(*model_, 25, 1);
  const ParameterVector parameters = RandomParameters(*model_, 2);
  const int classes = model_->spec().outputs();
  std::vector<float> probabilities(25 * classes);
  model_->Predict(parameters, examples.features, absl::MakeSpan(probabilities));
  double loss = 0;
  int64_t correct = 0;
  for (int i = 0; i < 25; ++i) {
    const auto row = probabilities.begin() + i * classes;
    EXPECT_NEAR(std::accumulate(row, row + classes, 0.0), 1, 1e-6);
    loss -= std::log(row[examples.labels[i]]);
    correct += std::max_element(row, row + classes) - row == examples.labels[i];
  }
  const Score score = model_->Evaluate(parameters, examples.batch());
  EXPECT_NEAR(score.loss_sum, loss, 1e-4 * loss);
  EXPECT_EQ(score.num_correct, correct);
}

INSTANTIATE_TEST_SUITE_P(Architectures, EveryModelTest,
                         ::testing::Values(ModelSpec{LogisticSpec{6, 4}},
                                           ModelSpec{MlpSpec{6, {9}, 4}},
                                           ModelSpec{MlpSpec{5, {18, 7}, 3}}),
                         [](const auto& info) {
                           std::string name = info.param.ToString();
                           std::replace(name.begin(), name.end(), ' ', '_');
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace shoal::learning
