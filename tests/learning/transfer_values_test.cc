#include "learning/transfer_values.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/predictor.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

using Layers = std::vector<LayerSpec>;

ModelSpec Network(std::vector<int> input, Layers layers) {
  LayerListSpec list;
  list.input = std::move(input);
  list.layers = std::move(layers);
  return {list};
}

std::vector<float> Predictions(const Model& model,
                               const ParameterVector& values) {
  const Examples examples(model, 3, 1);
  OwnedPredictor predictor(model, 3);
  const auto predictions =
      predictor->Predict(values, examples.batch().features);
  return {predictions.begin(), predictions.end()};
}

void ExpectSamePredictions(const ModelSpec& from_spec,
                           const ModelSpec& to_spec) {
  const auto from = MakeModel(from_spec);
  const auto to = MakeModel(to_spec);
  const ParameterVector values = RandomParameters(*from, 1);
  const auto transferred = TransferValues(*from, values, *to);
  ASSERT_THAT(transferred, IsOk());
  EXPECT_EQ(Predictions(*to, *transferred), Predictions(*from, values));
}

std::string Difference(const ModelSpec& from_spec, const ModelSpec& to_spec) {
  const auto from = MakeModel(from_spec);
  const auto to = MakeModel(to_spec);
  const ParameterVector values(from->num_values(), 0.0f);
  const auto transferred = TransferValues(*from, values, *to);
  EXPECT_THAT(transferred, StatusIs(absl::StatusCode::kInvalidArgument));
  return std::string(transferred.status().message());
}

TEST(TransferValuesTest, AModelsOwnValuesStayAsTheyAre) {
  for (const NamedModel& named : EveryModel()) {
    const auto model = MakeModel(named.spec);
    const ParameterVector values = RandomParameters(*model, 1);
    const auto transferred = TransferValues(*model, values, *model);
    ASSERT_THAT(transferred, IsOk()) << named.name;
    EXPECT_EQ(*transferred, values) << named.name;
  }
}

TEST(TransferValuesTest, NamesFlagsAndDropoutMayDiffer) {
  ExpectSamePredictions(
      Network({6}, {{DenseSpec{.units = 4}, "fc1"},
                    {ActivationSpec{ActivationKind::kTanh}},
                    {DenseSpec{.units = 5}, "fc2"},
                    {DenseSpec{.units = 3}, "fc3"}}),
      Network({6}, {{DenseSpec{.units = 4, .activation = ActivationKind::kTanh},
                     "", false, /*is_private=*/true},
                    {DropoutSpec{}},
                    {DenseSpec{.units = 5}, "", /*frozen=*/true},
                    {DenseSpec{.units = 3}}}));
}

TEST(TransferValuesTest, FlatteningMayBeLeftOutWhereItChangesNothing) {
  ExpectSamePredictions(
      Network({4, 4, 1}, {{FlattenSpec{}}, {DenseSpec{.units = 3}}}),
      Network({16}, {{DenseSpec{.units = 3}}}));
}

TEST(TransferValuesTest, AStandAloneReluIsThatOfItsLayer) {
  ExpectSamePredictions({MlpSpec{6, {5}, 3}},
                        Network({6}, {{DenseSpec{.units = 5}},
                                      {ActivationSpec{}},
                                      {DenseSpec{.units = 3}}}));
}

TEST(TransferValuesTest, PaddingThatAddsNothingIsNone) {
  ExpectSamePredictions(
      Network({8, 8, 2}, {{Conv2dSpec{.filters = 3, .kernel = 1}},
                          {PoolSpec{.stride = 2, .padding = Padding::kSame}},
                          {FlattenSpec{}},
                          {DenseSpec{.units = 3}}}),
      Network(
          {8, 8, 2},
          {{Conv2dSpec{.filters = 3, .kernel = 1, .padding = Padding::kValid}},
           {PoolSpec{}},
           {FlattenSpec{}},
           {DenseSpec{.units = 3}}}));
}

TEST(TransferValuesTest, TheFirstLayerThatDiffersIsNamed) {
  EXPECT_EQ(Difference({MlpSpec{6, {4, 4}, 3}}, {MlpSpec{6, {4, 5}, 3}}),
            "layer 3 is dense {units: 4, bias: true} (dense2), expected dense "
            "{units: 5, bias: true} (dense2)");
  EXPECT_EQ(
      Difference({MlpSpec{6, {4}, 3}},
                 Network({6}, {{DenseSpec{.units = 4}},
                               {ActivationSpec{ActivationKind::kGelu}},
                               {DenseSpec{.units = 3}}})),
      "layer 2 is activation {function: relu}, expected activation {function: "
      "gelu} (activation1)");
}

TEST(TransferValuesTest, AnotherInputIsNamed) {
  EXPECT_THAT(Difference({MlpSpec{6, {4}, 3}}, {MlpSpec{7, {4}, 3}}),
              HasSubstr("layer 1, dense {units: 4, bias: true} (dense1), takes "
                        "6, expected 7"));
}

TEST(TransferValuesTest, MissingAndFurtherLayersAreNamed) {
  EXPECT_EQ(Difference({MlpSpec{6, {}, 4}}, {MlpSpec{6, {4}, 3}}),
            "it ends behind layer 1, expected activation {function: relu} "
            "next");
  EXPECT_EQ(Difference({MlpSpec{6, {4}, 3}}, {MlpSpec{6, {}, 4}}),
            "layer 2 is activation {function: relu}, expected the end");
}

TEST(TransferValuesTest, MissingPreprocessingIsNamed) {
  ModelSpec prepared = {MlpSpec{6, {4}, 3}};
  prepared.preprocessing.standardise = true;
  EXPECT_THAT(Difference({MlpSpec{6, {4}, 3}}, prepared),
              HasSubstr("expected preprocessing {standardise: true, impute: "
                        "false, mask: false, clip: 0} (input)"));
}

// The same layers, once in a row and once around a shortcut.
TEST(TransferValuesTest, AnotherShortcutIsNamed) {
  const LayerSpec dense = {DenseSpec{.units = 6}};
  const Layers outer = {{ResidualSpec{{dense, dense}, {}}}};
  const Layers inner = {dense, {ResidualSpec{{dense}, {}}}};
  EXPECT_EQ(Difference(Network({6}, outer), Network({6}, inner)),
            "layer 3, addition, takes the results of other layers than "
            "expected");
}

}  // namespace
}  // namespace shoal::learning
