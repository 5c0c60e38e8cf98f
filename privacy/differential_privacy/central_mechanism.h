// Fresh noise at the coordinator, on every round's sum of clipped updates:
// McMahan, Ramage, Talwar, Zhang, "Learning Differentially Private Recurrent
// Language Models", ICLR 2018, with an integer grid and discrete Gaussian noise
// instead of floating-point numbers (Mironov 2012).
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CENTRAL_MECHANISM_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CENTRAL_MECHANISM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/random.h"
#include "privacy/differential_privacy/adaptive_clip.h"
#include "privacy/differential_privacy/clipping.h"
#include "privacy/differential_privacy/integer_grid.h"
#include "privacy/differential_privacy/integer_noise.h"
#include "privacy/differential_privacy/mechanism.h"

namespace shoal::privacy {

struct CentralOptions {
  // One of these three bounds an update.
  std::optional<double> clip_norm;
  std::vector<LayerClip> layers;
  std::optional<AdaptiveClipOptions> adaptive_clip;
  // Of values and, with an adaptive clip, the count together.
  double noise_multiplier = 0;
  // Every device was drawn for the round by itself with this probability, and
  // the engine enforces it. Absent: no sampling is claimed.
  std::optional<double> poisson_rate = std::nullopt;
  Accountant accountant = Accountant::kPld;
};

// Thread-compatible.
template <Neighbours kNeighbours>
class CentralMechanism {
 public:
  using Sum = Noised<kNeighbours, std::vector<int64_t>>;

  // INVALID_ARGUMENT, with the value, for options that are out of range or do
  // not fit; the accountant's error for an event it cannot account for.
  static absl::StatusOr<CentralMechanism> Create(const CentralOptions& options);
  // Goes on after the round whose State() this is. DATA_LOSS, UNIMPLEMENTED for
  // bytes that are no state that is known here.
  static absl::StatusOr<CentralMechanism> Restore(const CentralOptions& options,
                                                  absl::string_view state);
  // Versioned bytes: the clip norm of the next round.
  std::string State() const;

  // How this round's updates are bounded.
  ClipRule clip() const;
  // What a round costs, before it.
  const PrivacyEvent& event() const { return event_; }

  // The sum of this round's updates, clipped and on the grid, under noise;
  // `votes` is that of AdaptiveClip::Vote() over them. Only after that does the
  // clip norm move on. INVALID_ARGUMENT for a grid that is too coarse or too
  // fine for the noise. REQUIRES: grid.length values.
  absl::StatusOr<Sum> Release(const IntegerGrid& grid, std::vector<int64_t> sum,
                              int64_t votes, SecureRng& rng);

 private:
  CentralMechanism(CentralOptions options, double value_multiplier,
                   PrivacyEvent event,
                   std::optional<DiscreteGaussianSampler> vote_noise,
                   std::optional<AdaptiveClip> clip);

  CentralOptions options_;
  double value_multiplier_;
  PrivacyEvent event_;
  std::optional<DiscreteGaussianSampler> value_noise_;  // of the last grid
  std::optional<DiscreteGaussianSampler> vote_noise_;
  std::optional<AdaptiveClip> clip_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CENTRAL_MECHANISM_H_
