#include "coordinator/service/tls_material.h"

#include <utility>

#include "base/check.h"
#include "protocol/credentials.h"
#include "protocol/exit_code.h"

namespace shoal::coordinator {

absl::StatusOr<TlsMaterial> LoadTlsMaterial(
    const configuration::CoordinatorConfig& config, absl::Time now) {
  SHOAL_CHECK(config.tls.has_value());
  const configuration::TlsFiles& files = *config.tls;
  absl::StatusOr<protocol::Credentials> credentials =
      protocol::LoadCredentials({files.ca, files.certificate, files.key},
                                protocol::Role::kCoordinator, now);
  if (!credentials.ok()) return protocol::AsWrongInput(credentials.status());
  TlsMaterial material;
  material.ca_pem = std::move(credentials->ca_pem);
  material.coordinator = std::move(credentials->leaf);
  if (!config.enrollment_ca_key.empty()) {
    absl::StatusOr<protocol::KeyAndCertificate> ca =
        protocol::LoadKeyAndCertificate(files.ca, config.enrollment_ca_key);
    if (!ca.ok()) return protocol::AsWrongInput(ca.status());
    material.enrollment_ca = *std::move(ca);
  }
  return material;
}

}  // namespace shoal::coordinator
