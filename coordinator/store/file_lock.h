// A lock between processes, by a file beside what it protects.
#ifndef SHOAL_COORDINATOR_STORE_FILE_LOCK_H_
#define SHOAL_COORDINATOR_STORE_FILE_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace shoal::coordinator {

// Held until it dies, or its process does. The file `path`.lock stays.
// Thread-compatible.
class FileLock {
 public:
  // FAILED_PRECONDITION, with the holder's process id, when `path` is locked
  // already, by this process or another.
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(
      const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_FILE_LOCK_H_
