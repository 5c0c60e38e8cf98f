// Structured logs as a dependency: libraries see the interface, programs
// choose what is behind it.
#ifndef SHOAL_BASE_LOGGING_H_
#define SHOAL_BASE_LOGGING_H_

#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace shoal {

enum class Severity { kDebug, kInfo, kWarning, kError };

// "key=value" of a log line. Never put a secret or a token into one.
struct LogField {
  LogField(absl::string_view key, const absl::AlphaNum& value)
      : key(key), value(value.Piece()) {}
  template <typename Number,
            typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  LogField(absl::string_view key, Number number)
      : key(key), value(absl::StrCat(number)), is_number(IsFinite(number)) {}

  std::string key;
  std::string value;
  bool is_number = false;  // finite: JSON writes it as a number

 private:
  template <typename Number>
  static bool IsFinite(Number number) {
    // Infinite and undefined values have no notation in JSON.
    return number - number == Number{0};
  }
};

// Thread-safe.
//   log.Info("round sealed", {{"round", id}, {"accepted", count}});
class Logger {
 public:
  using Fields = std::initializer_list<LogField>;

  virtual ~Logger() = default;
  virtual void Log(Severity severity, absl::string_view message,
                   Fields fields) = 0;

  void Debug(absl::string_view message, Fields fields = {}) {
    Log(Severity::kDebug, message, fields);
  }
  void Info(absl::string_view message, Fields fields = {}) {
    Log(Severity::kInfo, message, fields);
  }
  void Warning(absl::string_view message, Fields fields = {}) {
    Log(Severity::kWarning, message, fields);
  }
  void Error(absl::string_view message, Fields fields = {}) {
    Log(Severity::kError, message, fields);
  }
};

// Drops everything.
class NullLogger final : public Logger {
 public:
  void Log(Severity, absl::string_view, Fields) override {}
};

// One line per event on standard error:
//   2026-11-21T02:10:00.123Z INFO round sealed round=7 accepted=16
// or, with `json`, one JSON object per line, numbers as numbers.
class StderrLogger final : public Logger {
 public:
  explicit StderrLogger(Severity minimum, bool json = false)
      : minimum_(minimum), json_(json) {}
  void Log(Severity severity, absl::string_view message,
           Fields fields) override;

 private:
  const Severity minimum_;
  const bool json_;
};

}  // namespace shoal

#endif  // SHOAL_BASE_LOGGING_H_
