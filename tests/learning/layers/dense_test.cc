#include "learning/layers/dense.h"

#include <cmath>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Layer> Dense(const DenseSpec& spec, const Shape& input) {
  auto layer = MakeDense(spec, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(DenseTest, MultipliesAddsBiasAndTakesGradients) {
  // x = [1 2; 3 4], W = [1 0 -1; 2 1 0], b = [10 20 30].
  const auto layer = Dense({.units = 3}, Shape({2}));
  const LayerResult result =
      RunLayer(*layer, {.rows = 2,
                        .x = {1, 2, 3, 4},
                        .parameters = {1, 0, -1, 2, 1, 0, 10, 20, 30},
                        .dy = {1, 0, 2, 0, 1, -1}});
  EXPECT_THAT(result.y, ElementsAre(15, 22, 29, 21, 24, 27));
  // dy W^T.
  EXPECT_THAT(result.dx, ElementsAre(-1, 2, 1, 1));
  // x^T dy and the column sums of dy.
  EXPECT_THAT(result.gradient, ElementsAre(1, 3, -1, 2, 4, 0, 1, 1, 1));
}

TEST(DenseTest, ReluCutsOutputsAndTheirGradients) {
  const auto layer =
      Dense({.units = 2, .activation = ActivationKind::kRelu}, Shape({1}));
  const LayerResult result = RunLayer(*layer, {.rows = 2,
                                               .x = {1, -1},
                                               .parameters = {2, 3, 1, -1},
                                               .dy = {1, 1, 1, 1}});
  EXPECT_THAT(result.y, ElementsAre(3, 2, 0, 0));
  EXPECT_THAT(result.dx, ElementsAre(5, 0));
  EXPECT_THAT(result.gradient, ElementsAre(1, 1, 1, 1));
}

TEST(DenseTest, AgreesWithFiniteDifferencesForManyShapes) {
  for (const bool bias : {true, false}) {
    for (const ActivationKind activation :
         {ActivationKind::kNone, ActivationKind::kRelu}) {
      for (const int64_t rows : {1, 3, 10, 33}) {
        SCOPED_TRACE(rows);
        CheckLayer(*Dense({.units = 7, .activation = activation, .bias = bias},
                          Shape({19})),
                   {.rows = rows});
      }
    }
  }
  // Wide enough that dx goes by columns, and by rows.
  CheckLayer(*Dense({.units = 70}, Shape({90})), {.rows = 2});
  CheckLayer(*Dense({.units = 5}, Shape({4})), {.rows = 40});
}

TEST(DenseTest, TreatsPositionsOfSequencesAndImagesAlike) {
  const auto vector = Dense({.units = 4}, Shape({3}));
  const auto image = Dense({.units = 4}, Shape({2, 5, 3}));
  EXPECT_EQ(image->output(), Shape({2, 5, 4}));
  EXPECT_EQ(image->num_parameters(), vector->num_parameters());
  const std::vector<float> x = RandomValues(1, 2 * 30);
  const std::vector<float> parameters = RandomValues(2, 16);
  EXPECT_EQ(
      RunLayer(*image, {.rows = 2, .x = x, .parameters = parameters}).y,
      RunLayer(*vector, {.rows = 20, .x = x, .parameters = parameters}).y);
  CheckLayer(*image);
}

TEST(DenseTest, TellsItsTensorsWorkAndMemory) {
  const auto layer =
      Dense({.units = 10, .activation = ActivationKind::kRelu}, Shape({4, 20}));
  EXPECT_EQ(layer->tensors()[0].name, "weight");
  EXPECT_THAT(layer->tensors()[0].dims, ElementsAre(20, 10));
  EXPECT_EQ(layer->tensors()[1].name, "bias");
  EXPECT_EQ(layer->forward_macs(), 4 * 20 * 10);
  EXPECT_EQ(layer->Memory(PassKind::kPredict, 8).backward_scratch, 0);
  const LayerMemory memory = layer->Memory(PassKind::kTrain, 8);
  EXPECT_EQ(memory.saved, 0);
  EXPECT_EQ(memory.backward_scratch, 200);  // W^T
  EXPECT_TRUE(memory.backward_reads_output);
  // dy and dx as columns of 16.
  EXPECT_EQ(Dense({.units = 30}, Shape({50}))
                ->Memory(PassKind::kTrain, 10)
                .backward_scratch,
            80 * 16);
}

TEST(DenseTest, StartsGlorotUniformWithoutBias) {
  const auto layer = Dense({.units = 30}, Shape({70}));
  std::vector<float> parameters(layer->num_parameters(), -1);
  SeededRng rng(5);
  layer->Initialise(rng, absl::MakeSpan(parameters));
  const double limit = std::sqrt(6.0 / 100);
  double sum = 0, squares = 0;
  for (int i = 0; i < 2100; ++i) {
    EXPECT_LE(std::abs(parameters[i]), limit);
    sum += parameters[i];
    squares += parameters[i] * parameters[i];
  }
  // A fixed seed: ten standard errors leave room for another generator.
  EXPECT_NEAR(sum / 2100, 0, 10 * limit / std::sqrt(3 * 2100.0));
  EXPECT_NEAR(squares / 2100, limit * limit / 3, 0.1 * limit * limit);
  for (int i = 2100; i < 2130; ++i) EXPECT_EQ(parameters[i], 0);
}

TEST(DenseTest, RefusesWhatMakesNoLayer) {
  const auto refused = [](const DenseSpec& spec, const Shape& input,
                          const char* why) {
    EXPECT_THAT(MakeDense(spec, input),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({.units = 0}, Shape({3}), "units is 0, expected 1 to 1048576");
  refused({.units = 1 << 21}, Shape({3}), "units is 2097152");
  refused({.units = 1}, Shape(),
          "expects one to three dimensions, got nothing");
  refused({.units = 1}, Shape({2, 0}), "got 2x0");
  refused({.units = 1 << 20}, Shape({1 << 20}), "weight of 1048576x1048576");
  refused({.units = 1 << 20}, Shape({1 << 10, 1}), "values per example");
  refused({.units = 2, .activation = ActivationKind::kTanh}, Shape({3}),
          "a layer of its own");
}

}  // namespace
}  // namespace shoal::learning
