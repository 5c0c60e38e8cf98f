// Keys and certificates to and from PEM.
#ifndef SHOAL_PROTOCOL_PEM_H_
#define SHOAL_PROTOCOL_PEM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/secret.h"
#include "protocol/openssl_handles.h"

namespace shoal::protocol {

// PKCS#8, not encrypted.
absl::StatusOr<Secret> WriteKey(EVP_PKEY* key);
// INVALID_ARGUMENT unless it is a private key without a pass phrase.
absl::StatusOr<KeyHandle> ReadKey(const Secret& pem);

absl::StatusOr<std::string> WriteCertificate(X509* certificate);
// The first certificate of `pem`. INVALID_ARGUMENT when there is none.
absl::StatusOr<CertificateHandle> ReadCertificate(absl::string_view pem);

// All certificates of `pem`, in its order. INVALID_ARGUMENT when there is none,
// or one of them cannot be read.
absl::StatusOr<std::vector<CertificateHandle>> ReadCertificates(
    absl::string_view pem);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_PEM_H_
