#include "coordinator/operations/process_info.h"

#include <vector>

#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;

TEST(ProcessInfoTest, ResidentMemoryGrowsWithWhatIsTouched) {
  constexpr int64_t kBlock = int64_t{64} << 20;
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t before, ResidentBytes());
  std::vector<char> block(kBlock, 1);
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t after, ResidentBytes());
  EXPECT_GE(after - before, kBlock * 9 / 10);
  EXPECT_EQ(block.back(), 1);
}

TEST(ProcessInfoTest, FreeDiskIsPositiveInAFreshFolder) {
  const TemporaryFolder folder;
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t free, FreeDiskBytes(folder.path()));
  EXPECT_GT(free, 0);
}

TEST(ProcessInfoTest, MissingFolderIsAnError) {
  EXPECT_THAT(FreeDiskBytes("/no/such/folder"),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace shoal::coordinator
