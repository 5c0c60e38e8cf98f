// What accountants compute with: an event as a flat list of mechanisms, each
// with its own sampling and count, for one adjacency.
#ifndef SHOAL_PRIVACY_ACCOUNTING_EVENT_TERMS_H_
#define SHOAL_PRIVACY_ACCOUNTING_EVENT_TERMS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "privacy/accounting/privacy_event.h"

namespace shoal::privacy {

// Normal noise beside the L2 norm of one contribution.
using Mechanism =
    std::variant<GaussianEvent, LaplaceEvent, DiscreteGaussianEvent,
                 SkellamEvent, RandomisedResponseEvent, EpsilonDeltaEvent>;

enum class Sampling { kNone, kPoisson, kFixedSize };

struct EventTerm {
  Mechanism mechanism;
  Sampling sampling = Sampling::kNone;
  double rate = 1;  // fraction of the population that is drawn
  int64_t count = 1;

  std::string ToString() const;
};

// The terms of `event`. All that is released about one draw is joined into one
// mechanism, Gaussians without sampling become one Gaussian, and terms that are
// alike are counted together. UNIMPLEMENTED, in words, for what nobody here can
// account for; INVALID_ARGUMENT where the adjacency does not fit.
absl::StatusOr<std::vector<EventTerm>> TermsOf(const PrivacyEvent& event,
                                               Adjacency adjacency);

// The one Gaussian with the same privacy as one of each, of the same data:
// noise multiplier (Σ z^-2)^(-1/2). Scaled to a common noise they are one
// vector, and its norm is the sensitivity.
double JointNoiseMultiplier(const std::vector<double>& noise_multipliers);

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_ACCOUNTING_EVENT_TERMS_H_
