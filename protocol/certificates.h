// X.509 as Shoal uses it: a CA of the deployment, certificates with a role,
// keys that never leave the machine they were made on.
//
// Keys are ECDSA P-256. An identity is the SHA-256 of the certificate's public
// key, so that it outlives renewals of the certificate. The role is the
// subject's organisational unit; only what our CA signed counts.
#ifndef SHOAL_PROTOCOL_CERTIFICATES_H_
#define SHOAL_PROTOCOL_CERTIFICATES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/secret.h"

namespace shoal::protocol {

enum class Role { kDevice, kOperator, kCoordinator };
absl::string_view ToString(Role role);  // "device", …

struct KeyAndCertificate {
  Secret key_pem;
  std::string certificate_pem;
};

// What a verified certificate says.
struct Identity {
  std::string id;    // 64 hexadecimal digits: SHA-256 of the public key (SPKI)
  std::string name;  // common name
  Role role = Role::kDevice;
  absl::Time valid_from;
  absl::Time expires;
};

// A new CA with a key of its own. `name` is its common name.
absl::StatusOr<KeyAndCertificate> MakeCa(absl::string_view name, absl::Time now,
                                         absl::Duration lifetime);

// A new key and a certificate for it, signed by the CA. `hosts` are DNS names
// and IP addresses (for a coordinator). INVALID_ARGUMENT when the CA's key and
// certificate do not belong together.
absl::StatusOr<KeyAndCertificate> Issue(const KeyAndCertificate& ca,
                                        absl::string_view name, Role role,
                                        const std::vector<std::string>& hosts,
                                        absl::Time now,
                                        absl::Duration lifetime);

// A certificate for the same key, name, role and hosts with a new period; the
// one that it replaces may have expired. INVALID_ARGUMENT when the CA did not
// sign that, or its key and certificate do not belong together.
absl::StatusOr<std::string> Renew(const KeyAndCertificate& ca,
                                  absl::string_view certificate_pem,
                                  absl::Time now, absl::Duration lifetime);

// A new private key, PEM (PKCS#8).
absl::StatusOr<Secret> MakeKey();

// A PKCS#10 request (DER) for that key.
absl::StatusOr<std::string> MakeRequest(const Secret& key_pem,
                                        absl::string_view name);

// Signs a peer's request as a device. INVALID_ARGUMENT when the request is
// malformed, badly signed, or its key is not P-256; the name must be 1 to 64
// printable characters.
absl::StatusOr<std::string> SignDeviceRequest(const KeyAndCertificate& ca,
                                              absl::string_view request_der,
                                              absl::string_view name,
                                              absl::Time now,
                                              absl::Duration lifetime);

// Reads identity and role of a certificate that TLS has verified.
// INVALID_ARGUMENT when it carries no role of ours.
absl::StatusOr<Identity> ReadIdentity(absl::string_view certificate_pem);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_CERTIFICATES_H_
