// Files, with errors that name the path, and writes that are all or nothing.
#ifndef SHOAL_BASE_FILE_H_
#define SHOAL_BASE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal {

// NOT_FOUND, PERMISSION_DENIED, … with the path; RESOURCE_EXHAUSTED when the
// file is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     uint64_t max_bytes = uint64_t{1} << 32);

// Writes a neighbour file, syncs it, renames it over `path`, syncs the folder:
// after a crash `path` holds the old contents or the new. `mode` as for chmod.
// RESOURCE_EXHAUSTED when the disk is full.
absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view contents,
                                 uint32_t mode = 0644);

// The same without syncing, which takes most of the time: after a crash of
// the process the contents are the old or the new ones, after a power cut the
// file may be empty. For what can be made again.
absl::Status ReplaceFile(const std::string& path, absl::string_view contents,
                         uint32_t mode = 0644);

// Makes the folder and its parents; OK when it exists already.
absl::Status MakeFolders(const std::string& path, uint32_t mode = 0755);

// An absl::Status for a failed system call: "PATH: WHAT: strerror(error)".
absl::Status ErrnoStatus(int error, absl::string_view path,
                         absl::string_view what);

// A new folder below $TMPDIR (or /tmp), removed with all its contents when
// this object dies.
class TemporaryFolder {
 public:
  // CHECK-fails when no folder can be made.
  explicit TemporaryFolder(absl::string_view prefix = "shoal");
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace shoal

#endif  // SHOAL_BASE_FILE_H_
