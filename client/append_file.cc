#include "client/append_file.h"

#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace shoal::client {

absl::Status AppendToFile(int fd, absl::string_view bytes,
                          const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, path, "write");
    }
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

}  // namespace shoal::client
