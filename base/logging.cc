#include "base/logging.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace shoal {
namespace {

absl::string_view Name(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "DEBUG";
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "UNKNOWN";
}

std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\",
                      absl::string_view(reinterpret_cast<const char*>(&c), 1));
    } else if (c < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  return out + "\"";
}

// Quotes a value that would not read back as one word.
std::string TextValue(absl::string_view value) {
  if (value.find_first_of(" \t\n\"=") == absl::string_view::npos &&
      !value.empty()) {
    return std::string(value);
  }
  return JsonString(value);
}

}  // namespace

void StderrLogger::Log(Severity severity, absl::string_view message,
                       Fields fields) {
  if (severity < minimum_) return;
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                            absl::UTCTimeZone());
  std::string line;
  if (json_) {
    line = absl::StrCat("{\"time\":\"", time, "\",\"severity\":\"",
                        Name(severity), "\",\"message\":", JsonString(message));
    for (const LogField& field : fields) {
      absl::StrAppend(&line, ",", JsonString(field.key), ":",
                      JsonString(field.value));
    }
    line += "}";
  } else {
    line = absl::StrCat(time, " ", Name(severity), " ", message);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=", TextValue(field.value));
    }
  }
  line += "\n";
  // One write per line, so that lines of several threads do not mix; there is
  // nowhere to report a failed write of the log itself.
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace shoal
