#include "learning/layers/embedding.h"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

std::unique_ptr<Layer> Embedding(const EmbeddingSpec& spec,
                                 const Shape& input) {
  auto layer = MakeEmbedding(spec, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

// Every third token is 1, so that gradients add up.
std::vector<float> Tokens(int64_t size, int vocabulary) {
  SeededRng rng(1);
  std::vector<float> tokens(size);
  for (int64_t i = 0; i < size; ++i) {
    tokens[i] = i % 3 == 0 ? 1 : static_cast<float>(rng.Below(vocabulary));
  }
  return tokens;
}

TEST(EmbeddingTest, LooksUpRowsAndAddsTheirGradients) {
  const auto layer = Embedding({.vocabulary = 3, .dimensions = 2}, Shape({4}));
  EXPECT_EQ(layer->output(), Shape({4, 2}));
  EXPECT_EQ(layer->token_limit(), 3);
  const LayerResult result = RunLayer(*layer, {.rows = 1,
                                               .x = {2, 0, 2, 2},
                                               .parameters = {1, 2, 3, 4, 5, 6},
                                               .dy = {1, 2, 3, 4, 5, 6, 7, 8}});
  EXPECT_THAT(result.y, ElementsAre(5, 6, 1, 2, 5, 6, 5, 6));
  EXPECT_THAT(result.gradient, ElementsAre(3, 4, 0, 0, 13, 16));
  EXPECT_THAT(result.dx, Each(0));
}

TEST(EmbeddingTest, StepsAlikeWhereverTheGradientGoes) {
  CheckLayer(*Embedding({.vocabulary = 6, .dimensions = 5}, Shape({7})),
             {.rows = 3, .x = Tokens(21, 6), .differentiable_input = false});
  // A table of several strips, the last one smaller.
  CheckLayer(*Embedding({.vocabulary = 100, .dimensions = 130}, Shape({40})),
             {.rows = 2, .x = Tokens(80, 100), .differentiable_input = false});
  // Rows longer than a strip.
  CheckLayer(*Embedding({.vocabulary = 3, .dimensions = 5000}, Shape({4})),
             {.rows = 1, .x = Tokens(4, 3), .differentiable_input = false});
}

TEST(EmbeddingTest, WhatIsNoTokenGivesNanAndNoGradient) {
  const auto layer = Embedding({.vocabulary = 2, .dimensions = 1}, Shape({8}));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const SinkKind sink : {SinkKind::kBuffer, SinkKind::kSgd}) {
    const LayerResult result = RunLayer(
        *layer, {.rows = 1,
                 .x = {1, 2, -1, 0.5f, 1e30f, kInfinity, -kInfinity, NAN},
                 .parameters = {3, 4},
                 .dy = std::vector<float>(8, 1.0f),
                 .sink = sink});
    EXPECT_EQ(result.y[0], 4);
    for (int i = 1; i < 8; ++i) EXPECT_TRUE(std::isnan(result.y[i])) << i;
    if (sink == SinkKind::kBuffer) {
      EXPECT_THAT(result.gradient, ElementsAre(0, 1));
    } else {
      EXPECT_THAT(result.parameters, ElementsAre(3, 3.75));
    }
  }
}

TEST(EmbeddingTest, ScratchStaysSmallForLargeVocabularies) {
  const auto layer =
      Embedding({.vocabulary = 100000, .dimensions = 64}, Shape({10}));
  EXPECT_EQ(layer->Memory(PassKind::kTrain, 100).backward_scratch, 4096);
  EXPECT_EQ(layer->Memory(PassKind::kPredict, 100).backward_scratch, 0);
}

TEST(EmbeddingTest, StartsWithSmallValues) {
  const auto layer =
      Embedding({.vocabulary = 50, .dimensions = 20}, Shape({3}));
  std::vector<float> parameters(1000);
  SeededRng rng(1);
  layer->Initialise(rng, absl::MakeSpan(parameters));
  EXPECT_THAT(parameters, Each(AllOf(Ge(-0.05f), Le(0.05f))));
  double squares = 0;
  for (float value : parameters) squares += value * value;
  EXPECT_NEAR(squares / 1000, 0.05 * 0.05 / 3, 1e-4);
}

TEST(EmbeddingTest, RefusesWhatMakesNoLayer) {
  const auto refused = [](const EmbeddingSpec& spec, const Shape& input,
                          const char* why) {
    EXPECT_THAT(MakeEmbedding(spec, input),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({.vocabulary = 0, .dimensions = 1}, Shape({3}),
          "vocabulary is 0, expected 1 to 1048576");
  refused({.vocabulary = 1, .dimensions = 0}, Shape({3}), "dimensions is 0");
  refused({.vocabulary = 1, .dimensions = 1}, Shape({3, 4}),
          "expects a vector [n], got 3x4");
  refused({.vocabulary = 1 << 20, .dimensions = 1 << 20}, Shape({1}),
          "weight of 1048576x1048576");
}

}  // namespace
}  // namespace shoal::learning
