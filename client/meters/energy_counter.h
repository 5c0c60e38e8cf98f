// From what sensors show to joules: counters that wrap around, and power that
// is added up over time. What cannot be true is told and left out.
#ifndef SHOAL_CLIENT_METERS_ENERGY_COUNTER_H_
#define SHOAL_CLIENT_METERS_ENERGY_COUNTER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace shoal::client {

// A file that counts microjoules. A value type.
class MicrojouleCounter {
 public:
  // `range`: the value after which the counter starts at 0 again; absent: it
  // does not, and a smaller value than before is a restart.
  MicrojouleCounter(std::string path, std::optional<int64_t> range);

  // Joules since the last reading, 0 for the first; `now` is monotonic.
  // UNAVAILABLE when the file cannot be read, or when the energy would have
  // needed more than kMostWatts; counting goes on from what it holds now.
  absl::StatusOr<double> Advance(absl::Duration now);

  const std::string& path() const { return path_; }

 private:
  struct Reading {
    int64_t microjoules;
    absl::Duration at;
  };
  std::string path_;
  std::optional<int64_t> range_;
  std::optional<Reading> last_;
};

// Power that is read now and then, as energy: trapezoids between readings. A
// value type.
class PowerIntegral {
 public:
  // Joules since the last reading, 0 for the first and after Interrupt().
  double Advance(double watts, absl::Duration now);
  // The power is not known: what was spent meanwhile is not either.
  void Interrupt() { last_.reset(); }

 private:
  struct Reading {
    double watts;
    absl::Duration at;
  };
  std::optional<Reading> last_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_ENERGY_COUNTER_H_
