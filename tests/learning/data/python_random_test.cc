#include "learning/data/python_random.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

using ::testing::ElementsAre;

// Values from CPython 3.11: r = random.Random(seed); p = list(range(10));
// r.shuffle(p).
TEST(PythonRandom, ShufflesAsPythonDoes) {
  EXPECT_THAT(PythonRandom(0).ShuffledRange(10),
              ElementsAre(7, 8, 1, 5, 3, 4, 2, 0, 9, 6));
  EXPECT_THAT(PythonRandom(4294967295).ShuffledRange(10),
              ElementsAre(0, 7, 1, 5, 2, 6, 4, 8, 3, 9));
}

TEST(PythonRandom, GoesOnWhereItWas) {
  PythonRandom random(4);
  EXPECT_THAT(random.ShuffledRange(10),
              ElementsAre(8, 2, 0, 7, 6, 9, 5, 1, 4, 3));
  std::vector<int64_t> next = random.ShuffledRange(100);
  next.resize(8);
  EXPECT_THAT(next, ElementsAre(74, 41, 44, 56, 42, 62, 45, 25));
}

TEST(PythonRandom, NothingAndOneNeedNoShuffling) {
  EXPECT_THAT(PythonRandom(1).ShuffledRange(0), ElementsAre());
  EXPECT_THAT(PythonRandom(1).ShuffledRange(1), ElementsAre(0));
}

}  // namespace
}  // namespace shoal::learning
