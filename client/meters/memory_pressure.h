// How short of memory the machine is: /proc/pressure/memory and /proc/meminfo.
#ifndef SHOAL_CLIENT_METERS_MEMORY_PRESSURE_H_
#define SHOAL_CLIENT_METERS_MEMORY_PRESSURE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace shoal::client {

// The fraction of the last ten seconds in which some process waited for
// memory, [0, 1]. NOT_FOUND where the kernel does not tell (before 4.20, or
// built without it), UNAVAILABLE when the file is not what was expected.
absl::StatusOr<double> MemoryPressure(const std::string& proc_root);

// Bytes that could be used without swapping. NOT_FOUND, UNAVAILABLE.
absl::StatusOr<int64_t> AvailableMemoryBytes(const std::string& proc_root);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_MEMORY_PRESSURE_H_
