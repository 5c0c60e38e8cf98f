// Kills a process at every system call of adding examples, on its way in and on
// its way out: between two of them nothing in the folder changes.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "client/example_store.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/system_call_kill.h"

namespace shoal::client {
namespace {

// Of a full store in segments of two, so that segments are begun and removed.
constexpr int kMost = 20;
constexpr int kAdded = 3;

ExampleStoreOptions Options() {
  ExampleStoreOptions options;
  options.num_features = 1;
  options.num_classes = kMost + kAdded;
  options.max_examples = kMost;
  return options;
}

// Adds examples with the labels `first` and following; writes a byte to `told`
// for each that is in.
void Work(const std::string& folder, int32_t first, int count, int told) {
  const VirtualClock clock;
  const auto store = ExampleStore::Open(Options(), folder, clock);
  SHOAL_CHECK(store.ok());
  for (int32_t label = first; label < first + count; ++label) {
    const float feature = label;
    Example example;
    example.features = {&feature, 1};
    example.labels = {&label, 1};
    SHOAL_CHECK((*store)->Add({&example, 1}).ok());
    SHOAL_CHECK(write(told, "x", 1) == 1);
  }
}

TEST(ExampleStoreKillTest, WhatWasAddedIsThereAndTheOldestAloneHasGone) {
  if (!testing::CanTrace())
    GTEST_SKIP() << "needs ptrace, which is not allowed here";
  const TemporaryFolder full;
  int told[2];
  SHOAL_CHECK(pipe(told) == 0);
  Work(full.path(), 0, kMost, told[1]);
  char bytes[kMost];
  SHOAL_CHECK(read(told[0], bytes, kMost) == kMost);

  int stop = 1;
  for (bool killed = true; killed; ++stop) {
    ASSERT_LT(stop, 5000);
    const TemporaryFolder folder;
    std::filesystem::copy(full.path(), folder.path());
    killed = testing::KillAtSystemCall(
        stop, [&] { Work(folder.path(), kMost, kAdded, told[1]); });
    SHOAL_CHECK(write(told[1], "x", 1) == 1);  // not to wait for the others
    const int64_t added = read(told[0], bytes, kMost) - 1;

    const VirtualClock clock;
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto store, ExampleStore::Open(Options(), folder.path(), clock));
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, store->Snapshot());
    ASSERT_EQ(data->num_examples(), kMost) << "killed at stop " << stop;
    const int64_t newest = data->label(kMost - 1);
    // The one that was being added may be there, too.
    EXPECT_GE(newest, kMost - 1 + added) << "killed at stop " << stop;
    EXPECT_LE(newest, kMost + added) << "killed at stop " << stop;
    for (int64_t i = 0; i < kMost; ++i) {
      ASSERT_EQ(data->label(i), newest - kMost + 1 + i) << stop;
    }
    EXPECT_EQ(store->num_damaged(), 0) << stop;
  }
  close(told[0]);
  close(told[1]);
  EXPECT_GT(stop, 100);  // it was killed at many places
}

}  // namespace
}  // namespace shoal::client
