#include "privacy/differential_privacy/mechanism.h"

namespace shoal::privacy {

absl::Status CheckSupported(const PrivacyEvent& event,
                            const Neighbours& neighbours,
                            Accountant accountant) {
  // Any delta will do, and a rough answer.
  constexpr double kDelta = 1e-6;
  constexpr double kTolerance = 0.5;
  return Epsilon(event, {neighbours, kDelta, accountant},
                 {.tolerance = kTolerance})
      .status();
}

}  // namespace shoal::privacy
