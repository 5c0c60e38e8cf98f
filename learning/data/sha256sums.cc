#include "learning/data/sha256sums.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

constexpr uint64_t kMaxSumsBytes = uint64_t{1} << 20;

absl::StatusOr<std::map<std::string, Digest>> ReadSums(
    const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxSumsBytes));
  std::map<std::string, Digest> sums;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripSuffix(line, "\r");
    if (line.empty()) continue;
    // 64 digits, a space, ' ' (text) or '*' (binary), the name.
    const bool marked = line.size() > 66 && line[64] == ' ' &&
                        (line[65] == ' ' || line[65] == '*');
    const auto digest = Digest::FromHex(line.substr(0, 64));
    if (!marked || !digest.ok()) {
      return absl::DataLossError(
          absl::StrCat(path, ":", number,
                       ": expected a SHA-256 digest and the name of a file"));
    }
    sums[std::string(absl::StripPrefix(line.substr(66), "./"))] = *digest;
  }
  return sums;
}

absl::StatusOr<Digest> DigestOfFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return ErrnoStatus(errno, path, "open");
  Sha256Stream stream;
  std::vector<char> buffer(1 << 16);
  while (file) {
    file.read(buffer.data(), buffer.size());
    stream.Update({buffer.data(), static_cast<size_t>(file.gcount())});
  }
  if (file.bad()) return ErrnoStatus(errno, path, "read");
  return stream.Current();
}

}  // namespace

absl::Status CheckSha256Sums(const std::string& folder,
                             absl::Span<const std::string> files) {
  const std::string path = absl::StrCat(folder, "/SHA256SUMS");
  std::error_code error;
  const bool exists = std::filesystem::exists(path, error);
  if (error) return ErrnoStatus(error.value(), path, "look up");
  if (!exists) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(const auto sums, ReadSums(path));
  for (const std::string& name : files) {
    const auto found = sums.find(name);
    if (found == sums.end()) continue;
    const std::string file = absl::StrCat(folder, "/", name);
    SHOAL_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(file));
    if (digest == found->second) continue;
    return absl::DataLossError(
        absl::StrCat(file, ": its SHA-256 is ", digest.ToHex(),
                     ", but SHA256SUMS says ", found->second.ToHex()));
  }
  return absl::OkStatus();
}

absl::Status CheckSha256SumOf(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string folder =
      file.has_parent_path() ? file.parent_path().string() : ".";
  return CheckSha256Sums(folder, {file.filename().string()});
}

}  // namespace shoal::learning
