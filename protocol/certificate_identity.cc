#include "protocol/certificate_identity.h"

#include <openssl/x509v3.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "protocol/certificate_parts.h"
#include "protocol/openssl_handles.h"

namespace shoal::protocol {
namespace {

constexpr Role kRoles[] = {Role::kDevice, Role::kOperator, Role::kCoordinator};

// Subject public key info of P-256 keys as RFC 5480 writes them: named curve,
// uncompressed point. Other encodings of the same key are refused, because
// they would give one key two identities.
constexpr absl::string_view kP256PrefixHex =
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
constexpr size_t kP256KeyInfoBytes = 91;

// The DER of the subject public key info.
absl::StatusOr<std::string> KeyInfoBytes(X509_PUBKEY* key) {
  unsigned char* der = nullptr;
  const int size = key == nullptr ? -1 : i2d_X509_PUBKEY(key, &der);
  if (size <= 0) return OpensslError("encoding a public key");
  std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

// The one entry of the subject's field; INVALID_ARGUMENT when there is none
// or more than one.
absl::StatusOr<std::string> OnlyEntry(const X509& certificate, int nid,
                                      absl::string_view field) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int index = X509_NAME_get_index_by_NID(subject, nid, -1);
  if (index < 0 || X509_NAME_get_index_by_NID(subject, nid, index) >= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the certificate's subject must have exactly one ", field));
  }
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(
      &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (size < 0) return OpensslError("reading a certificate's name");
  std::string value(reinterpret_cast<char*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  return value;
}

}  // namespace

absl::StatusOr<Identity> IdentityOf(const X509& certificate) {
  SHOAL_ASSIGN_OR_RETURN(const std::string key_info,
                         KeyInfoBytes(X509_get_X509_PUBKEY(&certificate)));
  SHOAL_ASSIGN_OR_RETURN(const std::string unit,
                         OnlyEntry(certificate, NID_organizationalUnitName,
                                   "organisational unit"));
  Identity identity;
  SHOAL_ASSIGN_OR_RETURN(identity.name,
                         OnlyEntry(certificate, NID_commonName, "common name"));
  identity.id = Sha256(key_info).ToHex();
  SHOAL_ASSIGN_OR_RETURN(identity.valid_from, StartOf(&certificate));
  SHOAL_ASSIGN_OR_RETURN(identity.expires, ExpiryOf(&certificate));
  for (Role role : kRoles) {
    if (ToString(role) != unit) continue;
    identity.role = role;
    return identity;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the certificate's organisational unit is '",
                   absl::CEscape(unit.substr(0, 80)),
                   "': expected device, operator or coordinator"));
}

absl::Status CheckDeviceKey(X509_PUBKEY* key) {
  SHOAL_ASSIGN_OR_RETURN(const std::string key_info, KeyInfoBytes(key));
  if (key_info.size() == kP256KeyInfoBytes &&
      absl::StartsWith(key_info, absl::HexStringToBytes(kP256PrefixHex))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the key is not one that devices have: expected ECDSA P-256, named "
      "curve, uncompressed point");
}

}  // namespace shoal::protocol
