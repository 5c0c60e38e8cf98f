#include "coordinator/service/authenticator.h"

#include <grpc/grpc_security_constants.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

using protocol::Identity;
using protocol::RefusalCode;
using protocol::RefusalError;
using protocol::Role;

constexpr size_t kMaxCached = 100'000;
constexpr size_t kMaxInsecureName = 64;

absl::string_view View(grpc::string_ref text) {
  return absl::string_view(text.data(), text.size());
}

bool IsPrintable(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isprint(c)) return false;
  }
  return true;
}

// The name a device gives itself. One that looks like an identity is taken as
// it is, so that identities of devices look the same with and without TLS.
absl::StatusOr<Identity> SelfNamedDevice(
    const grpc::ServerContextBase& context) {
  const auto found = context.client_metadata().find(kInsecureDeviceMetadata);
  if (found == context.client_metadata().end()) {
    return RefusalError(
        RefusalCode::kUnauthenticated,
        absl::StrCat("this coordinator runs without TLS: expected the device's "
                     "name in the metadata '",
                     kInsecureDeviceMetadata, "'"));
  }
  const absl::string_view name = View(found->second);
  if (name.empty() || name.size() > kMaxInsecureName || !IsPrintable(name)) {
    return RefusalError(
        RefusalCode::kUnauthenticated,
        absl::StrCat("metadata '", kInsecureDeviceMetadata, "': expected 1 to ",
                     kMaxInsecureName, " printable characters"));
  }
  const absl::StatusOr<Digest> digest = Digest::FromHex(name);
  Identity identity;
  identity.id = digest.ok() ? digest->ToHex() : Sha256(name).ToHex();
  identity.name = std::string(name);
  identity.role = Role::kDevice;
  identity.expires = absl::InfiniteFuture();
  return identity;
}

Identity SelfNamedOperator() {
  Identity identity;
  identity.name = "anybody (no TLS)";
  identity.role = Role::kOperator;
  identity.expires = absl::InfiniteFuture();
  return identity;
}

absl::Status CheckRole(const Identity& identity, Role role) {
  if (identity.role == role) return absl::OkStatus();
  return RefusalError(
      RefusalCode::kPermissionDenied,
      absl::StrCat("the certificate of '", identity.name, "' has the role ",
                   protocol::ToString(identity.role), ", this call needs ",
                   protocol::ToString(role)));
}

}  // namespace

absl::StatusOr<Identity> Authenticator::Require(
    Role role, const grpc::ServerContextBase& context, absl::Time now) {
  if (insecure_) {
    if (role == Role::kOperator) return SelfNamedOperator();
    return SelfNamedDevice(context);
  }
  const auto auth = context.auth_context();
  const auto pems =
      auth == nullptr || !auth->IsPeerAuthenticated()
          ? std::vector<grpc::string_ref>()
          : auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pems.empty()) {
    return RefusalError(
        RefusalCode::kUnauthenticated,
        absl::StrCat("the caller showed no certificate, expected one with the "
                     "role ",
                     protocol::ToString(role)));
  }
  SHOAL_ASSIGN_OR_RETURN(Identity identity, ReadCached(View(pems.front())));
  if (identity.expires <= now) {
    return RefusalError(
        RefusalCode::kUnauthenticated,
        absl::StrCat("the certificate of '", identity.name, "' expired at ",
                     absl::FormatTime(identity.expires, absl::UTCTimeZone())));
  }
  SHOAL_RETURN_IF_ERROR(CheckRole(identity, role));
  return identity;
}

absl::StatusOr<Identity> Authenticator::ReadCached(absl::string_view pem) {
  const Digest digest = Sha256(pem);
  {
    MutexLock lock(mutex_);
    const auto found = cache_.find(digest);
    if (found != cache_.end()) return found->second;
  }
  absl::StatusOr<Identity> identity = protocol::ReadIdentity(pem);
  if (!identity.ok()) {
    return RefusalError(RefusalCode::kUnauthenticated,
                        identity.status().message());
  }
  MutexLock lock(mutex_);
  if (cache_.size() >= kMaxCached) cache_.clear();
  cache_.emplace(digest, *identity);
  return identity;
}

}  // namespace shoal::coordinator
