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
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
            "layer dense2 is dense {units: 4, bias: true}, expected dense "
            "{units: 5, bias: true} (layer dense2)");
  EXPECT_EQ(Difference({MlpSpec{6, {4}, 3}},
                       Network({6}, {{DenseSpec{.units = 4}},
                                     {ActivationSpec{ActivationKind::kGelu}},
                                     {DenseSpec{.units = 3}}})),
            "the activation of dense1 is activation {function: relu}, expected "
            "activation {function: gelu} (layer activation1)");
}

TEST(TransferValuesTest, AnotherInputIsNamed) {
  EXPECT_THAT(Difference({MlpSpec{6, {4}, 3}}, {MlpSpec{7, {4}, 3}}),
              HasSubstr("layer dense1, dense {units: 4, bias: true}, takes "
                        "6, expected 7"));
}

TEST(TransferValuesTest, MissingAndFurtherLayersAreNamed) {
  EXPECT_EQ(Difference({MlpSpec{6, {}, 4}}, {MlpSpec{6, {4}, 3}}),
            "it ends behind layer dense1, expected activation {function: "
            "relu} (the activation of dense1) next");
  EXPECT_EQ(Difference({MlpSpec{6, {4}, 3}}, {MlpSpec{6, {}, 4}}),
            "the activation of dense1 is activation {function: relu}, "
            "expected the end");
}

TEST(TransferValuesTest, MissingPreprocessingIsNamed) {
  ModelSpec prepared = {MlpSpec{6, {4}, 3}};
  prepared.preprocessing.standardise = true;
  EXPECT_THAT(Difference({MlpSpec{6, {4}, 3}}, prepared),
              HasSubstr("expected preprocessing {standardise: true, impute: "
                        "false, mask: false, clip: 0} (the preprocessing)"));
}

// The same layers, once in a row and once around a shortcut.
TEST(TransferValuesTest, AnotherShortcutIsNamed) {
  const LayerSpec dense = {DenseSpec{.units = 6}};
  const Layers outer = {{ResidualSpec{{dense, dense}, {}}}};
  const Layers inner = {dense, {ResidualSpec{{dense}, {}}}};
  EXPECT_EQ(
      Difference(Network({6}, outer), Network({6}, inner)),
      "the sum of residual1, addition, takes the results of other layers than "
      "expected");
}

std::vector<std::string> NamesOf(const std::vector<const Node*>& nodes) {
  std::vector<std::string> names;
  for (const Node* node : nodes) names.push_back(node->name);
  return names;
}

ParameterVector Part(const ParameterVector& values, const Model& model,
                     const std::string& layer) {
  for (const Node& node : model.nodes()) {
    if (node.name != layer) continue;
    const auto begin = values.begin() + node.parameter_offset;
    return {begin, begin + node.layer->num_parameters()};
  }
  ADD_FAILURE() << "no layer " << layer;
  return {};
}

TEST(TransferBodyTest, LayersUpToTheFirstDifferenceAreTakenOver) {
  const auto from = MakeModel({MlpSpec{6, {5, 4}, 3}});
  const auto to = MakeModel({MlpSpec{6, {5, 4}, 7}});
  const ParameterVector values = RandomParameters(*from, 1);
  const ParameterVector initial = RandomParameters(*to, 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(const BodyTransfer body,
                             TransferBody(*from, values, *to, initial));
  EXPECT_THAT(NamesOf(body.taken_over), ElementsAre("dense1", "dense2"));
  EXPECT_THAT(NamesOf(body.fresh), ElementsAre("dense3"));
  for (const char* layer : {"dense1", "dense2"}) {
    EXPECT_EQ(Part(body.values, *to, layer), Part(values, *from, layer));
  }
  EXPECT_EQ(Part(body.values, *to, "dense3"), Part(initial, *to, "dense3"));
  EXPECT_EQ(body.difference,
            "layer dense3 is dense {units: 3, bias: true}, expected dense "
            "{units: 7, bias: true} (layer dense3)");
}

TEST(TransferBodyTest, AFurtherLayerIsNew) {
  const auto from = MakeModel({MlpSpec{6, {5}, 3}});
  const auto to = MakeModel({MlpSpec{6, {5, 3}, 2}});
  const ParameterVector values(from->num_values(), 0.5f);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const BodyTransfer body,
      TransferBody(*from, values, *to, ParameterVector(to->num_values())));
  EXPECT_THAT(NamesOf(body.taken_over), ElementsAre("dense1", "dense2"));
  EXPECT_THAT(NamesOf(body.fresh), ElementsAre("dense3"));
}

TEST(TransferBodyTest, TheSameModelIsTakenOverAsAWhole) {
  for (const NamedModel& named : EveryModel()) {
    const auto model = MakeModel(named.spec);
    const ParameterVector values = RandomParameters(*model, 1);
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const BodyTransfer body,
        TransferBody(*model, values, *model, RandomParameters(*model, 2)));
    EXPECT_EQ(body.values, values) << named.name;
    EXPECT_THAT(body.fresh, IsEmpty()) << named.name;
    EXPECT_EQ(body.difference, "") << named.name;
  }
}

TEST(TransferBodyTest, AStoredModelGivesItsTensorsByNameAndShape) {
  const auto from = MakeModel({MlpSpec{6, {5, 4}, 3}});
  const auto to = MakeModel({MlpSpec{6, {5, 4}, 7}});
  const StoredModel stored = {from->layout(), RandomParameters(*from, 1)};
  const ParameterVector initial = RandomParameters(*to, 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(const BodyTransfer body,
                             TransferBody(stored, *to, initial));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const BodyTransfer by_steps,
      TransferBody(*from, stored.parameters, *to, initial));
  EXPECT_EQ(body.values, by_steps.values);
  EXPECT_EQ(body.taken_over, by_steps.taken_over);
  EXPECT_EQ(body.fresh, by_steps.fresh);
  EXPECT_EQ(body.difference,
            "tensor 5 is dense3.weight [4, 3], expected dense3.weight [4, 7]");
}

TEST(TransferBodyTest, ALayerIsTakenOverAsAWholeOrNotAtAll) {
  const auto with_bias = MakeModel(Network({6}, {{DenseSpec{.units = 5}},
                                                 {DenseSpec{.units = 4}},
                                                 {DenseSpec{.units = 2}}}));
  const auto without = MakeModel(Network(
      {6}, {{DenseSpec{.units = 5}}, {DenseSpec{.units = 4, .bias = false}}}));
  const StoredModel stored = {without->layout(), RandomParameters(*without, 1)};
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const BodyTransfer body,
      TransferBody(stored, *with_bias,
                   ParameterVector(with_bias->num_values(), 0.25f)));
  EXPECT_THAT(NamesOf(body.taken_over), ElementsAre("dense1"));
  EXPECT_THAT(Part(body.values, *with_bias, "dense2"), Each(0.25f));
}

TEST(TransferBodyTest, PrivateLayersAreNeitherTakenOverNorNew) {
  const auto from = MakeModel(Network(
      {6},
      {{DenseSpec{.units = 4}}, {BatchNormSpec{}}, {DenseSpec{.units = 3}}}));
  const auto to = MakeModel(Network(
      {6},
      {{DenseSpec{.units = 4}}, {BatchNormSpec{}}, {DenseSpec{.units = 2}}}));
  const StoredModel stored = {
      from->layout(), ParameterVector(from->layout().num_parameters(), 0.5f)};
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const BodyTransfer body,
      TransferBody(stored, *to, ParameterVector(to->num_values())));
  EXPECT_THAT(NamesOf(body.taken_over), ElementsAre("dense1"));
  EXPECT_THAT(NamesOf(body.fresh), ElementsAre("dense2"));
}

TEST(TransferBodyTest, ModelsWithNothingInCommonAreRefused) {
  const auto from = MakeModel({MlpSpec{6, {5}, 3}});
  const auto to = MakeModel({MlpSpec{7, {5}, 3}});
  const ParameterVector values(from->num_values());
  EXPECT_THAT(
      TransferBody(*from, values, *to, ParameterVector(to->num_values())),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("no layer can be taken over: layer dense1")));
  EXPECT_THAT(
      TransferBody(StoredModel{from->layout(), values}, *to,
                   ParameterVector(to->num_values())),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("no layer can be taken over: tensor 1 is "
                         "dense1.weight [6, 5], expected dense1.weight [7, "
                         "5]")));
}

TEST(TransferBodyTest, StatisticsOfTheInputAloneAreNoBody) {
  ModelSpec from_spec = {MlpSpec{6, {5}, 3}};
  ModelSpec to_spec = {MlpSpec{6, {4}, 3}};
  from_spec.preprocessing.standardise = true;
  to_spec.preprocessing.standardise = true;
  const auto from = MakeModel(from_spec);
  const auto to = MakeModel(to_spec);
  EXPECT_THAT(TransferBody(*from, ParameterVector(from->num_values()), *to,
                           ParameterVector(to->num_values())),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no layer can be taken over")));
}

}  // namespace
}  // namespace shoal::learning
