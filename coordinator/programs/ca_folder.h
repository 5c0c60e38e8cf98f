// The files of a deployment's own CA: made by `shoalctl ca init` and by
// `shoald --dev`.
#ifndef SHOAL_COORDINATOR_PROGRAMS_CA_FOLDER_H_
#define SHOAL_COORDINATOR_PROGRAMS_CA_FOLDER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "configuration/programs.h"

namespace shoal::coordinator {

struct CaFolder {
  std::string ca;           // gets ca.pem and ca.key (0600)
  std::string coordinator;  // gets ca.pem, certificate.pem, key.pem (0600)
  std::string operators;    // likewise, for shoalctl
  // DNS names and IP addresses under which devices reach the coordinator.
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  absl::Duration ca_lifetime = absl::Hours(24 * 365 * 10);
  absl::Duration certificate_lifetime = absl::Hours(24 * 365 * 2);

  std::string ca_key() const { return ca + "/ca.key"; }
  configuration::TlsFiles tls() const;
};

// Makes the CA and both certificates. ca.key is written last: where it exists
// everything does. ALREADY_EXISTS rather than overwriting anything.
absl::Status MakeCaFolder(const CaFolder& folder, absl::Time now);

// Replaces folder/certificate.pem by one for the same key, role and hosts that
// is valid anew; signed by the CA in `ca`. INVALID_ARGUMENT when that CA did
// not sign it.
absl::Status RenewCertificate(const std::string& ca, const std::string& folder,
                              absl::Time now, absl::Duration lifetime);

// For a fleet whose coordinator does not enrol devices: the certificate, PEM,
// of the device that made the request (a file, PKCS#10, DER), signed by the CA
// in `ca`. The device's id, beside it, is of the request's key; what else the
// request says does not count. INVALID_ARGUMENT as SignDeviceRequest.
struct SignedDevice {
  std::string certificate_pem;
  std::string id;
};
absl::StatusOr<SignedDevice> SignDevice(const std::string& ca,
                                        const std::string& request_file,
                                        const std::string& name, absl::Time now,
                                        absl::Duration lifetime);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_PROGRAMS_CA_FOLDER_H_
