// A stand-in for the enrolment of devices, so that simulations have the
// settings of secure aggregation in which devices sign: real signatures
// (Ed25519) with keys that follow from a seed. They are worth nothing outside
// of a simulation.
#ifndef SHOAL_SIMULATIONS_SEEDED_SIGNATURES_H_
#define SHOAL_SIMULATIONS_SEEDED_SIGNATURES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/hmac_key.h"
#include "privacy/secure_aggregation/signing.h"

namespace shoal::simulations {

// Certifies devices, and knows what it has certified. Immutable.
class SeededAuthority final : public secure_aggregation::MemberVerifier {
 public:
  explicit SeededAuthority(uint64_t seed);

  std::unique_ptr<secure_aggregation::MemberSigner> Issue(
      absl::string_view device_id) const;

  absl::StatusOr<std::string> Verify(
      absl::string_view certificate, absl::string_view message,
      absl::string_view signature) const override;

 private:
  // Of a public key and a device's id.
  std::string CodeOf(absl::string_view key, absl::string_view device_id) const;

  const HmacKey secret_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_SEEDED_SIGNATURES_H_
