// How fast this device computes and transfers, as far as it has seen.
#ifndef SHOAL_CLIENT_LIMITS_WORK_PACE_H_
#define SHOAL_CLIENT_LIMITS_WORK_PACE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/limits/energy_model.h"

namespace shoal::client {

// A value type.
class WorkPace {
 public:
  // Learns from work whose `seconds` were measured; work that both computes
  // and transfers, or does neither, teaches nothing.
  void Observe(const Work& work);

  // How long the work will take, whatever its `seconds` say.
  absl::Duration Predict(const Work& work) const;
  // The same work with `seconds` as predicted.
  Work Timed(Work work) const;

  // Versioned bytes.
  std::string Serialize() const;
  // DATA_LOSS when the bytes are not those of Serialize(); nothing changes
  // then.
  absl::Status Restore(absl::string_view bytes);

 private:
  // Sums over observations, old ones forgotten; they begin with a slow board
  // on slow Wi-Fi.
  struct Seen {
    double amount;
    double seconds;
  };
  Seen flops_ = {1e9, 1};
  Seen bytes_ = {1e6, 1};
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_WORK_PACE_H_
