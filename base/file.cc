#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal {
namespace {

// Closes a descriptor at the end of a scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, absl::string_view data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t written = write(fd, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, path, "write");
    }
    data.remove_prefix(written);
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& folder) {
  Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, folder, "open");
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, folder, "fsync");
  return absl::OkStatus();
}

// Writes a neighbour file and renames it over `path`.
absl::Status WriteAndRename(const std::string& path, absl::string_view contents,
                            uint32_t mode, bool sync) {
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  Descriptor fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, path, "create");
  absl::Status status = WriteAll(fd.get(), contents, path);
  if (status.ok() && fchmod(fd.get(), mode) != 0) {
    status = ErrnoStatus(errno, path, "chmod");
  }
  if (status.ok() && sync && fsync(fd.get()) != 0) {
    status = ErrnoStatus(errno, path, "fsync");
  }
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, path, "rename");
  }
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

}  // namespace

absl::Status ErrnoStatus(int error, absl::string_view path,
                         absl::string_view what) {
  const std::string message =
      absl::StrCat(path, ": ", what, ": ", std::strerror(error));
  if (error == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::Status(absl::ErrnoToStatusCode(error), message);
}

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     uint64_t max_bytes) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, path, "open");
  std::string contents;
  char buffer[1 << 16];
  while (true) {
    const ssize_t size = read(fd.get(), buffer, sizeof buffer);
    if (size < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, path, "read");
    }
    if (size == 0) return contents;
    if (contents.size() + size > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": larger than ", max_bytes, " bytes"));
    }
    contents.append(buffer, size);
  }
}

absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view contents, uint32_t mode) {
  SHOAL_RETURN_IF_ERROR(WriteAndRename(path, contents, mode, /*sync=*/true));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return SyncFolder(folder.empty() ? "." : folder);
}

absl::Status ReplaceFile(const std::string& path, absl::string_view contents,
                         uint32_t mode) {
  return WriteAndRename(path, contents, mode, /*sync=*/false);
}

absl::Status MakeFolders(const std::string& path, uint32_t mode) {
  std::error_code error;
  if (!std::filesystem::create_directories(path, error) && !error) {
    return absl::OkStatus();  // it was there
  }
  if (error) return ErrnoStatus(error.value(), path, "mkdir");
  if (chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, path, "chmod");
  return absl::OkStatus();
}

TemporaryFolder::TemporaryFolder(absl::string_view prefix) {
  const char* parent = std::getenv("TMPDIR");
  path_ =
      absl::StrCat(parent && *parent ? parent : "/tmp", "/", prefix, ".XXXXXX");
  SHOAL_CHECK(mkdtemp(path_.data()) != nullptr);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace shoal
