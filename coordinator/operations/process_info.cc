#include "coordinator/operations/process_info.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/file.h"

namespace shoal::coordinator {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

absl::StatusOr<int64_t> ResidentBytes() {
  static constexpr char kPath[] = "/proc/self/statm";
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(kPath, "r"));
  if (file == nullptr) return ErrnoStatus(errno, kPath, "open");
  long long total_pages = 0;
  long long resident_pages = 0;
  if (std::fscanf(file.get(), "%lld %lld", &total_pages, &resident_pages) !=
      2) {
    return absl::InternalError("/proc/self/statm: expected two numbers");
  }
  return resident_pages * sysconf(_SC_PAGESIZE);
}

absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path) {
  struct statvfs info = {};
  if (statvfs(path.c_str(), &info) != 0) {
    return ErrnoStatus(errno, path, "statvfs");
  }
  return static_cast<int64_t>(info.f_bavail) *
         static_cast<int64_t>(info.f_frsize);
}

}  // namespace shoal::coordinator
