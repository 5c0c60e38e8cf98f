#include "client/transport/lean/capped_memory.h"

#include <cstring>
#include <limits>

#include "gtest/gtest.h"

namespace shoal::client::lean {
namespace {

TEST(CappedMemoryTest, BlocksAreCounted) {
  CappedMemory memory(100);
  void* const a = memory.Allocate(60);
  void* const b = memory.Allocate(40);
  EXPECT_NE(a, nullptr);
  EXPECT_NE(b, nullptr);
  EXPECT_EQ(memory.bytes(), 100);
  memory.Free(a);
  EXPECT_EQ(memory.bytes(), 40);
  EXPECT_EQ(memory.peak_bytes(), 100);
  memory.Free(b);
  memory.Free(nullptr);
  EXPECT_EQ(memory.bytes(), 0);
}

TEST(CappedMemoryTest, WhatDoesNotFitIsRefused) {
  CappedMemory memory(100);
  EXPECT_EQ(memory.Allocate(101), nullptr);
  void* const block = memory.Allocate(60);
  EXPECT_EQ(memory.Allocate(41), nullptr);
  EXPECT_EQ(memory.Resize(block, 101), nullptr);
  EXPECT_EQ(memory.bytes(), 60);
  memory.Free(block);
}

TEST(CappedMemoryTest, LowerLimitLetsNothingMoreIn) {
  CappedMemory memory(100);
  void* block = memory.Allocate(60);
  memory.set_limit(50);
  EXPECT_EQ(memory.Allocate(1), nullptr);
  EXPECT_EQ(memory.Resize(block, 61), nullptr);
  block = memory.Resize(block, 40);
  EXPECT_EQ(memory.bytes(), 40);
  void* const other = memory.Allocate(10);
  EXPECT_NE(other, nullptr);
  memory.Free(block);
  memory.Free(other);
}

TEST(CappedMemoryTest, ZeroedBlocksAreZeroAndDoNotOverflow) {
  CappedMemory memory(100);
  char* const block = static_cast<char*>(memory.AllocateZeroed(5, 20));
  ASSERT_NE(block, nullptr);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(block[i], 0);
  memory.Free(block);
  const size_t half = std::numeric_limits<size_t>::max() / 2;
  EXPECT_EQ(memory.AllocateZeroed(half, 4), nullptr);
  EXPECT_EQ(memory.AllocateZeroed(4, half), nullptr);
}

TEST(CappedMemoryTest, ResizedBlocksKeepTheirContents) {
  CappedMemory memory(100);
  char* block = static_cast<char*>(memory.Resize(nullptr, 10));
  std::memcpy(block, "0123456789", 10);
  block = static_cast<char*>(memory.Resize(block, 100));
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(std::memcmp(block, "0123456789", 10), 0);
  EXPECT_EQ(memory.bytes(), 100);
  block = static_cast<char*>(memory.Resize(block, 5));
  EXPECT_EQ(memory.bytes(), 5);
  memory.Free(block);
}

}  // namespace
}  // namespace shoal::client::lean
