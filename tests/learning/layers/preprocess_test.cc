#include "learning/layers/preprocess.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
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
using ::testing::IsNan;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::unique_ptr<Layer> Preprocess(const PreprocessingSpec& spec,
                                  const Shape& input) {
  auto layer = MakePreprocess(spec, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

// Also in place, where the layer allows it.
std::vector<float> Apply(const PreprocessingSpec& spec, const Shape& input,
                         std::vector<float> parameters, std::vector<float> x) {
  const auto layer = Preprocess(spec, input);
  LayerRun run = {.kind = PassKind::kPredict,
                  .rows = static_cast<int64_t>(x.size()) / input.num_values(),
                  .x = std::move(x),
                  .parameters = std::move(parameters)};
  const std::vector<float> y = RunLayer(*layer, run).y;
  run.in_place = true;
  EXPECT_THAT(RunLayer(*layer, run).y,
              ::testing::Pointwise(::testing::NanSensitiveFloatEq(), y));
  return y;
}

TEST(PreprocessTest, StandardisesFeatures) {
  EXPECT_THAT(
      Apply({.standardise = true}, Shape({2}), {1, 10, 2, 5}, {5, 5, 1, 20}),
      ElementsAre(2, -1, 0, 2));
}

TEST(PreprocessTest, StatisticsArePerChannelOfAnImage) {
  EXPECT_THAT(Apply({.standardise = true}, Shape({1, 2, 2}), {1, 10, 2, 5},
                    {5, 5, 1, 20}),
              ElementsAre(2, -1, 0, 2));
}

TEST(PreprocessTest, MissingBecomesTheMean) {
  EXPECT_THAT(Apply({.impute = true}, Shape({3}), {1, 10, -4}, {kNan, 7, kNan}),
              ElementsAre(1, 7, -4));
}

TEST(PreprocessTest, MissingIsExactlyZeroWhenStandardised) {
  EXPECT_THAT(Apply({.standardise = true, .impute = true}, Shape({2}),
                    {0.1f, 0.3f, 3, 7}, {kNan, 7.3f}),
              ElementsAre(0, 1));
}

TEST(PreprocessTest, MaskTellsWhatWasMissing) {
  EXPECT_THAT(
      Apply({.standardise = true, .impute = true, .mask = true, .clip = 3},
            Shape({2}), {1, 10, 2, 5}, {kNan, 20, 101, kNan}),
      ElementsAre(0, 2, 1, 0, 3, 0, 0, 1));
}

TEST(PreprocessTest, ClipsBothSidesAfterStandardising) {
  EXPECT_THAT(Apply({.standardise = true, .clip = 1.5}, Shape({4}),
                    {1, 1, 1, 1, 2, 2, 2, 2}, {-9, 9, 3, -kInfinity}),
              ElementsAre(-1.5, 1.5, 1, -1.5));
}

TEST(PreprocessTest, WithoutImputationMissingStaysMissing) {
  EXPECT_THAT(Apply({.standardise = true, .clip = 1}, Shape({2}), {1, 1, 2, 2},
                    {kNan, 2}),
              ElementsAre(IsNan(), 0.5));
  EXPECT_THAT(Apply({.clip = 1}, Shape({1}), {}, {kNan}), ElementsAre(IsNan()));
}

TEST(PreprocessTest, InfinityIsNotMissing) {
  EXPECT_THAT(
      Apply({.impute = true}, Shape({2}), {1, 1}, {kInfinity, -kInfinity}),
      ElementsAre(kInfinity, -kInfinity));
}

TEST(PreprocessTest, HasTheTensorsThatItNeedsAndTrainsNone) {
  const auto names = [](const PreprocessingSpec& spec) {
    const auto layer = Preprocess(spec, Shape({3}));
    std::vector<std::string> names;
    for (const LayerTensor& tensor : layer->tensors()) {
      EXPECT_FALSE(tensor.trainable);
      EXPECT_THAT(tensor.dims, ElementsAre(3));
      names.push_back(tensor.name);
    }
    return names;
  };
  EXPECT_THAT(names({.standardise = true}), ElementsAre("mean", "deviation"));
  EXPECT_THAT(names({.impute = true}), ElementsAre("mean"));
  EXPECT_THAT(names({.clip = 1}), ElementsAre());
}

TEST(PreprocessTest, StartsAsTheIdentity) {
  const auto layer = Preprocess({.standardise = true}, Shape({2}));
  std::vector<float> parameters(4, kNan);
  SeededRng rng(1);
  layer->Initialise(rng, absl::MakeSpan(parameters));
  EXPECT_THAT(parameters, ElementsAre(0, 0, 1, 1));
}

TEST(PreprocessTest, RefusesContradictions) {
  const auto refuses = [](const PreprocessingSpec& spec, const Shape& input,
                          const char* message) {
    EXPECT_THAT(
        MakePreprocess(spec, input),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  refuses({}, Shape({2}), "nothing to do");
  refuses({.mask = true}, Shape({2}), "mask is set without impute");
  refuses({.impute = true, .mask = true}, Shape({2, 2}),
          "mask expects a vector [n] as input, got 2x2");
  refuses({.clip = -1}, Shape({2}), "clip is -1");
  refuses({.clip = 1e300}, Shape({2}), "clip is 1e+300");
  refuses({.clip = kNan}, Shape({2}), "clip is nan");
}

}  // namespace
}  // namespace shoal::learning
