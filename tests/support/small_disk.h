// A disk that is soon full.
#ifndef SHOAL_TESTS_SUPPORT_SMALL_DISK_H_
#define SHOAL_TESTS_SUPPORT_SMALL_DISK_H_

#include <sys/mount.h>

#include <string>

#include "base/file.h"
#include "gtest/gtest.h"

namespace shoal::testing {

// A file system of 8 MiB, when the test may mount one.
class SmallDisk {
 public:
  SmallDisk()
      : mounted_(mount("shoal", folder_.path().c_str(), "tmpfs", 0,
                       "size=8m") == 0) {}
  ~SmallDisk() {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  const bool mounted_;
};

#define SHOAL_SKIP_UNLESS_MOUNTED(disk)                             \
  if (!(disk).mounted()) {                                          \
    GTEST_SKIP() << "needs the right to mount a small file system"; \
  }

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_SMALL_DISK_H_
