// Federated averaging on workloads that other programs have run with the same
// arithmetic: pfl-research 0.5.1, a plain PyTorch 1.13 loop and a NumPy program
// agree on the test loss and the norm of the weights to the digits given here.
// They depend on every example, every step and every aggregation.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/workloads.h"
#include "learning/predictor.h"
#include "tests/learning/model_examples.h"

namespace shoal::learning {
namespace {

class Federation {
 public:
  explicit Federation(const Workload& workload)
      : workload_(workload),
        model_(MakeModel(workload.spec)),
        weights_(workload.initial),
        trainer_(*model_, {}, {.batch_rows = workload.batch_size}, weights_) {}

  void RunRounds(int64_t count) {
    for (int64_t round = 0; round < count; ++round) {
      RunRound(workload_.rounds[round]);
    }
  }

  Score TestScore() const {
    const Batch test = {workload_.test_features, workload_.test_labels, {}, {}};
    OwnedPredictor predictor(*model_, workload_.test_labels.size());
    return predictor->Evaluate(weights_, test);
  }

  double Norm() const {
    double squares = 0;
    for (const double w : weights_) squares += w * w;
    return std::sqrt(squares);
  }

 private:
  void RunRound(const std::vector<int64_t>& users) {
    std::vector<double> sum(weights_.size());
    double examples = 0;
    for (const int64_t user : users) {
      const int64_t begin = workload_.offsets[user];
      const int64_t end = workload_.offsets[user + 1];
      Train(begin, end);
      for (size_t i = 0; i < sum.size(); ++i) {
        sum[i] += static_cast<double>(end - begin) * trainer_->parameters()[i];
      }
      examples += static_cast<double>(end - begin);
    }
    for (size_t i = 0; i < sum.size(); ++i) {
      weights_[i] = static_cast<float>(sum[i] / examples);
    }
  }

  void Train(int64_t begin, int64_t end) {
    std::copy(weights_.begin(), weights_.end(), trainer_->parameters().begin());
    const StepOptions options = {
        .learning_rate = static_cast<float>(workload_.learning_rate)};
    for (int epoch = 0; epoch < workload_.epochs; ++epoch) {
      for (int64_t at = begin; at < end; at += workload_.batch_size) {
        trainer_->Step(
            workload_.Slice(at, std::min(at + workload_.batch_size, end)),
            options);
      }
    }
  }

  const Workload& workload_;
  const std::unique_ptr<Model> model_;
  ParameterVector weights_;
  TestTrainer trainer_;
};

TEST(ReferenceWorkloadsTest, LogisticRegressionOnSyntheticUsers) {
  const Workload workload = MakeW1();
  EXPECT_EQ(workload.labels.size(), 20'101);
  Federation federation(workload);
  federation.RunRounds(3);
  EXPECT_NEAR(federation.TestScore().loss(), 2.74160, 2e-5);
  EXPECT_NEAR(federation.Norm(), 2.492881, 2e-5);
}

TEST(ReferenceWorkloadsTest, LogisticRegressionReachesItsAccuracy) {
  const Workload workload = MakeW1();
  Federation federation(workload);
  federation.RunRounds(200);
  EXPECT_NEAR(federation.TestScore().accuracy().value(), 0.908, 1e-3);
}

// Another order of summation moves the loss by 1e-4.
TEST(ReferenceWorkloadsTest, PerceptronOnShardsOfLabels) {
  const Workload workload = MakeW2();
  Federation federation(workload);
  federation.RunRounds(2);
  EXPECT_NEAR(federation.TestScore().loss(), 2.15016, 2e-4);
  EXPECT_NEAR(federation.Norm(), 11.92116, 2e-4);
}

TEST(ReferenceWorkloadsTest, ThousandTinyUsersARound) {
  const Workload workload = MakeW4();
  Federation federation(workload);
  federation.RunRounds(10);
  EXPECT_NEAR(federation.TestScore().loss(), 2.28178, 2e-5);
  EXPECT_NEAR(federation.Norm(), 1.867322, 2e-5);
}

}  // namespace
}  // namespace shoal::learning
