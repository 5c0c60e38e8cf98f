// Who a device is: its key and certificates, in its state folder.
//   key.pem          the private key, mode 0600; never leaves the folder
//   certificate.pem  what the coordinator signed for that key
//   ca.pem           who must have signed the coordinator's certificate
//   device.txt       the name of a device that runs without TLS
#ifndef SHOAL_CLIENT_IDENTITY_H_
#define SHOAL_CLIENT_IDENTITY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "base/secret.h"

namespace shoal::client {

struct DeviceIdentity {
  Secret key_pem;
  std::string certificate_pem;
  std::string ca_pem;
  std::string id;  // 64 hexadecimal digits
  absl::Time valid_from;
  absl::Time expires;
};

// NOT_FOUND when a file of the identity is missing, or the folder is; makes
// nothing. What else is wrong with them comes to light when they are used.
absl::Status CheckEnrolled(const std::string& folder);

// NOT_FOUND when a file is missing; INVALID_ARGUMENT, with the file and what to
// do, when one cannot be used, the key, the certificate and the CA do not
// belong together, or the certificate is not a device's. What does not change
// by itself, that is: see CheckValidity.
absl::StatusOr<DeviceIdentity> LoadIdentity(const std::string& folder);

// INVALID_ARGUMENT, with the file and what to do, when the certificate is not
// valid at `now`, which the device's clock says. A clock that is set mends it.
absl::Status CheckValidity(const DeviceIdentity& identity,
                           const std::string& folder, absl::Time now);

// The device's id, from its certificate or, where that cannot be read, from its
// key; NOT_FOUND when neither is there.
absl::StatusOr<std::string> DeviceId(const std::string& folder);

// The folder's key; a new one when there is none. INVALID_ARGUMENT when there
// is one that cannot be used.
absl::StatusOr<Secret> LoadOrMakeKey(const std::string& folder);

// Keeps a signed certificate; returns the device's id. INVALID_ARGUMENT when
// it is not a device's certificate for `key`, or no CA in `ca_pem` signed it.
absl::StatusOr<std::string> StoreCertificate(const std::string& folder,
                                             const Secret& key_pem,
                                             const std::string& certificate_pem,
                                             const std::string& ca_pem);

// The name of this device in plaintext; NOT_FOUND when there is none.
absl::StatusOr<std::string> LoadInsecureName(const std::string& folder);
// The same; drawn from `rng` when there is none.
absl::StatusOr<std::string> LoadOrMakeInsecureName(const std::string& folder,
                                                   SecureRng& rng);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_IDENTITY_H_
