// What kind of a task the built-in data are: hard for a linear model, better
// with more layers, and hopeless alone.
#include "learning/data/handwriting_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "learning/local_update.h"
#include "learning/model.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

constexpr int kWriters = 20;

class HandwritingTaskTest : public ::testing::Test {
 protected:
  HandwritingTaskTest() {
    const auto data = MakeHandwritingByWriter({1, 200}, kWriters);
    std::vector<float> features;
    std::vector<int32_t> labels;
    for (int device = 0; device < kWriters; ++device) {
      devices_.push_back(data->LoadDevice(device).value());
      const Dataset& share = *devices_.back();
      for (int64_t i = 0; i < share.num_examples(); ++i) {
        const std::vector<float> picture = FeaturesOf(share, i);
        features.insert(features.end(), picture.begin(), picture.end());
        labels.push_back(share.label(i));
      }
    }
    pool_ = std::make_unique<InMemoryDataset>(std::move(features),
                                              std::move(labels), 784, 10);
    test_ = data->LoadTest().value();
  }

  static ParameterVector Initial(const Model& model) {
    SeededRng rng(7);
    return model.Initialise(rng);
  }
  static ParameterVector Train(const Model& model, const ParameterVector& base,
                               const Dataset& data, int epochs) {
    TrainingOptions training;
    training.epochs = epochs;
    training.batch_size = 10;
    training.learning_rate = 0.05;
    const LocalUpdate update = ComputeLocalUpdate(model, base, data, training,
                                                  FedAvgLocal{}, {.seed = 1})
                                   .value();
    ParameterVector trained = base;
    for (size_t i = 0; i < trained.size(); ++i) trained[i] += update.delta[i];
    return trained;
  }
  double Accuracy(const Model& model, const ParameterVector& parameters) {
    return EvaluateDataset(model, parameters, *test_)
        .value()
        .accuracy()
        .value();
  }

  std::vector<std::unique_ptr<Dataset>> devices_;
  std::unique_ptr<Dataset> pool_;
  std::unique_ptr<Dataset> test_;
};

TEST_F(HandwritingTaskTest, LinearModelIsClearlyBelowAnMlp) {
  const auto linear = Model::Create({LogisticSpec{784, 10}}).value();
  const auto mlp = Model::Create({MlpSpec{784, {64}, 10}}).value();
  const double linear_accuracy =
      Accuracy(*linear, Train(*linear, Initial(*linear), *pool_, 12));
  const double mlp_accuracy =
      Accuracy(*mlp, Train(*mlp, Initial(*mlp), *pool_, 12));
  EXPECT_GT(linear_accuracy, 0.75);
  EXPECT_GT(mlp_accuracy, linear_accuracy + 0.03);
  EXPECT_LT(mlp_accuracy, 0.95) << "leaves room for better models";
}

TEST_F(HandwritingTaskTest, FederatedTrainingBeatsTrainingAlone) {
  const auto model = Model::Create({MlpSpec{784, {32}, 10}}).value();
  double alone = 0;
  for (const auto& device : devices_) {
    const ParameterVector trained = Train(*model, Initial(*model), *device, 10);
    alone += Accuracy(*model, trained) / kWriters;
  }
  ParameterVector federated = Initial(*model);
  for (int round = 0; round < 10; ++round) {
    std::vector<double> mean(federated.size());
    for (const auto& device : devices_) {
      const double weight =
          static_cast<double>(device->num_examples()) / pool_->num_examples();
      const ParameterVector trained = Train(*model, federated, *device, 1);
      for (size_t i = 0; i < mean.size(); ++i) mean[i] += weight * trained[i];
    }
    std::copy(mean.begin(), mean.end(), federated.begin());
  }
  EXPECT_GT(Accuracy(*model, federated), alone + 0.15);
}

}  // namespace
}  // namespace shoal::learning
