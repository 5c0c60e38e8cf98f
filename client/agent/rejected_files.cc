#include "client/agent/rejected_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

// Names have 255 bytes at most, with a number and ".reason" at the end.
constexpr size_t kLongestStem = 200;

bool Exists(const std::string& path) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0;
}

absl::Status MakeRejected(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return MakeFolders(path, 0700);
  if (S_ISDIR(status.st_mode)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, ": is no folder, expected one for files that are rejected"));
}

std::string ReasonOf(const std::string& path) { return path + ".reason"; }

// A name that neither a file nor a reason in `rejected` has.
absl::StatusOr<std::string> FreeName(const std::string& rejected,
                                     const std::string& name) {
  const std::string stem = name.substr(0, kLongestStem);
  std::string free = stem;
  for (int number = 1; number <= kMostRejectedOfAName;) {
    const std::string path = absl::StrCat(rejected, "/", free);
    if (!Exists(path) && !Exists(ReasonOf(path))) return free;
    free = absl::StrCat(stem, ".", ++number);
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(rejected, ": holds ", kMostRejectedOfAName,
                   " files of that name, expected fewer: remove some"));
}

}  // namespace

absl::StatusOr<std::string> MoveToRejected(const std::string& folder,
                                           const std::string& name,
                                           absl::string_view reason) {
  const std::string rejected = folder + "/rejected";
  SHOAL_RETURN_IF_ERROR(MakeRejected(rejected));
  SHOAL_ASSIGN_OR_RETURN(const std::string free, FreeName(rejected, name));
  const std::string from = absl::StrCat(folder, "/", name);
  const std::string to = absl::StrCat(rejected, "/", free);
  SHOAL_RETURN_IF_ERROR(
      ReplaceFile(ReasonOf(to), absl::StrCat(reason, "\n"), 0600));
  if (std::rename(from.c_str(), to.c_str()) == 0) return free;
  const absl::Status status = ErrnoStatus(errno, from, "move to rejected");
  unlink(ReasonOf(to).c_str());
  return status;
}

}  // namespace shoal::client
