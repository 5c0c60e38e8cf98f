#include "coordinator/service/tls_material.h"

#include <openssl/x509.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "protocol/pem.h"

namespace shoal::coordinator {
namespace {

constexpr uint64_t kMaxPemBytes = 1 << 20;

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

absl::StatusOr<protocol::KeyAndCertificate> LoadPair(
    const std::string& certificate_path, const std::string& key_path) {
  protocol::KeyAndCertificate pair;
  SHOAL_ASSIGN_OR_RETURN(pair.certificate_pem,
                         ReadFile(certificate_path, kMaxPemBytes));
  SHOAL_ASSIGN_OR_RETURN(std::string key_pem, ReadFile(key_path, kMaxPemBytes));
  pair.key_pem = Secret(std::move(key_pem));
  const auto certificate = protocol::ReadCertificate(pair.certificate_pem);
  if (!certificate.ok()) return InFile(certificate_path, certificate.status());
  const auto key = protocol::ReadKey(pair.key_pem);
  if (!key.ok()) return InFile(key_path, key.status());
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        key_path, ": is not the key of the certificate in ", certificate_path));
  }
  return pair;
}

absl::Status CheckCoordinator(const std::string& path,
                              const std::string& certificate_pem,
                              absl::Time now) {
  const absl::StatusOr<protocol::Identity> identity =
      protocol::ReadIdentity(certificate_pem);
  if (!identity.ok()) return InFile(path, identity.status());
  if (identity->role != protocol::Role::kCoordinator) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": its role is ", protocol::ToString(identity->role),
                     ", expected coordinator"));
  }
  if (identity->expires <= now) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the certificate expired at ",
                     absl::FormatTime(identity->expires, absl::UTCTimeZone()),
                     "; make a new one, or set this machine's clock"));
  }
  return absl::OkStatus();
}

// Whether the CA's key signed the coordinator's certificate.
absl::Status CheckIssuer(const configuration::TlsFiles& files,
                         const TlsMaterial& material, absl::Time now) {
  const auto ca = protocol::ReadCertificate(material.ca_pem);
  if (!ca.ok()) return InFile(files.ca, ca.status());
  const auto leaf =
      protocol::ReadCertificate(material.coordinator.certificate_pem);
  if (!leaf.ok()) return InFile(files.certificate, leaf.status());
  if (X509_verify(leaf->get(), X509_get0_pubkey(ca->get())) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        files.certificate, ": was not signed by the CA in ", files.ca));
  }
  time_t seconds = absl::ToTimeT(now);
  if (X509_cmp_time(X509_get0_notBefore(leaf->get()), &seconds) > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.certificate, ": the certificate is not valid yet; ",
                     "set this machine's clock"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsMaterial> LoadTlsMaterial(
    const configuration::CoordinatorConfig& config, absl::Time now) {
  SHOAL_CHECK(config.tls.has_value());
  const configuration::TlsFiles& files = *config.tls;
  TlsMaterial material;
  SHOAL_ASSIGN_OR_RETURN(material.ca_pem, ReadFile(files.ca, kMaxPemBytes));
  SHOAL_ASSIGN_OR_RETURN(material.coordinator,
                         LoadPair(files.certificate, files.key));
  SHOAL_RETURN_IF_ERROR(CheckCoordinator(
      files.certificate, material.coordinator.certificate_pem, now));
  SHOAL_RETURN_IF_ERROR(CheckIssuer(files, material, now));
  if (!config.enrollment_ca_key.empty()) {
    SHOAL_ASSIGN_OR_RETURN(material.enrollment_ca,
                           LoadPair(files.ca, config.enrollment_ca_key));
  }
  return material;
}

}  // namespace shoal::coordinator
