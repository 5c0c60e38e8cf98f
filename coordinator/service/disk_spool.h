// The spool of shoald: uploads in memory up to a bound, in files beyond.
#ifndef SHOAL_COORDINATOR_SERVICE_DISK_SPOOL_H_
#define SHOAL_COORDINATOR_SERVICE_DISK_SPOOL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/engine/upload_spool.h"

namespace shoal::coordinator {

struct DiskSpoolOptions {
  std::string folder;                         // made when it is absent
  int64_t memory_bytes = int64_t{256} << 20;  // of all uploads in memory
  int64_t disk_bytes = int64_t{4} << 30;      // of all uploads in files
  // An upload that takes a larger share of the memory goes to disk at once.
  int64_t max_memory_share = 4;  // 1/4
};

// An upload in memory is an anonymous mapping: it costs what has arrived, and
// goes back to the system at once. A file is unlinked as soon as it is open,
// so that it cannot outlive the process. Removes what a crash in between has
// left in the folder. Thread-safe.
absl::StatusOr<std::unique_ptr<UploadSpool>> MakeDiskSpool(
    const DiskSpoolOptions& options);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_DISK_SPOOL_H_
