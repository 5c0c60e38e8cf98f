#include "client/meters/sensor_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace shoal::client {
namespace {

// Sensors hold a number or a name.
constexpr size_t kMostBytes = 128;

absl::Status Unreadable(const std::string& path, int error) {
  const std::string message = absl::StrCat(path, ": ", std::strerror(error));
  return error == ENOENT || error == ENOTDIR ? absl::NotFoundError(message)
                                             : absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<absl::string_view> ReadSensorBytes(const std::string& path,
                                                  absl::Span<char> buffer) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Unreadable(path, errno);
  ssize_t size = 0;
  do {
    size = read(fd, buffer.data(), buffer.size());
  } while (size < 0 && errno == EINTR);
  const int error = errno;
  close(fd);
  if (size < 0) return Unreadable(path, error);
  return absl::string_view(buffer.data(), static_cast<size_t>(size));
}

absl::StatusOr<int64_t> ReadSensor(const std::string& path) {
  char buffer[kMostBytes];
  const absl::StatusOr<absl::string_view> text =
      ReadSensorBytes(path, absl::MakeSpan(buffer));
  if (!text.ok()) return text.status();
  int64_t value = 0;
  if (absl::SimpleAtoi(*text, &value)) return value;
  return absl::UnavailableError(absl::StrCat(path, " holds '",
                                             absl::StripAsciiWhitespace(*text),
                                             "', expected a number"));
}

absl::StatusOr<int64_t> ReadSensorNotNegative(const std::string& path) {
  const absl::StatusOr<int64_t> value = ReadSensor(path);
  if (!value.ok() || *value >= 0) return value;
  return Absurd(path, *value, "at least 0");
}

std::string ReadSensorText(const std::string& path) {
  char buffer[kMostBytes];
  const absl::StatusOr<absl::string_view> text =
      ReadSensorBytes(path, absl::MakeSpan(buffer));
  if (!text.ok()) return "";
  return std::string(
      absl::StripAsciiWhitespace(text->substr(0, text->find('\n'))));
}

std::vector<std::string> ListSensors(const std::string& folder,
                                     absl::string_view prefix) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (absl::StartsWith(it->path().filename().string(), prefix)) {
      paths.push_back(it->path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::Status Absurd(const std::string& path, int64_t value,
                    absl::string_view expected) {
  return absl::UnavailableError(
      absl::StrCat(path, " holds ", value, ", expected ", expected));
}

}  // namespace shoal::client
