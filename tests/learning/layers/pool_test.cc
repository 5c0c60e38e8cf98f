#include "learning/layers/pool.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/layers/global_average_pool.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/learning/layers/naive_windows.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Layer> Pool(const PoolSpec& spec, const Shape& input) {
  auto layer = MakePool(spec, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(PoolTest, MaximumSendsItsGradientToTheFirstOfEquals) {
  const auto layer = Pool({.kind = PoolKind::kMax}, Shape({2, 4, 1}));
  const LayerResult result = RunLayer(
      *layer, {.rows = 1, .x = {1, 5, -2, -1, 5, 0, -1, -3}, .dy = {10, 20}});
  EXPECT_THAT(result.y, ElementsAre(5, -1));
  EXPECT_THAT(result.dx, ElementsAre(0, 10, 0, 20, 0, 0, 0, 0));
}

TEST(PoolTest, AverageCountsOnlyWhatIsInside) {
  // Windows of 3 at stride 2 over 4 values: {a b c}, {c d} with a zero behind.
  const auto layer = Pool({.kind = PoolKind::kAverage,
                           .size = 3,
                           .stride = 2,
                           .padding = Padding::kSame},
                          Shape({4, 1}));
  const LayerResult result =
      RunLayer(*layer, {.rows = 1, .x = {3, 6, 9, 1}, .dy = {3, 4}});
  EXPECT_THAT(result.y, ElementsAre(6, 5));
  EXPECT_THAT(result.dx, ElementsAre(1, 1, 3, 2));
}

// y and dx by the definition in pool.h.
LayerResult NaivePool(const WindowCase& c, PoolKind kind, const LayerRun& run) {
  const std::vector<WindowPixel> pixels = WindowPixels(run.rows, c.y(), c.x());
  LayerResult result;
  result.y.resize(run.dy.size());
  result.dx.resize(run.x.size());
  for (size_t begin = 0, end; begin < pixels.size(); begin = end) {
    end = begin;
    while (end < pixels.size() && pixels[end].output == pixels[begin].output) {
      ++end;
    }
    for (int64_t k = 0; k < c.channels; ++k) {
      const auto in = [&](size_t p) {
        return pixels[p].input * c.channels + k;
      };
      const int64_t out = pixels[begin].output * c.channels + k;
      if (kind == PoolKind::kMax) {
        size_t best = begin;
        for (size_t p = begin; p < end; ++p) {
          if (run.x[in(p)] > run.x[in(best)]) best = p;
        }
        result.y[out] = run.x[in(best)];
        result.dx[in(best)] += run.dy[out];
        continue;
      }
      const float weight = 1.0f / (end - begin);
      for (size_t p = begin; p < end; ++p) {
        result.y[out] += weight * run.x[in(p)];
        result.dx[in(p)] += weight * run.dy[out];
      }
    }
  }
  return result;
}

TEST(PoolTest, AgreesWithItsDefinition) {
  for (const WindowCase& c : WindowCases()) {
    for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
      SCOPED_TRACE(c.ToString());
      const auto layer = Pool({.kind = kind,
                               .size = c.kernel,
                               .stride = c.stride,
                               .padding = c.padding},
                              c.input());
      LayerRun run = {.rows = 2};
      run.x = RandomValues(1, run.rows * layer->input().num_values());
      run.dy = RandomValues(3, run.rows * layer->output().num_values());
      const LayerResult expected = NaivePool(c, kind, run);
      for (const Kernels* kernels : AllKernels()) {
        run.kernels = kernels;
        const LayerResult result = RunLayer(*layer, run);
        ExpectNear(result.y, expected.y, "y");
        ExpectNear(result.dx, expected.dx, "dx");
      }
      if (HasFatalFailure()) return;
    }
  }
}

TEST(PoolTest, RunsInTheMemoryThatItAsksFor) {
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
    CheckLayer(*Pool({.kind = kind}, Shape({6, 6, 3})));
    CheckLayer(
        *Pool(
            {.kind = kind, .size = 15, .stride = 1, .padding = Padding::kSame},
            Shape({20, 2})),
        {.rows = 1});
  }
  // A byte for every output, in whole floats.
  const auto layer = Pool({}, Shape({6, 6, 3}));
  EXPECT_EQ(layer->Memory(PassKind::kTrain, 3).saved, (3 * 27 + 3) / 4);
  EXPECT_EQ(layer->Memory(PassKind::kPredict, 3).saved, 0);
}

TEST(PoolTest, RefusesWhatMakesNoLayer) {
  const auto refused = [](const PoolSpec& spec, const Shape& input,
                          const char* why) {
    EXPECT_THAT(MakePool(spec, input),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({.size = 16}, Shape({20, 20, 1}), "size is 16, expected 1 to 15");
  refused({.size = 0}, Shape({20, 20, 1}), "size is 0, expected 1 to 15");
  refused({.stride = -2}, Shape({20, 20, 1}), "stride is -2");
  refused({.size = 3}, Shape({2, 8, 1}), "size 3 does not fit a 2x8 input");
  refused({}, Shape({8}), "expects a sequence [length, channels] or an image");
}

TEST(GlobalAveragePoolTest, GivesTheMeanOfEveryChannel) {
  const auto layer = *MakeGlobalAveragePool({}, Shape({2, 2, 2}));
  EXPECT_EQ(layer->output(), Shape({2}));
  const LayerResult result = RunLayer(
      *layer, {.rows = 1, .x = {1, 10, 2, 20, 3, 30, 6, 60}, .dy = {4, 8}});
  EXPECT_THAT(result.y, ElementsAre(3, 30));
  EXPECT_THAT(result.dx, ElementsAre(1, 2, 1, 2, 1, 2, 1, 2));
}

TEST(GlobalAveragePoolTest, AgreesWithFiniteDifferences) {
  CheckLayer(**MakeGlobalAveragePool({}, Shape({3, 4, 5})));
  CheckLayer(**MakeGlobalAveragePool({}, Shape({7, 18})));
}

TEST(GlobalAveragePoolTest, RefusesAVector) {
  EXPECT_THAT(MakeGlobalAveragePool({}, Shape({8})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("got 8")));
}

}  // namespace
}  // namespace shoal::learning
