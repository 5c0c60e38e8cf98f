#include "coordinator/programs/ca_folder.h"

#include <cstdint>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "protocol/certificates.h"
#include "protocol/credentials.h"

namespace shoal::coordinator {
namespace {

using protocol::KeyAndCertificate;

absl::Status RefuseToOverwrite(const CaFolder& folder) {
  for (const std::string& path :
       {folder.ca + "/ca.pem", folder.ca_key(), folder.coordinator + "/key.pem",
        folder.operators + "/key.pem"}) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      return absl::AlreadyExistsError(absl::StrCat(
          path, ": exists already; keep it, or choose another folder"));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteSecret(const std::string& path, const Secret& secret) {
  return WriteFileAtomically(path, secret.Reveal(), 0600);
}

absl::Status WriteCredentials(const std::string& folder,
                              const std::string& ca_pem,
                              const KeyAndCertificate& leaf) {
  SHOAL_RETURN_IF_ERROR(MakeFolders(folder, 0700));
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(folder + "/ca.pem", ca_pem));
  SHOAL_RETURN_IF_ERROR(
      WriteFileAtomically(folder + "/certificate.pem", leaf.certificate_pem));
  return WriteSecret(folder + "/key.pem", leaf.key_pem);
}

}  // namespace

configuration::TlsFiles CaFolder::tls() const {
  return {coordinator + "/ca.pem", coordinator + "/certificate.pem",
          coordinator + "/key.pem"};
}

absl::Status MakeCaFolder(const CaFolder& folder, absl::Time now) {
  SHOAL_RETURN_IF_ERROR(RefuseToOverwrite(folder));
  SHOAL_ASSIGN_OR_RETURN(const KeyAndCertificate ca,
                         protocol::MakeCa("Shoal CA", now, folder.ca_lifetime));
  SHOAL_ASSIGN_OR_RETURN(
      const KeyAndCertificate coordinator,
      protocol::Issue(ca, "coordinator", protocol::Role::kCoordinator,
                      folder.hosts, now, folder.certificate_lifetime));
  SHOAL_ASSIGN_OR_RETURN(
      const KeyAndCertificate admin,
      protocol::Issue(ca, "operator", protocol::Role::kOperator, {}, now,
                      folder.certificate_lifetime));
  SHOAL_RETURN_IF_ERROR(MakeFolders(folder.ca, 0700));
  SHOAL_RETURN_IF_ERROR(
      WriteCredentials(folder.coordinator, ca.certificate_pem, coordinator));
  SHOAL_RETURN_IF_ERROR(
      WriteCredentials(folder.operators, ca.certificate_pem, admin));
  SHOAL_RETURN_IF_ERROR(
      WriteFileAtomically(folder.ca + "/ca.pem", ca.certificate_pem));
  return WriteSecret(folder.ca_key(), ca.key_pem);
}

absl::Status RenewCertificate(const std::string& ca, const std::string& folder,
                              absl::Time now, absl::Duration lifetime) {
  SHOAL_ASSIGN_OR_RETURN(
      const KeyAndCertificate authority,
      protocol::LoadKeyAndCertificate(ca + "/ca.pem", ca + "/ca.key"));
  const std::string path = folder + "/certificate.pem";
  SHOAL_ASSIGN_OR_RETURN(const std::string old,
                         protocol::LoadCertificate(path));
  const absl::StatusOr<std::string> renewed =
      protocol::Renew(authority, old, now, lifetime);
  if (!renewed.ok()) {
    return absl::Status(renewed.status().code(),
                        absl::StrCat(path, ": ", renewed.status().message()));
  }
  return WriteFileAtomically(path, *renewed);
}

absl::StatusOr<SignedDevice> SignDevice(const std::string& ca,
                                        const std::string& request_file,
                                        const std::string& name, absl::Time now,
                                        absl::Duration lifetime) {
  constexpr uint64_t kMaxRequestBytes = 64 * 1024;
  SHOAL_ASSIGN_OR_RETURN(
      const KeyAndCertificate authority,
      protocol::LoadKeyAndCertificate(ca + "/ca.pem", ca + "/ca.key"));
  SHOAL_ASSIGN_OR_RETURN(const std::string request,
                         ReadFile(request_file, kMaxRequestBytes));
  absl::StatusOr<std::string> certificate =
      protocol::SignDeviceRequest(authority, request, name, now, lifetime);
  if (!certificate.ok()) {
    return absl::Status(
        certificate.status().code(),
        absl::StrCat(request_file, ": ", certificate.status().message()));
  }
  SHOAL_ASSIGN_OR_RETURN(protocol::Identity identity,
                         protocol::ReadIdentity(*certificate));
  return SignedDevice{*std::move(certificate), std::move(identity.id)};
}

}  // namespace shoal::coordinator
