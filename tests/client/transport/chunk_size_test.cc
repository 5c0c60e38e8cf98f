#include "client/transport/chunk_size.h"

#include "gtest/gtest.h"

namespace shoal::client {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(64);

TEST(ChunkSizeTest, StartsWithTheLargest) {
  EXPECT_EQ(ChunkSize().bytes(), protocol::kMaxChunkBytes);
}

TEST(ChunkSizeTest, SlowChunksAreHalvedAndFastOnesDoubled) {
  ChunkSize size;
  size.Sent(absl::Seconds(9), kWindow);
  EXPECT_EQ(size.bytes(), protocol::kMaxChunkBytes / 2);
  size.Sent(absl::Seconds(4), kWindow);
  EXPECT_EQ(size.bytes(), protocol::kMaxChunkBytes / 2);
  size.Sent(absl::Milliseconds(500), kWindow);
  EXPECT_EQ(size.bytes(), protocol::kMaxChunkBytes);
  size.Sent(absl::Milliseconds(500), kWindow);
  EXPECT_EQ(size.bytes(), protocol::kMaxChunkBytes);
}

TEST(ChunkSizeTest, FailuresShrinkItToFourKiB) {
  ChunkSize size;
  size.Failed();
  EXPECT_EQ(size.bytes(), protocol::kMaxChunkBytes / 8);
  for (int i = 0; i < 5; ++i) size.Failed();
  EXPECT_EQ(size.bytes(), 4 * 1024);
}

}  // namespace
}  // namespace shoal::client
