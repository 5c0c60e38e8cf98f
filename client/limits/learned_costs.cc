#include "client/limits/learned_costs.h"

#include <string>

#include "base/bytes.h"

namespace shoal::client {

LearnedCosts LearnedCosts::Load(const EnergyCoefficients& start,
                                Record& record) {
  const LearnedCosts fresh = {EnergyEstimator(start), WorkPace()};
  const absl::StatusOr<std::string> bytes = record.Load();
  if (!bytes.ok()) return fresh;
  ByteReader reader(*bytes);
  LearnedCosts costs = fresh;
  const absl::string_view energy = reader.Sized();
  const absl::string_view pace = reader.Sized();
  // All of it can be learned again: what does not fit is forgotten.
  if (!reader.ok() || !costs.energy.Restore(energy).ok() ||
      !costs.pace.Restore(pace).ok()) {
    return fresh;
  }
  return costs;
}

absl::Status LearnedCosts::Save(Record& record) const {
  std::string bytes;
  AppendSized(bytes, energy.Serialize());
  AppendSized(bytes, pace.Serialize());
  return record.Save(bytes);
}

}  // namespace shoal::client
