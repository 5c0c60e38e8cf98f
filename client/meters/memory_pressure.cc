#include "client/meters/memory_pressure.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

constexpr size_t kMostBytes = 8192;

// What stands between `before` and the next white space.
absl::string_view WordAfter(absl::string_view text, absl::string_view before) {
  const size_t at = text.find(before);
  if (at == absl::string_view::npos) return "";
  text = absl::StripLeadingAsciiWhitespace(text.substr(at + before.size()));
  return text.substr(0, text.find_first_of(" \n"));
}

absl::Status Strange(const std::string& path, absl::string_view expected) {
  return absl::UnavailableError(absl::StrCat(path, " has no '", expected, "'"));
}

}  // namespace

absl::StatusOr<double> MemoryPressure(const std::string& proc_root) {
  const std::string path = absl::StrCat(proc_root, "/pressure/memory");
  char buffer[kMostBytes];
  SHOAL_ASSIGN_OR_RETURN(const absl::string_view text,
                         ReadSensorBytes(path, absl::MakeSpan(buffer)));
  double percent = 0;
  if (absl::SimpleAtod(WordAfter(text, "some avg10="), &percent) &&
      percent >= 0 && percent <= 100) {
    return percent / 100;
  }
  return Strange(path, "some avg10=PERCENT");
}

absl::StatusOr<int64_t> AvailableMemoryBytes(const std::string& proc_root) {
  const std::string path = absl::StrCat(proc_root, "/meminfo");
  char buffer[kMostBytes];
  SHOAL_ASSIGN_OR_RETURN(const absl::string_view text,
                         ReadSensorBytes(path, absl::MakeSpan(buffer)));
  constexpr int64_t kKibibyte = 1024;
  int64_t kibibytes = 0;
  if (absl::SimpleAtoi(WordAfter(text, "MemAvailable:"), &kibibytes) &&
      kibibytes >= 0 && kibibytes < (int64_t{1} << 50)) {
    return kibibytes * kKibibyte;
  }
  return Strange(path, "MemAvailable: KIBIBYTES");
}

}  // namespace shoal::client
