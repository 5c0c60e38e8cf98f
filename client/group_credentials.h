// Who signs for an enrolled device in groups of secure aggregation, and whose
// signatures it takes there.
#ifndef SHOAL_CLIENT_GROUP_CREDENTIALS_H_
#define SHOAL_CLIENT_GROUP_CREDENTIALS_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/identity.h"
#include "client/include/shoal/client.h"
#include "privacy/secure_aggregation/signing.h"

namespace shoal::client {

struct GroupCredentials {
  std::unique_ptr<secure_aggregation::MemberSigner> signer;
  std::unique_ptr<secure_aggregation::MemberVerifier> verifier;
};

// The verifier's roots are those of the demands, or else the identity's.
// INVALID_ARGUMENT when the demands' are none, or did not sign the device's own
// certificate: every other device of a group would refuse it. `clock` must
// outlive the credentials.
absl::StatusOr<GroupCredentials> MakeGroupCredentials(
    const DeviceIdentity& identity,
    const std::optional<AggregationDemands>& demands, const Clock& clock);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_GROUP_CREDENTIALS_H_
