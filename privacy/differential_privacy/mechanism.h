// Noise together with what it costs: no value leaves a mechanism before its
// event is charged, and no mechanism exists whose event the accountant of its
// ledger cannot account for.
//
//   SHOAL_ASSIGN_OR_RETURN(
//       auto mechanism, CentralMechanism<kDeviceAddRemove>::Create(options));
//   CentralSum sum = mechanism.StartSum();
//   for (auto& update : updates) sum.Add(update, rng);
//   SHOAL_ASSIGN_OR_RETURN(
//       std::vector<double> mean,
//       mechanism.Release(std::move(sum), rng).Take(charge));
//
// Who is protected, and which two sets of devices are hard to tell apart, is
// part of every type. An L2 norm, a noise multiplier and an event are made of
// the same numbers in one place.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_MECHANISM_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_MECHANISM_H_

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "privacy/accounting/epsilon.h"
#include "privacy/accounting/privacy_event.h"

namespace shoal::privacy {

inline constexpr Neighbours kDeviceAddRemove = {PrivacyUnit::kDevice,
                                                Adjacency::kAddRemove};
inline constexpr Neighbours kDeviceReplaceOne = {PrivacyUnit::kDevice,
                                                 Adjacency::kReplaceOne};

// A value under noise that nobody has seen yet. Move-only.
template <Neighbours kNeighbours, typename Value>
class [[nodiscard]] Noised {
 public:
  static constexpr Neighbours kFor = kNeighbours;
  using Charge = absl::FunctionRef<absl::Status(const PrivacyEvent&)>;

  Noised(Value value, PrivacyEvent event)
      : value_(std::move(value)), event_(std::move(event)) {}
  Noised(Noised&&) = default;
  Noised& operator=(Noised&&) = default;

  const PrivacyEvent& event() const { return event_; }
  // The value, after `charge` has put the event into the ledger for good. When
  // that fails its error is returned, and the value is gone.
  absl::StatusOr<Value> Take(Charge charge) && {
    if (absl::Status charged = charge(event_); !charged.ok()) return charged;
    return std::move(value_);
  }

 private:
  Value value_;
  PrivacyEvent event_;
};

// OK when `accountant` can account for the event under these neighbours;
// otherwise its error in words.
absl::Status CheckSupported(const PrivacyEvent& event,
                            const Neighbours& neighbours,
                            Accountant accountant);

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_MECHANISM_H_
