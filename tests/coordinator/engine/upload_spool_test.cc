#include "coordinator/engine/upload_spool.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;

TEST(MemorySpoolTest, BytesComeBackInOrderAndAligned) {
  const auto spool = MakeMemorySpool(100);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(10));
  SHOAL_ASSERT_OK(upload->Append("abc"));
  SHOAL_ASSERT_OK(upload->Append("defg"));
  EXPECT_EQ(upload->size(), 7);
  EXPECT_THAT(upload->View(), IsOkAndHolds("abcdefg"));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(upload->View()->data()) % 8, 0u);
}

TEST(MemorySpoolTest, SpaceIsBoundedAndGivenBack) {
  const auto spool = MakeMemorySpool(100);
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, spool->Create(60));
    EXPECT_THAT(spool->Create(41),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(spool->Create(40), IsOk());
  }
  EXPECT_THAT(spool->Create(100), IsOk());
}

TEST(MemorySpoolTest, AppendBeyondTheReservationAddsNothing) {
  const auto spool = MakeMemorySpool(100);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(4));
  SHOAL_ASSERT_OK(upload->Append("abc"));
  EXPECT_THAT(upload->Append("de"),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(upload->size(), 3);
}

TEST(MemorySpoolTest, NegativeSizesAreRefused) {
  const auto spool = MakeMemorySpool(100);
  EXPECT_THAT(spool->Create(-1), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(MemorySpoolTest, UploadMayOutliveTheSpool) {
  auto spool = MakeMemorySpool(100);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto upload, spool->Create(4));
  spool.reset();
  SHOAL_EXPECT_OK(upload->Append("abcd"));
}

}  // namespace
}  // namespace shoal::coordinator
