#include "coordinator/store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"

namespace shoal::coordinator {
namespace {

std::string HolderOf(int fd) {
  char buffer[32];
  const ssize_t size = pread(fd, buffer, sizeof buffer, 0);
  if (size <= 0) return "another process";
  return absl::StrCat("process ",
                      absl::StripSuffix(absl::string_view(buffer, size), "\n"));
}

// A courtesy to whoever is refused; a full disk may keep it from being written,
// and then the refusal names no process.
void NoteHolder(int fd) {
  const std::string holder = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0) return;
  [[maybe_unused]] const ssize_t written =
      pwrite(fd, holder.data(), holder.size(), 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(
    const std::string& path) {
  const std::string lock_path = absl::StrCat(path, ".lock");
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, lock_path, "open");
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, lock_path, "lock");
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": ", HolderOf(fd),
        " has this store open, and only one at a time may have it"));
  }
  NoteHolder(fd);
  return lock;
}

FileLock::~FileLock() { close(fd_); }

}  // namespace shoal::coordinator
