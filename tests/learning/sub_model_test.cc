#include "learning/sub_model.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/expand_model.h"
#include "learning/narrow_model.h"
#include "learning/predictor.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int> WidthsOf(const ModelSpec& spec) {
  std::vector<int> widths;
  for (const LayerSpec& layer : ExpandModel(spec).layers) {
    if (const auto* dense = std::get_if<DenseSpec>(&layer.kind)) {
      widths.push_back(dense->units);
    } else if (const auto* conv = std::get_if<Conv2dSpec>(&layer.kind)) {
      widths.push_back(conv->filters);
    } else if (const auto* gru = std::get_if<GruSpec>(&layer.kind)) {
      widths.push_back(gru->units);
    } else if (const auto* table = std::get_if<EmbeddingSpec>(&layer.kind)) {
      widths.push_back(table->dimensions);
    }
  }
  return widths;
}

TEST(NarrowModelTest, HiddenLayersShrinkAndOutputsStay) {
  EXPECT_THAT(WidthsOf(NarrowModel({MlpSpec{784, {200, 101}, 10}}, 0.5)),
              ElementsAre(100, 51, 10));
  EXPECT_THAT(WidthsOf(NarrowModel({AutoencoderSpec{20, {8, 3}}}, 0.25)),
              ElementsAre(2, 1, 2, 20));
  EXPECT_THAT(WidthsOf(NarrowModel({GruLanguageModelSpec{97, 80, 8, 64}}, 0.5)),
              ElementsAre(4, 32, 97));
  EXPECT_THAT(
      WidthsOf(NarrowModel({CnnSpec{CnnPreset::kLenet, {28, 28, 1}, 10}}, 0.5)),
      ElementsAre(3, 8, 60, 42, 10));
}

TEST(NarrowModelTest, WholeWidthChangesNothing) {
  for (const NamedModel& named : EveryModel()) {
    SCOPED_TRACE(named.name);
    const LayerListSpec narrow = ExpandModel(NarrowModel(named.spec, 1));
    EXPECT_EQ(narrow, ExpandModel(named.spec));
  }
}

TEST(NarrowModelTest, LayersBehindTheLastOneThatSetsTheChannelsKeepThem) {
  LayerListSpec list;
  list.input = {4, 4, 1};
  list.layers = {{Conv2dSpec{.filters = 8}}, {GroupNormSpec{.groups = 4}},
                 {Conv2dSpec{.filters = 6}}, {GroupNormSpec{.groups = 3}},
                 {ActivationSpec{}},         {GlobalAveragePoolSpec{}}};
  const LayerListSpec narrow = ExpandModel(NarrowModel({list}, 0.5));
  EXPECT_EQ(std::get<GroupNormSpec>(narrow.layers[1].kind).groups, 2);
  EXPECT_EQ(std::get<GroupNormSpec>(narrow.layers[3].kind).groups, 3);
  EXPECT_THAT(WidthsOf({narrow}), ElementsAre(4, 6));
}

TEST(NarrowModelTest, BlockThatEndsTheModelKeepsWhatItAddsTo) {
  LayerListSpec list;
  list.input = {6};
  list.layers = {
      {DenseSpec{.units = 8}},
      {DenseSpec{.units = 4}},
      {ResidualSpec{.body = {{DenseSpec{.units = 10}}, {DenseSpec{.units = 4}}},
                    .shortcut = {}}}};
  const LayerListSpec narrow = ExpandModel(NarrowModel({list}, 0.5));
  EXPECT_THAT(WidthsOf({narrow}), ElementsAre(4, 4));
  const auto& block = std::get<ResidualSpec>(narrow.layers[2].kind);
  EXPECT_EQ(std::get<DenseSpec>(block.body[0].kind).units, 5);
  EXPECT_EQ(std::get<DenseSpec>(block.body[1].kind).units, 4);
}

TEST(SubModelTest, TakesTheLeadingUnitsScaledByTheirInputs) {
  const auto full = MakeModel({MlpSpec{2, {4}, 2}});
  // weight [2, 4], bias [4], weight [4, 2], bias [2].
  ParameterVector values(22);
  std::iota(values.begin(), values.end(), 1.0f);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto sub, SubModel::Create(*full, 0.5));
  ParameterVector part(sub->num_values());
  sub->TakeOut(values, absl::MakeSpan(part));
  EXPECT_THAT(part, ElementsAre(1, 2, 5, 6,      // all inputs are there
                                9, 10,           // bias
                                26, 28, 30, 32,  // half of the inputs
                                21, 22));        // bias
  ParameterVector back(22, -1.0f);
  sub->PutBack(part, absl::MakeSpan(back));
  EXPECT_THAT(back, ElementsAre(1, 2, 0, 0, 5, 6, 0, 0, 9, 10, 0, 0, 13, 14, 15,
                                16, 0, 0, 0, 0, 21, 22));
  std::vector<int64_t> counts(22, 7);
  sub->AddCounts(int64_t{3}, absl::MakeSpan(counts));
  EXPECT_THAT(counts, ElementsAre(10, 10, 7, 7, 10, 10, 7, 7, 10, 10, 7, 7, 10,
                                  10, 10, 10, 7, 7, 7, 7, 10, 10));
}

TEST(SubModelTest, RefusesWhatCannotBeNarrowed) {
  const auto mlp = MakeModel({MlpSpec{2, {4}, 2}});
  EXPECT_THAT(SubModel::Create(*mlp, 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("width is 0, expected more than 0")));
  LayerListSpec list;
  list.input = {4};
  list.layers = {
      {ResidualSpec{.body = {{DenseSpec{.units = 4}}}, .shortcut = {}}},
      {DenseSpec{.units = 2}}};
  EXPECT_THAT(
      SubModel::Create(*MakeModel({list}), 0.5),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          HasSubstr("cannot be narrowed to a width of 0.5: "
                    "layer residual1: a residual block's body ends as 2")));
}

TEST(SubModelTest, LastLayersAreTheEndOfTheModelAsItIs) {
  const auto full = MakeModel({MlpSpec{2, {4}, 2}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto last, SubModel::LastLayers(*full, 1));
  EXPECT_EQ(last->narrow(), nullptr);
  EXPECT_EQ(last->width(), 1);
  EXPECT_EQ(last->last_layers(), 1);
  ASSERT_EQ(last->num_values(), 4 * 2 + 2);
  ParameterVector values(22);
  std::iota(values.begin(), values.end(), 1.0f);
  ParameterVector part(10);
  last->TakeOut(values, absl::MakeSpan(part));
  EXPECT_THAT(part, ElementsAre(13, 14, 15, 16, 17, 18, 19, 20, 21, 22));
  ParameterVector back(22, -1.0f);
  last->PutBack(part, absl::MakeSpan(back));
  EXPECT_EQ(back[11], 0);
  EXPECT_EQ(back[12], 13);
  std::vector<int64_t> counts(22, 7);
  last->AddCounts(int64_t{3}, absl::MakeSpan(counts));
  EXPECT_EQ(counts[11], 7);
  EXPECT_EQ(counts[12], 10);
  for (const int layers : {0, 3}) {
    EXPECT_THAT(SubModel::LastLayers(*full, layers),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 1 to the 2 trainable layers")));
  }
}

TEST(SubModelTest, PartsAreToldApartByTheirSizes) {
  const auto full = MakeModel({MlpSpec{2, {4, 4}, 2}});
  TrainingOptions training;
  training.sub_model_widths = {0.5};
  training.sub_model_layers = {2, 1};
  SHOAL_ASSERT_OK_AND_ASSIGN(const SubModels parts,
                             MakeSubModels(*full, training));
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0]->width(), 0.5);
  EXPECT_EQ(parts[1]->last_layers(), 2);
  EXPECT_EQ(parts[2]->last_layers(), 1);
  training.sub_model_widths = {0.5, 0.45};
  EXPECT_THAT(MakeSubModels(*full, training),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a width of 0.45 leaves 18 parameters, as "
                                 "another part")));
  training.sub_model_widths = {};
  training.last_layers = 2;
  EXPECT_THAT(MakeSubModels(*full, training),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("training 2 layers, expected fewer than the 2 "
                                 "that are trained anyway")));
}

bool HasNormOverChannels(const Model& model) {
  return std::any_of(
      model.nodes().begin(), model.nodes().end(), [](const Node& node) {
        return node.spec.has_value() &&
               (std::holds_alternative<LayerNormSpec>(node.spec->kind) ||
                std::holds_alternative<GroupNormSpec>(node.spec->kind));
      });
}

class EverySubModelTest : public ::testing::TestWithParam<NamedModel> {};

TEST_P(EverySubModelTest, ComputesWhatTheFullModelComputesWithTheRestAtZero) {
  const auto full = MakeModel(GetParam().spec);
  const auto sub = SubModel::Create(*full, 0.5);
  if (!sub.ok()) GTEST_SKIP() << sub.status();
  const Model& narrow = *(*sub)->narrow();
  if (HasNormOverChannels(*full) ||
      full->private_layout().num_parameters() > 0) {
    GTEST_SKIP() << "sees the channels that are left out";
  }
  const ParameterVector values = RandomParameters(*full, 3);
  ParameterVector part(narrow.num_values());
  (*sub)->TakeOut(values, absl::MakeSpan(part));
  // The shares are what ones come back as.
  ParameterVector shares(values.size()), rest(values.size());
  (*sub)->PutBack(ParameterVector(part.size(), 1.0f), absl::MakeSpan(shares));
  (*sub)->PutBack(part, absl::MakeSpan(rest));
  for (size_t i = 0; i < rest.size(); ++i) {
    if (shares[i] > 0) rest[i] /= shares[i];
  }
  const Examples examples(*full, 4, 5);
  OwnedPredictor whole(*full, 4), small(narrow, 4);
  const absl::Span<const float> expected =
      whole->Predict(rest, examples.batch().features);
  const absl::Span<const float> found =
      small->Predict(part, examples.batch().features);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], expected[i], 1e-5);
  }
}

TEST_P(EverySubModelTest, PuttingBackWhatWasTakenOutGivesTheSameValues) {
  const auto full = MakeModel(GetParam().spec);
  const auto sub = SubModel::Create(*full, 0.5);
  if (!sub.ok()) GTEST_SKIP() << sub.status();
  SeededRng rng(8);
  ParameterVector values(full->layout().num_parameters());
  for (float& value : values) value = static_cast<float>(rng.Normal());
  ParameterVector part((*sub)->num_values());
  (*sub)->TakeOut(values, absl::MakeSpan(part));
  ParameterVector back(values.size());
  (*sub)->PutBack(part, absl::MakeSpan(back));
  std::vector<int64_t> counts(values.size(), 0);
  (*sub)->AddCounts(int64_t{1}, absl::MakeSpan(counts));
  int64_t covered = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    covered += counts[i];
    EXPECT_NEAR(back[i], counts[i] == 1 ? values[i] : 0, 1e-6) << i;
  }
  EXPECT_EQ(covered, static_cast<int64_t>(part.size()));
}

INSTANTIATE_TEST_SUITE_P(Models, EverySubModelTest,
                         ::testing::ValuesIn(EveryModel()),
                         [](const ::testing::TestParamInfo<NamedModel>& info) {
                           return info.param.name;
                         });

}  // namespace
}  // namespace shoal::learning
