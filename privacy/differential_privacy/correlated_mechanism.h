// Correlated noise together with what all its rounds cost: one event, charged
// before the first of them.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CORRELATED_MECHANISM_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CORRELATED_MECHANISM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "privacy/differential_privacy/correlated_noise.h"
#include "privacy/differential_privacy/integer_grid.h"
#include "privacy/differential_privacy/mechanism.h"
#include "privacy/matrix_mechanisms/participation.h"

namespace shoal::privacy {

struct CorrelatedOptions {
  NoiseMatrix matrix;
  // Enforced by the registry of devices.
  Participation participation;
  // Of columns of norm 1 for banded and buffered matrices, of nodes for trees.
  double noise_multiplier = 0;
  Accountant accountant = Accountant::kPld;
};

// What all rounds cost, on any grid: the noise is so much larger than
// noise_multiplier says that rounding costs nothing. INVALID_ARGUMENT, with the
// value, for options that are out of range.
absl::StatusOr<PrivacyEvent> EventOf(const CorrelatedOptions& options);
// Whether there is such noise on that grid: INVALID_ARGUMENT as Create().
absl::Status CheckNoise(const CorrelatedOptions& options,
                        const IntegerGrid& grid);

// Thread-compatible.
template <Neighbours kNeighbours>
class CorrelatedMechanism {
 public:
  // A mechanism whose event is yet to be charged: nothing can be drawn from it.
  using Uncharged = Noised<kNeighbours, CorrelatedMechanism>;

  // INVALID_ARGUMENT, with the value, for options that are out of range or a
  // grid that is too fine for them; the accountant's error for an event it
  // cannot account for.
  static absl::StatusOr<Uncharged> Create(const CorrelatedOptions& options,
                                          const IntegerGrid& grid,
                                          SecureRng& rng);
  // Goes on from State(); its event has been charged. Errors of
  // CorrelatedNoise::Restore() too.
  static absl::StatusOr<CorrelatedMechanism> Restore(
      const CorrelatedOptions& options, const IntegerGrid& grid,
      absl::string_view state);
  // A secret; stored with every round's result, before that leaves.
  Secret State() const { return noise_->Serialize(); }

  const PrivacyEvent& event() const { return event_; }
  int64_t rounds_drawn() const { return noise_->rounds_drawn(); }

  // Adds the next round's noise to a sum of vectors on the grid.
  // RESOURCE_EXHAUSTED after the last round. REQUIRES: grid.length values.
  absl::Status Release(absl::Span<int64_t> sum);

 private:
  CorrelatedMechanism(std::unique_ptr<CorrelatedNoise> noise,
                      PrivacyEvent event);

  std::unique_ptr<CorrelatedNoise> noise_;
  PrivacyEvent event_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CORRELATED_MECHANISM_H_
