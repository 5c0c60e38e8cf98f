#include "base/logging.h"

#include <unistd.h>

#include <algorithm>
#include <string>

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

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7f; }

// Escapes control characters, so that no text from outside can forge a line or
// speak to a terminal; and the characters in `also`.
std::string Escaped(absl::string_view text, absl::string_view also) {
  std::string out;
  for (char c : text) {
    if (also.find(c) != absl::string_view::npos) {
      out.push_back('\\');
      out.push_back(c);
    } else if (IsControl(c)) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string JsonString(absl::string_view text) {
  return absl::StrCat("\"", Escaped(text, "\"\\"), "\"");
}

// Quotes a value that would not read back as one word.
std::string TextValue(absl::string_view value) {
  const bool one_word = std::none_of(value.begin(), value.end(), [](char c) {
    return IsControl(c) || c == ' ' || c == '"' || c == '=';
  });
  return one_word && !value.empty() ? std::string(value) : JsonString(value);
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
                      field.is_number ? field.value : JsonString(field.value));
    }
    line += "}";
  } else {
    line = absl::StrCat(time, " ", Name(severity), " ", Escaped(message, ""));
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
