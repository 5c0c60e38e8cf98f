// What the running session has spent so far: by the meter where there is one,
// by calculation where there is none, between two readings and while it fails.
#ifndef SHOAL_CLIENT_LIMITS_SPENDING_H_
#define SHOAL_CLIENT_LIMITS_SPENDING_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "client/limits/budget.h"
#include "client/limits/energy_estimator.h"
#include "client/limits/energy_model.h"
#include "client/limits/work_pace.h"
#include "client/meters/energy_meter.h"

namespace shoal::client {

// One session; one thread.
class Spending {
 public:
  // `meter` may be null. All must outlive this object.
  Spending(const Clock& clock, EnergyMeter* meter, EnergyEstimator& estimator,
           WorkPace& pace);

  // All that the session has done until now, `seconds` aside; `metered`:
  // whether its network costs money now. Reads the meter unless it did so a
  // moment ago. Allocates only when the meter fails.
  void Update(const Work& done, bool metered);
  // Ends a stretch of one kind (exchange, training, pause): reads the meter in
  // any case; when it `teaches`, estimator and pace learn from the stretch.
  void EndStretch(const Work& done, bool metered, bool teaches);

  const Amounts& spent() const { return spent_; }
  // What the meter said last when it failed in this session; else empty.
  const std::string& meter_fault() const { return meter_fault_; }

 private:
  void Advance(const Work& done, bool metered, bool read_meter);
  // The joules between the last reading and this one, `calculated` unless the
  // meter tells both.
  double ReadMeter(double calculated);

  const Clock& clock_;
  EnergyMeter* const meter_;
  EnergyEstimator& estimator_;
  WorkPace& pace_;
  const absl::Duration start_;

  Amounts spent_;
  Work last_;  // as of the last update
  bool last_metered_ = false;
  // As of the last reading of the meter, or what stands for one.
  Work work_at_reading_;
  absl::Duration time_of_reading_;
  std::optional<double> reading_;  // of the meter; nothing after a failure
  double measured_joules_ = 0;     // calculated where the meter failed
  double calculated_joules_ = 0;
  // Of the stretch at work.
  Work stretch_start_;
  double joules_at_stretch_start_ = 0;
  bool stretch_is_measured_ = false;
  std::string meter_fault_;
};

// Bytes on the network for a payload: framing and encryption of what is sent,
// handshakes of connections. What limits are compared with.
double WireBytes(const Work& work);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_SPENDING_H_
