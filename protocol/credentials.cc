#include "protocol/credentials.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <cstdint>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "protocol/pem.h"

namespace shoal::protocol {
namespace {

constexpr uint64_t kMaxPemBytes = 1 << 20;

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

// A folder, or a file too large or closed to us, is as wrong as garbage.
absl::StatusOr<std::string> ReadPem(const std::string& path,
                                    absl::string_view expected) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxPemBytes);
  if (pem.ok() || absl::IsNotFound(pem.status())) return pem;
  return absl::InvalidArgumentError(absl::StrCat(
      pem.status().message(), "; expected a PEM file with ", expected));
}

absl::Status CheckRole(const std::string& path,
                       const std::string& certificate_pem, Role role,
                       absl::Time now) {
  const absl::StatusOr<Identity> identity = ReadIdentity(certificate_pem);
  if (!identity.ok()) return InFile(path, identity.status());
  if (identity->role != role) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": its role is ", ToString(identity->role),
                     ", expected ", ToString(role)));
  }
  if (identity->expires <= now) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the certificate expired at ",
                     absl::FormatTime(identity->expires, absl::UTCTimeZone()),
                     "; `shoalctl ca renew` makes it valid anew, or set this "
                     "machine's clock"));
  }
  return absl::OkStatus();
}

// Whether a CA of the file signed the certificate, and it is valid already.
absl::Status CheckIssuer(const CredentialFiles& files,
                         const Credentials& credentials, absl::Time now) {
  const absl::StatusOr<bool> is_signed =
      IsSignedBy(credentials.leaf.certificate_pem, credentials.ca_pem);
  if (!is_signed.ok()) return InFile(files.ca, is_signed.status());
  if (!*is_signed) {
    return absl::InvalidArgumentError(absl::StrCat(
        files.certificate, ": was not signed by the CA in ", files.ca));
  }
  SHOAL_ASSIGN_OR_RETURN(const auto leaf,
                         ReadCertificate(credentials.leaf.certificate_pem));
  time_t seconds = absl::ToTimeT(now);
  if (X509_cmp_time(X509_get0_notBefore(leaf.get()), &seconds) > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.certificate, ": the certificate is not valid yet; ",
                     "set this machine's clock"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Credentials> LoadCredentials(const CredentialFiles& files,
                                            Role role, absl::Time now) {
  Credentials credentials;
  SHOAL_ASSIGN_OR_RETURN(credentials.ca_pem, LoadCertificate(files.ca));
  SHOAL_ASSIGN_OR_RETURN(credentials.leaf,
                         LoadKeyAndCertificate(files.certificate, files.key));
  SHOAL_RETURN_IF_ERROR(CheckRole(files.certificate,
                                  credentials.leaf.certificate_pem, role, now));
  SHOAL_RETURN_IF_ERROR(CheckIssuer(files, credentials, now));
  return credentials;
}

absl::StatusOr<KeyAndCertificate> LoadKeyAndCertificate(
    const std::string& certificate_path, const std::string& key_path) {
  KeyAndCertificate pair;
  SHOAL_ASSIGN_OR_RETURN(pair.certificate_pem,
                         LoadCertificate(certificate_path));
  SHOAL_ASSIGN_OR_RETURN(std::string key_pem,
                         ReadPem(key_path, "a private key"));
  pair.key_pem = Secret(std::move(key_pem));
  const auto key = ReadKey(pair.key_pem);
  if (!key.ok()) return InFile(key_path, key.status());
  SHOAL_ASSIGN_OR_RETURN(const auto certificate,
                         ReadCertificate(pair.certificate_pem));
  if (X509_check_private_key(certificate.get(), key->get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat(
        key_path, ": is not the key of the certificate in ", certificate_path));
  }
  return pair;
}

absl::StatusOr<std::string> LoadCertificate(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(std::string pem, ReadPem(path, "a certificate"));
  if (const absl::Status status = CheckCertificate(pem); !status.ok()) {
    return InFile(path, status);
  }
  return pem;
}

absl::Status CheckCertificate(absl::string_view pem) {
  return ReadCertificates(pem).status();
}

absl::StatusOr<bool> IsSignedBy(absl::string_view certificate_pem,
                                absl::string_view ca_pem) {
  SHOAL_ASSIGN_OR_RETURN(const auto certificate,
                         ReadCertificate(certificate_pem));
  SHOAL_ASSIGN_OR_RETURN(const auto cas, ReadCertificates(ca_pem));
  for (const auto& ca : cas) {
    if (X509_verify(certificate.get(), X509_get0_pubkey(ca.get())) == 1) {
      return true;
    }
    ERR_clear_error();
  }
  return false;
}

}  // namespace shoal::protocol
