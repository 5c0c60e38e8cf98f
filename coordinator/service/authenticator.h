// Who is calling: identity and role from the certificate that TLS has verified.
#ifndef SHOAL_COORDINATOR_SERVICE_AUTHENTICATOR_H_
#define SHOAL_COORDINATOR_SERVICE_AUTHENTICATOR_H_

#include <grpcpp/grpcpp.h>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/mutex.h"
#include "protocol/certificates.h"

namespace shoal::coordinator {

// Without TLS a device names itself in this metadata.
inline constexpr char kInsecureDeviceMetadata[] = "shoal-insecure-device";

// Thread-safe.
class Authenticator {
 public:
  // `insecure`: there is no TLS. Devices are who they say they are, and
  // everybody is an operator.
  explicit Authenticator(bool insecure) : insecure_(insecure) {}

  // Refusals: kUnauthenticated without a certificate or with an expired one,
  // kPermissionDenied with one of another role.
  absl::StatusOr<protocol::Identity> Require(
      protocol::Role role, const grpc::ServerContextBase& context,
      absl::Time now) SHOAL_EXCLUDES(mutex_);

 private:
  absl::StatusOr<protocol::Identity> ReadCached(absl::string_view pem)
      SHOAL_EXCLUDES(mutex_);

  const bool insecure_;
  Mutex mutex_;
  // By digest of the certificate; emptied when it has grown too large.
  absl::flat_hash_map<Digest, protocol::Identity> cache_
      SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_AUTHENTICATOR_H_
