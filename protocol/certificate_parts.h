// The steps from which certificates.cc makes and reads certificates.
#ifndef SHOAL_PROTOCOL_CERTIFICATE_PARTS_H_
#define SHOAL_PROTOCOL_CERTIFICATE_PARTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "protocol/openssl_handles.h"

namespace shoal::protocol {

// INVALID_ARGUMENT unless `name` is 1 to 64 printable ASCII characters.
absl::Status CheckName(absl::string_view name);

// INVALID_ARGUMENT unless it is between a second and 50 years.
absl::Status CheckLifetime(absl::Duration lifetime);

// A certificate with what all of ours have: version 3, a random serial of 128
// bits, the key, and a validity that starts a little before `now`.
absl::StatusOr<CertificateHandle> StartCertificate(EVP_PKEY* key,
                                                   absl::Time now,
                                                   absl::Time expires);

// Appends FIELD=value to a subject. REQUIRES: the value passes CheckName.
absl::Status AddToName(X509_NAME* name, const char* field,
                       absl::string_view value);

// `value` is in OpenSSL's language of extensions: a constant of ours, never
// input.
absl::Status AddExtension(X509* certificate, X509* issuer, int nid,
                          const char* value);

// Adds the hosts as alternative names. INVALID_ARGUMENT names the host that is
// neither a DNS name nor an IP address.
absl::Status AddHosts(X509* certificate, const std::vector<std::string>& hosts);

// Signs, and returns the PEM.
absl::StatusOr<std::string> SignAndWrite(X509* certificate, EVP_PKEY* ca_key);

// The ends of its validity. INVALID_ARGUMENT when the field holds no time.
absl::StatusOr<absl::Time> StartOf(const X509* certificate);
absl::StatusOr<absl::Time> ExpiryOf(const X509* certificate);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_CERTIFICATE_PARTS_H_
