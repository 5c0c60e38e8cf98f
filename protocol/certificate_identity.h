// Who a certificate is of: the one rule for all that read certificates, PEM or
// DER, from TLS or from a message.
#ifndef SHOAL_PROTOCOL_CERTIFICATE_IDENTITY_H_
#define SHOAL_PROTOCOL_CERTIFICATE_IDENTITY_H_

#include <openssl/x509.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protocol/certificates.h"

namespace shoal::protocol {

// As ReadIdentity: says nothing about who signed the certificate.
absl::StatusOr<Identity> IdentityOf(const X509& certificate);

// INVALID_ARGUMENT unless it is a key as devices have them, in the one encoding
// that there shall be: ECDSA P-256, named curve, uncompressed point.
absl::Status CheckDeviceKey(X509_PUBKEY* key);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_CERTIFICATE_IDENTITY_H_
