// What the operating system says about this process and its disk.
#ifndef SHOAL_COORDINATOR_OPERATIONS_PROCESS_INFO_H_
#define SHOAL_COORDINATOR_OPERATIONS_PROCESS_INFO_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace shoal::coordinator {

// Resident memory of this process in bytes.
absl::StatusOr<int64_t> ResidentBytes();

// Bytes that an ordinary user may still write to the file system of `path`.
absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_OPERATIONS_PROCESS_INFO_H_
