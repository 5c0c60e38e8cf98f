#include "simulations/results/measure.h"

#include <memory>

#include "gtest/gtest.h"
#include "learning/model.h"

namespace shoal::simulations {
namespace {

Measure MeasureOfSpec(const learning::ModelSpec& spec) {
  return MeasureOf(**learning::Model::Create(spec));
}

TEST(MeasureTest, FollowsWhatTheModelPredicts) {
  EXPECT_EQ(MeasureOfSpec({learning::LogisticSpec{2, 2}}), Measure::kAccuracy);
  EXPECT_EQ(MeasureOfSpec({learning::GruLanguageModelSpec{5, 3, 2, 2}}),
            Measure::kAccuracy);
  EXPECT_EQ(MeasureOfSpec({learning::LinearSpec{2, 1}}), Measure::kRmse);
  EXPECT_EQ(MeasureOfSpec({learning::AutoencoderSpec{4, {2}}}), Measure::kRmse);
  learning::LayerListSpec list;
  list.input = {2};
  list.layers = {{learning::DenseSpec{.units = 3}}};
  list.loss = learning::Loss::kBinaryCrossEntropy;
  list.target = learning::Target::kValues;
  EXPECT_EQ(MeasureOfSpec({list}), Measure::kLoss);
}

TEST(MeasureTest, ValuesComeFromTheScore) {
  const learning::Score score = {
      .loss_sum = 36, .num_correct = 3, .num_examples = 4};
  EXPECT_EQ(ValueOf(Measure::kAccuracy, score), 0.75);
  EXPECT_EQ(ValueOf(Measure::kRmse, score), 3);
  EXPECT_EQ(ValueOf(Measure::kLoss, score), 9);
  EXPECT_EQ(ValueOf(Measure::kAccuracy, {}), 0);
}

TEST(MeasureTest, TextHasTheSizeOfTheValue) {
  EXPECT_EQ(ValueText(Measure::kAccuracy, 0.8723), "87.2 %");
  EXPECT_EQ(ValueText(Measure::kRmse, 48123.4), "48123.4");
  EXPECT_EQ(ValueText(Measure::kRmse, 0.00123456), "0.00123456");
}

}  // namespace
}  // namespace shoal::simulations
