// The coordinator's certificates and keys, read and checked.
#ifndef SHOAL_COORDINATOR_SERVICE_TLS_MATERIAL_H_
#define SHOAL_COORDINATOR_SERVICE_TLS_MATERIAL_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"
#include "configuration/programs.h"
#include "protocol/certificates.h"

namespace shoal::coordinator {

struct TlsMaterial {
  std::string ca_pem;
  protocol::KeyAndCertificate coordinator;
  // Signs device certificates; absent: nobody can enroll.
  std::optional<protocol::KeyAndCertificate> enrollment_ca;
};

// Reads the files of the configuration. REQUIRES: config.tls is set.
// INVALID_ARGUMENT and the like name the file and what is wrong with it: not
// PEM, another key's certificate, another role, expired or not valid yet.
absl::StatusOr<TlsMaterial> LoadTlsMaterial(
    const configuration::CoordinatorConfig& config, absl::Time now);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_TLS_MATERIAL_H_
