// Keys and certificates in PEM files that a person has named. Whatever is wrong
// with one of them is said with its path: TLS would fail without a word of it.
#ifndef SHOAL_PROTOCOL_CREDENTIALS_H_
#define SHOAL_PROTOCOL_CREDENTIALS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "protocol/certificates.h"

namespace shoal::protocol {

// Paths.
struct CredentialFiles {
  std::string ca;           // the certificate of the CA, or of several
  std::string certificate;  // one that it signed
  std::string key;          // of that certificate
};

struct Credentials {
  std::string ca_pem;
  KeyAndCertificate leaf;
};

// NOT_FOUND, with the path, when a file is missing. INVALID_ARGUMENT, with the
// path, when one cannot be read or is of another kind, the key is not the
// certificate's, no CA of the file signed the certificate, its role is not
// `role`, or it is not valid at `now`.
absl::StatusOr<Credentials> LoadCredentials(const CredentialFiles& files,
                                            Role role, absl::Time now);

// A key and its certificate. Errors as above.
absl::StatusOr<KeyAndCertificate> LoadKeyAndCertificate(
    const std::string& certificate_path, const std::string& key_path);

// The PEM of a certificate, such as a CA's. Errors as above.
absl::StatusOr<std::string> LoadCertificate(const std::string& path);

// INVALID_ARGUMENT unless `pem` has a certificate, and none that is damaged.
absl::Status CheckCertificate(absl::string_view pem);

// Whether one of the CAs in `ca_pem` signed the certificate. INVALID_ARGUMENT
// when either text has no certificate, or a damaged one.
absl::StatusOr<bool> IsSignedBy(absl::string_view certificate_pem,
                                absl::string_view ca_pem);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_CREDENTIALS_H_
