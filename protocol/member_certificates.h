// Devices sign in groups of secure aggregation with the key and the certificate
// that they were enrolled with. What is signed: privacy/secure_aggregation/
// signing.h. Signatures are ECDSA with SHA-256, certificates travel as DER.
#ifndef SHOAL_PROTOCOL_MEMBER_CERTIFICATES_H_
#define SHOAL_PROTOCOL_MEMBER_CERTIFICATES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/secret.h"
#include "privacy/secure_aggregation/signing.h"

namespace shoal::protocol {

// Who signs for the device of this key. INVALID_ARGUMENT when key or
// certificate cannot be read or do not belong together, the key is not one that
// devices have, or the certificate is larger than kMaxCertificateBytes.
absl::StatusOr<std::unique_ptr<secure_aggregation::MemberSigner>>
MakeCertificateSigner(const Secret& key_pem, absl::string_view certificate_pem);

// Takes the certificates that the coordinator's port takes of devices: for
// clients, chained to one of the roots, valid at the moment, with the role of a
// device. The id is that of protocol::Identity. `roots_pem`: certificates of
// CAs; INVALID_ARGUMENT when there is none, or a damaged one. `clock` must
// outlive the verifier.
absl::StatusOr<std::unique_ptr<secure_aggregation::MemberVerifier>>
MakeCertificateVerifier(absl::string_view roots_pem, const Clock& clock);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_MEMBER_CERTIFICATES_H_
