#include "learning/pruning.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Six weights in two tensors, and a bias.
ParameterLayout Layout() {
  return ParameterLayout({{"dense1.weight", {2, 2}},
                          {"dense1.bias", {2}},
                          {"dense2.weight", {2, 1}}});
}
ParameterVector Parameters() { return {1, -5, 3, -2, 0.1f, 0.2f, 0.5f, 4}; }

TEST(PruningTest, TheSmallestWeightsOfAllTensorsGo) {
  // Half of six: 0.5, 1 and -2. The biases are smaller, but no weights.
  SHOAL_ASSERT_OK_AND_ASSIGN(const PrunedModel model,
                             PruneByMagnitude(Layout(), Parameters(), 0.5));
  EXPECT_THAT(model.parameters, ElementsAre(0, -5, 3, 0, 0.1f, 0.2f, 0, 4));
  EXPECT_THAT(model.kept,
              ElementsAre(false, true, true, false, true, true, false, true));
  ASSERT_THAT(model.weights, SizeIs(2));
  EXPECT_EQ(model.weights[0].name, "dense1.weight");
  EXPECT_EQ(model.weights[0].num_pruned, 2);
  EXPECT_EQ(model.weights[0].pruned_fraction(), 0.5);
  EXPECT_EQ(model.weights[1].name, "dense2.weight");
  EXPECT_EQ(model.weights[1].num_pruned, 1);
}

TEST(PruningTest, NothingPrunedIsTheModelItself) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const PrunedModel model,
                             PruneByMagnitude(Layout(), Parameters(), 0));
  EXPECT_EQ(model.parameters, Parameters());
  EXPECT_EQ(model.weights[0].num_pruned, 0);
}

TEST(PruningTest, OfEqualWeightsTheFirstGo) {
  const ParameterLayout layout({{"dense1.weight", {4, 1}}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const PrunedModel model,
                             PruneByMagnitude(layout, {1, -1, 1, -1}, 0.5));
  EXPECT_THAT(model.parameters, ElementsAre(0, 0, 1, -1));
}

TEST(PruningTest, TheNumberIsRoundedToTheNearest) {
  // 0.29 * 100 is a little below 29 in floating point.
  const ParameterLayout layout({{"dense1.weight", {100, 1}}});
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const PrunedModel model,
      PruneByMagnitude(layout, ParameterVector(100, 1.0f), 0.29));
  EXPECT_EQ(model.weights[0].num_pruned, 29);
}

TEST(PruningTest, AModelWithoutWeightsStaysAsItIs) {
  const ParameterLayout layout({{"layer_norm1.scale", {2}}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const PrunedModel model,
                             PruneByMagnitude(layout, {1, 2}, 0.9));
  EXPECT_THAT(model.parameters, ElementsAre(1, 2));
  EXPECT_THAT(model.weights, SizeIs(0));
}

TEST(PruningTest, RefusesWhatIsOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double fraction : {-0.1, 1.0, nan}) {
    EXPECT_THAT(PruneByMagnitude(Layout(), Parameters(), fraction),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 0 to below 1")));
  }
  EXPECT_THAT(PruneByMagnitude(Layout(), {1}, 0.5),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("1 parameters, expected 8")));
  ParameterVector parameters = Parameters();
  parameters[3] = static_cast<float>(nan);
  EXPECT_THAT(PruneByMagnitude(Layout(), parameters, 0.5),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("parameter 3 is nan")));
}

TEST(SparseBytesTest, ATensorIsStoredAsItTakesFewer) {
  EXPECT_EQ(SparseBytes(16, 0, 4), 16 * 4);
  // Two bytes of bitmap and four values.
  EXPECT_EQ(SparseBytes(16, 12, 4), 2 + 4 * 4);
  EXPECT_EQ(SparseBytes(16, 12, 1), 2 + 4);
  EXPECT_EQ(SparseBytes(17, 17, 4), 3);
  EXPECT_EQ(SparseBytes(0, 0, 4), 0);
}

}  // namespace
}  // namespace shoal::learning
