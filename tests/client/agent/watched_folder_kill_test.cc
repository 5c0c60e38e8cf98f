// Kills a process at every system call of taking a file, and lets another go
// on.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "client/agent/watched_folder.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/system_call_kill.h"

namespace shoal::client {
namespace {

// Wide enough for the file to be read in two pieces, the first of three rows.
constexpr int kFeatures = 8200;
constexpr int kRows = 4;

std::unique_ptr<ExampleStore> OpenStore(const std::string& folder,
                                        const Clock& clock) {
  ExampleStoreOptions options;
  options.num_features = kFeatures;
  options.num_classes = kRows;
  auto store = ExampleStore::Open(options, folder + "/store", clock);
  SHOAL_CHECK(store.ok());
  return *std::move(store);
}

// Takes all files of the inbox.
void Work(const std::string& folder) {
  const VirtualClock clock;
  NullLogger log;
  const auto store = OpenStore(folder, clock);
  const auto watched =
      WatchedFolder::Open(folder + "/inbox", *store, clock, log);
  SHOAL_CHECK(watched.ok());
  while ((*watched)->Due() == absl::ZeroDuration()) (*watched)->Work();
}

std::string Csv() {
  std::string csv = "label";
  for (int i = 0; i < kFeatures; ++i) csv += ",x";
  for (int label = 0; label < kRows; ++label) {
    absl::StrAppend(&csv, "\n", label);
    for (int i = 0; i < kFeatures; ++i) csv += ",1";
  }
  return csv + "\n";
}

TEST(WatchedFolderKillTest, EveryRowOfTheFileIsTakenOnce) {
  if (!testing::CanTrace()) {
    GTEST_SKIP() << "needs ptrace, which is not allowed here";
  }
  const std::string csv = Csv();
  // The way out of a call leaves what the way into the next one finds: every
  // other stop will do.
  int stop = 1;
  for (bool killed = true; killed; stop += 2) {
    ASSERT_LT(stop, 5000);
    const TemporaryFolder folder;
    SHOAL_ASSERT_OK(MakeFolders(folder.path() + "/inbox"));
    SHOAL_ASSERT_OK(ReplaceFile(folder.path() + "/inbox/a.csv", csv));
    killed = testing::KillAtSystemCall(stop, [&] { Work(folder.path()); });
    Work(folder.path());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path() + "/inbox")) << stop;
    const VirtualClock clock;
    const auto store = OpenStore(folder.path(), clock);
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto data, store->Snapshot());
    ASSERT_EQ(data->num_examples(), kRows) << "killed at stop " << stop;
    for (int i = 0; i < kRows; ++i) ASSERT_EQ(data->label(i), i) << stop;
  }
  EXPECT_GT(stop, 100);  // it was killed at many places
}

}  // namespace
}  // namespace shoal::client
