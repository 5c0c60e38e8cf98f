#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace shoal {

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path, "open");
  struct stat status;
  void* data = nullptr;
  int error = 0;
  if (fstat(fd, &status) != 0) {
    error = errno;
  } else if (status.st_size > 0) {  // an empty file cannot be mapped
    data = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) error = errno;
  }
  close(fd);
  if (error != 0) return ErrnoStatus(error, path, "map");
  return std::shared_ptr<const MappedFile>(
      new MappedFile(data, static_cast<size_t>(status.st_size)));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace shoal
