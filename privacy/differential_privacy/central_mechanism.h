// Noise at the coordinator, on the sum of clipped updates: McMahan, Ramage,
// Talwar, Zhang, "Learning Differentially Private Recurrent Language Models",
// ICLR 2018, with an integer grid and discrete Gaussian noise instead of
// floating-point numbers (Mironov 2012).
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CENTRAL_MECHANISM_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CENTRAL_MECHANISM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "privacy/differential_privacy/adaptive_clip.h"
#include "privacy/differential_privacy/bounded_rounding.h"
#include "privacy/differential_privacy/clipping.h"
#include "privacy/differential_privacy/integer_noise.h"
#include "privacy/differential_privacy/mechanism.h"

namespace shoal::privacy {

struct CentralOptions {
  int64_t length = 0;  // values of an update
  // One of these three bounds an update.
  std::optional<double> clip_norm;
  std::vector<LayerClip> layers;
  std::optional<AdaptiveClipOptions> adaptive_clip;
  // Of values and, with an adaptive clip, the count together.
  double noise_multiplier = 0;
  // What the sum is divided by, whoever came: public, and no count of devices.
  int64_t expected_devices = 0;
  // Every device was drawn for the round by itself with this probability, and
  // the engine enforces it. Absent: no sampling is claimed.
  std::optional<double> poisson_rate = std::nullopt;
  int bits = 22;  // a clip norm has 2^(bits-1) - 1 steps
  Accountant accountant = Accountant::kPld;
};

// One round's updates, of which nothing can be seen. One thread.
class CentralSum {
 public:
  // Clips and rounds an update (working space) and adds it. One that is not
  // finite counts as zeros. REQUIRES: as many values as the options say.
  void Add(absl::Span<float> update, SecureRng& rng);

 private:
  template <Neighbours kNeighbours>
  friend class CentralMechanism;
  CentralSum(BoundedRounding rounding, std::vector<LayerClip> layers,
             bool votes, int64_t round);

  BoundedRounding rounding_;
  std::vector<LayerClip> layers_;
  bool votes_;
  int64_t round_;
  int64_t vote_sum_ = 0;
  std::vector<int64_t> sum_;
  secure_aggregation::RingVector rounded_;
};

// Thread-compatible.
template <Neighbours kNeighbours>
class CentralMechanism {
 public:
  using Mean = Noised<kNeighbours, std::vector<double>>;

  // INVALID_ARGUMENT, with the value, for options that are out of range or do
  // not fit; the accountant's error for an event it cannot account for.
  static absl::StatusOr<CentralMechanism> Create(const CentralOptions& options);
  // Goes on after the round whose State() this is.
  static absl::StatusOr<CentralMechanism> Restore(const CentralOptions& options,
                                                  absl::string_view state);
  // Versioned bytes: the clip norm of the next round.
  std::string State() const;

  // This round's clip norm, of all layers together.
  double clip_norm() const;
  // What a round costs, before it.
  const PrivacyEvent& event() const { return event_; }

  CentralSum StartSum() const;
  // The sum under noise over expected_devices. Only after that does the clip
  // norm move on. INVALID_ARGUMENT for a sum of another round.
  absl::StatusOr<Mean> Release(CentralSum sum, SecureRng& rng);

 private:
  CentralMechanism(CentralOptions options, PrivacyEvent event,
                   DiscreteGaussianSampler value_noise,
                   std::optional<DiscreteGaussianSampler> vote_noise,
                   std::optional<AdaptiveClip> clip);
  BoundedRounding Rounding() const;

  CentralOptions options_;
  PrivacyEvent event_;
  DiscreteGaussianSampler value_noise_;
  std::optional<DiscreteGaussianSampler> vote_noise_;
  std::optional<AdaptiveClip> clip_;
  int64_t round_ = 0;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CENTRAL_MECHANISM_H_
