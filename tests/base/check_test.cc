#include "base/check.h"

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(CheckTest, TrueConditionGoesOnAndIsEvaluatedOnce) {
  int evaluations = 0;
  SHOAL_CHECK(++evaluations == 1);
  EXPECT_EQ(evaluations, 1);
}

TEST(CheckDeathTest, FalseConditionPrintsItselfAndItsPlace) {
  EXPECT_DEATH(SHOAL_CHECK(1 + 1 == 3),
               "check_test\\.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace shoal
