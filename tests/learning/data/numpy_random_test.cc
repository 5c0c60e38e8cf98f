// Expected values: NumPy 1.24, numpy.random.RandomState(42).
#include "learning/data/numpy_random.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

using ::testing::ElementsAre;

TEST(NumpyRandomTest, DrawsWhatNumpyDraws) {
  NumpyRandom random(42);
  EXPECT_EQ(random.Uniform(), 0.3745401188473625);
  EXPECT_EQ(random.Uniform(), 0.9507143064099162);
  EXPECT_EQ(random.Uniform(), 0.7319939418114051);
  EXPECT_DOUBLE_EQ(random.Normal(1, 2), -1.2237602360938409);
  EXPECT_DOUBLE_EQ(random.Normal(1, 2), 1.6378043693787667);
  EXPECT_DOUBLE_EQ(random.Normal(1, 2), 1.5580825844002755);
  EXPECT_EQ(random.Uniform(-3, 5), 2.664580622368364);
  EXPECT_THAT(random.Permutation(10),
              ElementsAre(8, 2, 0, 6, 7, 9, 3, 1, 4, 5));
  std::vector<int64_t> values = {5, 6, 7, 8, 9};
  random.Shuffle(values);
  EXPECT_THAT(values, ElementsAre(7, 5, 9, 6, 8));
  // Half of a pair of normals is kept for the next call.
  EXPECT_DOUBLE_EQ(random.Normal(0, 1), 1.0105152848065264);
}

TEST(NumpyRandomTest, ShufflesNothing) {
  NumpyRandom random(1);
  EXPECT_THAT(random.Permutation(0), ElementsAre());
  EXPECT_THAT(random.Permutation(1), ElementsAre(0));
}

}  // namespace
}  // namespace shoal::learning
