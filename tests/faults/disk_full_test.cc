// Fills the disk below a running shoald, and empties it again.
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/faults/fault_fleet.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

// A small file system of its own, unmounted at the end.
class SmallDisk {
 public:
  explicit SmallDisk(int mebibytes) {
    mounted_ = mount("tmpfs", folder_.path().c_str(), "tmpfs", 0,
                     absl::StrCat("size=", mebibytes, "m").c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::string& path() const { return folder_.path(); }

  // Takes all that is left.
  void Fill() {
    std::ofstream ballast(Ballast(), std::ios::binary);
    const std::string block(4096, 'x');
    while (ballast.write(block.data(), block.size()).flush()) {
    }
  }
  void Free() { std::filesystem::remove(Ballast()); }

 private:
  std::string Ballast() const { return path() + "/ballast"; }
  TemporaryFolder folder_{"shoal-disk"};
  bool mounted_ = false;
};

TEST(DiskFullTest, RoundWaitsForSpaceAndLosesNothing) {
  SmallDisk disk(16);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  const v1::Task task = FaultTask("full", 3, 4);
  ShoaldProcess shoald(disk.path());
  SHOAL_ASSERT_OK(shoald.Start());
  SHOAL_ASSERT_OK(shoald.CreateTask(task));
  disk.Fill();

  FaultFleet fleet(shoald, task, 3);
  absl::SleepFor(absl::Seconds(2));
  ASSERT_TRUE(shoald.running()) << shoald.Log();
  EXPECT_THAT(shoald.Log(), ::testing::HasSubstr("full"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const v1::TaskReport report,
                             shoald.GetTask(task.name()));
  EXPECT_THAT(report.trouble(), ::testing::HasSubstr("full"));

  disk.Free();
  SHOAL_ASSERT_OK(shoald.AwaitCompletion(task.name(), absl::Seconds(60)));
  fleet.Stop();
  EXPECT_THAT(shoald.Stop(), IsOkAndHolds(0)) << shoald.Log();
  SHOAL_EXPECT_OK(CheckInvariants(shoald.database(), task, fleet));
}

}  // namespace
}  // namespace shoal::testing
