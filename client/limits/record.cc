#include "client/limits/record.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace shoal::client {
namespace {

constexpr uint64_t kMostBytes = 1 << 20;

// Both ways to save write PATH.XXXXXX and rename it.
void RemoveLeftovers(const std::filesystem::path& path) {
  const std::string prefix = absl::StrCat(path.filename().string(), ".");
  std::error_code ignored;  // they only take space
  for (std::filesystem::directory_iterator it(path.parent_path(), ignored), end;
       !ignored && it != end; it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    if (absl::StartsWith(name, prefix)) {
      std::filesystem::remove(it->path(), ignored);
    }
  }
}

}  // namespace

absl::StatusOr<std::string> FileRecord::Load() {
  RemoveLeftovers(path_);
  return ReadFile(path_, kMostBytes);
}

absl::Status FileRecord::Save(absl::string_view bytes) {
  return sync_ == kSynced ? WriteFileAtomically(path_, bytes, 0600)
                          : ReplaceFile(path_, bytes, 0600);
}

absl::StatusOr<std::string> MemoryRecord::Load() {
  if (!bytes_.has_value()) return absl::NotFoundError("nothing is saved");
  return *bytes_;
}

absl::Status MemoryRecord::Save(absl::string_view bytes) {
  bytes_ = std::string(bytes);
  return absl::OkStatus();
}

}  // namespace shoal::client
