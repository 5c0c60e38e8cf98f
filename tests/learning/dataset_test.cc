#include "learning/dataset.h"

#include <cmath>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

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
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Score score, EvaluateDataset(*model, std::vector<float>(4), data));
  EXPECT_EQ(score.num_examples, 0);
  EXPECT_EQ(score.loss(), 0);
  EXPECT_EQ(score.accuracy(), std::nullopt);
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
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const Score score,
        EvaluateDataset(*model, parameters,
                        InMemoryDataset(features, labels, 1, 2)));
    EXPECT_EQ(score.num_examples, size);
    EXPECT_EQ(score.num_correct, correct);
    EXPECT_NEAR(score.loss_sum, loss, 1e-6 * loss);
  }
}

TEST(CheckFitTest, NamesWhatDoesNotFit) {
  const auto refused = [](const ModelSpec& spec, const Dataset& data,
                          const char* what) {
    const auto model = Model::Create(spec).value();
    EXPECT_THAT(CheckFit(*model, data),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  const InMemoryDataset labelled({1, 2}, {0}, 2, 3);
  refused({LogisticSpec{3, 3}}, labelled, "have 2 features");
  refused({LogisticSpec{2, 2}}, labelled, "have 3 classes");
  refused({LinearSpec{2, 1}}, labelled, "have 0 target values");
  refused({GruLanguageModelSpec{3, 2}}, labelled, "have 1 labels per example");
  const auto valued = InMemoryDataset::WithTargets({1, 2}, {7}, 2, 1);
  refused({LogisticSpec{2, 2}}, valued, "have 0 classes");
  EXPECT_TRUE(
      CheckFit(*Model::Create({LinearSpec{2, 1}}).value(), valued).ok());
  EXPECT_TRUE(
      CheckFit(*Model::Create({AutoencoderSpec{2, {1}}}).value(), valued).ok());
}

TEST(CheckFeaturesTest, TokensAreWholeNumbersInTheVocabulary) {
  const auto model = Model::Create({GruLanguageModelSpec{5, 2}}).value();
  EXPECT_TRUE(CheckFeatures(*model, {0, 4}).ok());
  for (const float bad : {-1.0f, 5.0f, 0.5f, std::nanf("")}) {
    EXPECT_THAT(CheckFeatures(*model, {0, bad}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected a whole number from 0 to 4")));
  }
  const auto numbers = Model::Create({LogisticSpec{2, 2}}).value();
  EXPECT_TRUE(CheckFeatures(*numbers, {-1, 0.5f}).ok());
}

TEST(CheckFeaturesTest, MissingAndInfiniteOnesNeedPreprocessing) {
  const auto check = [](const PreprocessingSpec& preprocessing, float value) {
    const auto model = Model::Create({LinearSpec{1, 1}, preprocessing}).value();
    return CheckFeatures(*model, std::vector<float>{value});
  };
  const float nan = std::nanf(""), infinity = INFINITY;
  EXPECT_THAT(check({}, nan),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("model linear 1-1 does not impute")));
  EXPECT_THAT(check({.standardise = true, .clip = 3}, nan),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(check({.impute = true}, nan).ok());
  EXPECT_THAT(
      check({.impute = true}, -infinity),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not clip")));
  EXPECT_TRUE(check({.clip = 3}, infinity).ok());
}

TEST(EvaluateDatasetTest, MissingFeaturesOfAModelThatDoesNotImputeAreRefused) {
  const auto model = Model::Create({LinearSpec{1, 1}}).value();
  const auto data =
      InMemoryDataset::WithTargets({1, std::nanf("")}, {0, 0}, 1, 1);
  EXPECT_THAT(EvaluateDataset(*model, std::vector<float>(2), data),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a feature is missing")));
}

}  // namespace
}  // namespace shoal::learning
