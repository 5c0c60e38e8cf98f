#include "learning/model.h"

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/model_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::Each;
using ::testing::HasSubstr;

TEST(ModelSpecTest, TextNamesKindAndWidths) {
  EXPECT_EQ((ModelSpec{LogisticSpec{60, 10}}.ToString()), "logistic 60-10");
  EXPECT_EQ((ModelSpec{MlpSpec{784, {200, 200}, 10}}.ToString()),
            "mlp 784-200-200-10");
}

void ExpectRefused(const ModelSpec& spec, const std::string& what) {
  EXPECT_THAT(Model::Create(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
}

ModelSpec List(std::vector<int> input, std::vector<LayerSpec> layers,
               Loss loss = Loss::kSoftmaxCrossEntropy,
               Target target = Target::kLabels) {
  return {LayerListSpec{std::move(input), std::move(layers), loss, target}};
}

TEST(ModelTest, SizesOutOfRangeAreRefusedByName) {
  ExpectRefused({LogisticSpec{0, 10}}, "inputs is 0");
  ExpectRefused({LogisticSpec{60, 1}}, "outputs is 1");
  ExpectRefused({MlpSpec{-5, {8}, 10}}, "inputs is -5");
  ExpectRefused({MlpSpec{60, {8, 0}, 10}}, "layer dense2: units is 0");
  ExpectRefused({MlpSpec{60, {kMaxLayerWidth + 1}, 10}}, "layer dense1: units");
  ExpectRefused({MlpSpec{1 << 20, {1 << 20}, 1 << 20}}, "layer dense1");
  ExpectRefused({MlpSpec{60, std::vector<int>(300, 8), 10}},
                "more than 256 layers");
  ExpectRefused(List({}, {}), "0 dimensions");
  ExpectRefused(List({4, 0}, {}), "input[1] is 0");
  ExpectRefused(List({1 << 13, 1 << 13, 2}, {}), "input has more than");
}

TEST(ModelTest, LayersThatDoNotFitAreRefusedByName) {
  ExpectRefused(
      List({784}, {{Conv2dSpec{.filters = 4}}, {DenseSpec{.units = 3}}}),
      "layer conv1: ");
  ExpectRefused(
      List({8, 8, 1}, {{.kind = Conv2dSpec{.filters = 4,
                                           .kernel = 9,
                                           .padding = Padding::kValid},
                        .name = "edges"},
                       {DenseSpec{.units = 3}}}),
      "layer edges: ");
  ExpectRefused(List({4}, {{.kind = DenseSpec{.units = 3}, .name = "a"},
                           {.kind = DenseSpec{.units = 3}, .name = "a"}}),
                "two layers are named 'a': a layer that the task names so and "
                "a layer that the task names so; expected another name");
  ExpectRefused(List({4}, {{.kind = DenseSpec{.units = 3}, .name = "A-b"}}),
                "layer name 'A-b'");
}

TEST(ModelTest, NamesThatTheModelGivesAreNotTaken) {
  const std::string unnamed =
      "a layer without a name, which is called so by its kind and place";
  ExpectRefused(List({4}, {{.kind = DenseSpec{.units = 3}, .name = "dense1"},
                           {.kind = DenseSpec{.units = 3}}}),
                "two layers are named 'dense1': a layer that the task names so "
                "and " +
                    unnamed);
  ExpectRefused(List({4}, {{.kind = DenseSpec{.units = 3}},
                           {.kind = DenseSpec{.units = 3}, .name = "dense1"}}),
                "two layers are named 'dense1': " + unnamed);
  ModelSpec prepared =
      List({4}, {{.kind = DenseSpec{.units = 3}, .name = "input"}});
  EXPECT_EQ(MakeModel(prepared)->nodes()[0].name, "input");
  prepared.preprocessing.standardise = true;
  ExpectRefused(prepared,
                "two layers are named 'input': the preprocessing and a layer");
}

TEST(ModelTest, ResidualBranchesMustMeet) {
  ExpectRefused(List({4}, {{ResidualSpec{{{DenseSpec{.units = 3}}}, {}}}}),
                "ends as 3, its shortcut as 4");
  ExpectRefused(List({4}, {{ResidualSpec{{}, {}}}}), "no body");
  ExpectRefused(List({4}, {{ResidualSpec{{{FlattenSpec{}}}, {}}}}),
                "same value");
  LayerSpec nested = {DenseSpec{.units = 4}};
  for (int i = 0; i <= kMaxResidualDepth; ++i) {
    nested = {ResidualSpec{{nested}, {}}};
  }
  ExpectRefused(List({4}, {nested}), "nested deeper");
}

TEST(ModelTest, ResidualBlocksAreNamed) {
  const LayerSpec good = {
      ResidualSpec{.body = {{DenseSpec{.units = 4}}}, .shortcut = {}}};
  const LayerSpec narrow = {
      ResidualSpec{.body = {{DenseSpec{.units = 3}}}, .shortcut = {}}};
  ExpectRefused(List({4}, {good, narrow}),
                "layer residual2: a residual block's body ends as 3, its "
                "shortcut as 4");
  LayerSpec named = narrow;
  named.name = "block";
  ExpectRefused(List({4}, {good, named}),
                "layer block: a residual block's body ends as 3");
  // The one that is wrong, not those around it.
  ExpectRefused(
      List({4}, {{.kind = ResidualSpec{{named}, {}}, .name = "around"}}),
      "layer block: ");
  const LayerSpec empty = {.kind = ResidualSpec{{}, {}}, .name = "empty"};
  ExpectRefused(List({4}, {empty}),
                "layer empty: a residual block has no body");
  LayerSpec deep = {.kind = ResidualSpec{{good}, {}}, .name = "deepest"};
  for (int i = 0; i < kMaxResidualDepth; ++i) deep = {ResidualSpec{{deep}, {}}};
  ExpectRefused(List({4}, {deep}), "layer deepest: residual blocks are nested");

  LayerSpec block = good;
  block.name = "block";
  EXPECT_EQ(MakeModel(List({4}, {block}))->nodes().back().name, "block");
  ExpectRefused(List({4}, {block, block}), "two layers are named 'block'");
  block.name = "Block";
  ExpectRefused(List({4}, {block}), "layer name 'Block'");
}

TEST(ModelTest, LossesThatCannotCompareAreRefused) {
  const std::vector<LayerSpec> dense = {{DenseSpec{.units = 3}}};
  ExpectRefused(List({4}, dense, Loss::kMeanSquaredError), "labels");
  ExpectRefused(List({4}, dense, Loss::kBinaryCrossEntropy), "one output");
  ExpectRefused(List({4}, dense, Loss::kSoftmaxCrossEntropy, Target::kValues),
                "labels only");
  ExpectRefused(List({4}, dense, Loss::kMeanSquaredError, Target::kInput),
                "the model ends as 3, its input has 4 values");
}

TEST(ModelTest, NothingToTrainIsRefused) {
  ExpectRefused(List({4}, {{ActivationSpec{}}}), "no layer that a federation");
  ExpectRefused(List({4}, {{.kind = DenseSpec{.units = 3}, .frozen = true}}),
                "no layer that a federation");
  ExpectRefused(
      List({4}, {{.kind = DenseSpec{.units = 3}, .is_private = true}}),
      "no layer that a federation");
}

TEST(ModelTest, PrivateLayersComeLastInTheDevicesVector) {
  const auto model =
      MakeModel(List({4}, {{.kind = DenseSpec{.units = 3}, .is_private = true},
                           {DenseSpec{.units = 2}}}));
  EXPECT_EQ(model->layout(),
            ParameterLayout({{"dense2.weight", {3, 2}}, {"dense2.bias", {2}}}));
  EXPECT_EQ(model->private_layout(),
            ParameterLayout({{"dense1.weight", {4, 3}}, {"dense1.bias", {3}}}));
  EXPECT_EQ(model->nodes()[0].parameter_offset, 8);
  EXPECT_EQ(model->nodes()[1].parameter_offset, 0);
  EXPECT_EQ(model->InitialPrivateValues(), model->InitialPrivateValues());
  SeededRng rng(1);
  EXPECT_EQ(model->DeviceVector(model->Initialise(rng)).size(), 23);
}

TEST(ModelTest, BatchNormIsPrivateUnlessItIsFrozen) {
  const LayerSpec dense = {DenseSpec{.units = 2}};
  LayerSpec norm = {BatchNormSpec{}};
  EXPECT_EQ(
      MakeModel(List({3}, {norm, dense}))->private_layout().tensors().size(),
      4u);
  norm.frozen = true;
  const auto frozen = MakeModel(List({3}, {norm, dense}));
  EXPECT_EQ(frozen->private_layout().num_parameters(), 0);
  EXPECT_EQ(frozen->layout().num_parameters(), 12 + 8);
  // A block hands its flags on.
  const LayerSpec block = {
      .kind = ResidualSpec{.body = {{BatchNormSpec{}}}, .shortcut = {}},
      .frozen = true};
  EXPECT_EQ(MakeModel(List({3}, {block, dense}))->layout(), frozen->layout());
}

TEST(ModelTest, McmahanCnnHasItsParameters) {
  const auto model = MakeModel({CnnSpec{CnnPreset::kMcmahan, {28, 28, 1}, 10}});
  EXPECT_EQ(model->layout().num_parameters(), 1663370);
}

TEST(ModelTest, LabelsFollowTheOutput) {
  const auto model = MakeModel({GruLanguageModelSpec{9, 4, 3, 5}});
  EXPECT_EQ(model->labels_per_example(), 4);
  EXPECT_EQ(model->output().ToString(), "4x9");
}

TEST(ModelTest, LayoutNamesWeightsAndBiases) {
  const std::unique_ptr<Model> model = MakeModel({MlpSpec{4, {3}, 2}});
  EXPECT_EQ(model->layout(), ParameterLayout({{"dense1.weight", {4, 3}},
                                              {"dense1.bias", {3}},
                                              {"dense2.weight", {3, 2}},
                                              {"dense2.bias", {2}}}));
}

TEST(ModelTest, MlpWithoutHiddenLayersHasTheLayoutOfLogistic) {
  EXPECT_EQ(MakeModel({MlpSpec{5, {}, 3}})->layout(),
            MakeModel({LogisticSpec{5, 3}})->layout());
}

TEST(ModelTest, LogisticStartsAtZeroWithTheLossOfGuessing) {
  const std::unique_ptr<Model> model = MakeModel({LogisticSpec{7, 10}});
  SeededRng rng(1);
  const ParameterVector parameters = model->Initialise(rng);
  EXPECT_THAT(parameters, Each(0));
  const Examples examples(*model, 30, 2);
  EXPECT_NEAR(LossOf(*model, parameters, examples.batch()), std::log(10.0),
              1e-6);
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

}  // namespace
}  // namespace shoal::learning
