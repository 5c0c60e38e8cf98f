// What a device has learned of itself, kept from process to process: what work
// costs and how long it takes.
#ifndef SHOAL_CLIENT_LIMITS_LEARNED_COSTS_H_
#define SHOAL_CLIENT_LIMITS_LEARNED_COSTS_H_

#include "absl/status/status.h"
#include "client/limits/energy_estimator.h"
#include "client/limits/record.h"
#include "client/limits/work_pace.h"

namespace shoal::client {

struct LearnedCosts {
  EnergyEstimator energy;
  WorkPace pace;

  // What `record` holds; from `start` when it holds nothing, is damaged, or
  // began with other coefficients.
  static LearnedCosts Load(const EnergyCoefficients& start, Record& record);
  absl::Status Save(Record& record) const;

  // What the work will cost at most, nine times in ten, with its time
  // calculated.
  double JoulesP90(const Work& work) const {
    return energy.PredictP90(pace.Timed(work));
  }
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_LEARNED_COSTS_H_
