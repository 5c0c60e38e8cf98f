#include "learning/dataset.h"

#include <cmath>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::testing::ElementsAre;

TEST(InMemoryDatasetTest, ExamplesAreReadByIndex) {
  const InMemoryDataset data({1, 2, 3, 4, 5, 6}, {0, 2, 1}, 2, 3);
  EXPECT_EQ(data.num_examples(), 3);
  EXPECT_EQ(data.num_features(), 2);
  EXPECT_EQ(data.num_classes(), 3);
  EXPECT_EQ(data.label(1), 2);
  std::vector<float> features(2);
  data.CopyFeatures(1, absl::MakeSpan(features));
  EXPECT_THAT(features, ElementsAre(3, 4));
}

TEST(InMemoryDatasetDeathTest, SizesThatDoNotMatchAreABug) {
  EXPECT_DEATH(InMemoryDataset({1, 2, 3}, {0, 1}, 2, 2), "check failed");
}

TEST(InMemoryDatasetDeathTest, LabelOutOfRangeIsABug) {
  EXPECT_DEATH(InMemoryDataset({1, 2}, {0, 2}, 1, 2), "check failed");
  EXPECT_DEATH(InMemoryDataset({1, 2}, {0, -1}, 1, 2), "check failed");
}

TEST(EvaluateDatasetTest, NothingScoresNothing) {
  const InMemoryDataset data({}, {}, 1, 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(std::unique_ptr<Model> model,
                             Model::Create({LogisticSpec{1, 2}}));
  const Score score = EvaluateDataset(*model, std::vector<float>(4), data);
  EXPECT_EQ(score.num_examples, 0);
  EXPECT_EQ(score.loss(), 0);
  EXPECT_EQ(score.accuracy(), 0);
}

TEST(EvaluateDatasetTest, EveryExampleCountsOnce) {
  SHOAL_ASSERT_OK_AND_ASSIGN(std::unique_ptr<Model> model,
                             Model::Create({LogisticSpec{1, 2}}));
  // Class 0 exactly when x > 0; the margin is x, so the loss is known.
  const std::vector<float> parameters = {0.5f, -0.5f, 0, 0};
  for (int size : {1, 63, 64, 65, 200}) {
    std::vector<float> features;
    std::vector<int32_t> labels;
    double loss = 0;
    for (int i = 0; i < size; ++i) {
      const double x = i % 2 == 0 ? 1 + i * 0.01 : -1 - i * 0.01;
      features.push_back(x);
      labels.push_back(i % 3 == 0 ? 1 : 0);
      loss += std::log1p(std::exp(labels.back() == 0 ? -x : x));
    }
    int64_t correct = 0;
    for (int i = 0; i < size; ++i) {
      correct += (features[i] > 0) == (labels[i] == 0);
    }
    const Score score = EvaluateDataset(
        *model, parameters, InMemoryDataset(features, labels, 1, 2));
    EXPECT_EQ(score.num_examples, size);
    EXPECT_EQ(score.num_correct, correct);
    EXPECT_NEAR(score.loss_sum, loss, 1e-6 * loss);
  }
}

}  // namespace
}  // namespace shoal::learning
