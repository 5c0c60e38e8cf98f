// Checks of what SDK users pass in.
#ifndef SHOAL_CLIENT_CLIENT_OPTIONS_H_
#define SHOAL_CLIENT_CLIENT_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

// What the SDK takes of ClientOptions::memory_bytes for itself, whatever it
// trains: a message of up to 257 KiB, HTTP/2's tables and queues (256 KiB at
// most), the buffers of a TLS connection, and small things. A test counts it.
inline constexpr int64_t kSdkMemoryBytes = 640 * 1024;

// INVALID_ARGUMENT "option: what is wrong, what was expected".
absl::Status CheckOptions(const ClientOptions& options);

// INVALID_ARGUMENT unless `address` is HOST:PORT with a port from 1 to 65535.
absl::Status CheckAddress(const std::string& address);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_CLIENT_OPTIONS_H_
