#include "base/version.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal {
namespace {

using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST(VersionTest, IsThreeNumbers) {
  EXPECT_THAT(Version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(VersionTest, LongVersionNamesCompilerAndInstructionSet) {
  EXPECT_THAT(LongVersion(), StartsWith(Version() + " ("));
  EXPECT_THAT(LongVersion(),
              MatchesRegex(".*(g\\+\\+|clang\\+\\+) [0-9].*, "
                           "(-march=.*|default instruction set)\\)"));
}

}  // namespace
}  // namespace shoal
