#include "client/group_credentials.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "protocol/credentials.h"
#include "protocol/member_certificates.h"

namespace shoal::client {
namespace {

absl::Status CheckRoots(const DeviceIdentity& identity,
                        const std::string& ca_pem) {
  const absl::StatusOr<bool> is_signed =
      protocol::IsSignedBy(identity.certificate_pem, ca_pem);
  if (!is_signed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("secure_aggregation.ca: ", is_signed.status().message()));
  }
  if (*is_signed) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "secure_aggregation.ca: is not of a CA that signed this device's own "
      "certificate, so that no group would take the device");
}

}  // namespace

absl::StatusOr<GroupCredentials> MakeGroupCredentials(
    const DeviceIdentity& identity,
    const std::optional<AggregationDemands>& demands, const Clock& clock) {
  std::string roots = identity.ca_pem;
  if (demands.has_value() && !demands->ca_pem.empty()) {
    SHOAL_RETURN_IF_ERROR(CheckRoots(identity, demands->ca_pem));
    roots = demands->ca_pem;
  }
  GroupCredentials credentials;
  SHOAL_ASSIGN_OR_RETURN(credentials.signer,
                         protocol::MakeCertificateSigner(
                             identity.key_pem, identity.certificate_pem));
  SHOAL_ASSIGN_OR_RETURN(credentials.verifier,
                         protocol::MakeCertificateVerifier(roots, clock));
  return credentials;
}

}  // namespace shoal::client
