#include "protocol/certificates.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "protocol/certificate_identity.h"
#include "protocol/certificate_parts.h"
#include "protocol/openssl_handles.h"
#include "protocol/pem.h"

namespace shoal::protocol {
namespace {

constexpr size_t kMaxRequestBytes = 16 * 1024;

absl::StatusOr<KeyHandle> GenerateKey() {
  KeyHandle key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpensslError("generating a P-256 key");
  return key;
}

struct Authority {
  KeyHandle key;
  CertificateHandle certificate;
};

absl::StatusOr<Authority> OpenCa(const KeyAndCertificate& ca) {
  Authority authority;
  SHOAL_ASSIGN_OR_RETURN(authority.key, ReadKey(ca.key_pem));
  SHOAL_ASSIGN_OR_RETURN(authority.certificate,
                         ReadCertificate(ca.certificate_pem));
  if (X509_check_private_key(authority.certificate.get(),
                             authority.key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "the CA's key does not belong to the CA's certificate");
  }
  if (X509_check_ca(authority.certificate.get()) != 1) {
    return absl::InvalidArgumentError(
        "the certificate that shall sign is not a CA's");
  }
  return authority;
}

struct Leaf {
  EVP_PKEY* key;
  absl::string_view name;
  Role role;
  std::vector<std::string> hosts;
  const X509* hosts_of = nullptr;  // a certificate with the same hosts
};

// Takes the subject's alternative names over, if there are any.
absl::Status CopyHosts(const X509* from, X509* to) {
  const int index = X509_get_ext_by_NID(from, NID_subject_alt_name, -1);
  if (index < 0) return absl::OkStatus();
  if (X509_add_ext(to, X509_get_ext(from, index), -1) == 1) {
    return absl::OkStatus();
  }
  return OpensslError("copying a certificate's hosts");
}

// A leaf's PEM. It never outlives the CA.
absl::StatusOr<std::string> SignLeaf(const Authority& ca, const Leaf& leaf,
                                     absl::Time now, absl::Duration lifetime) {
  SHOAL_RETURN_IF_ERROR(CheckName(leaf.name));
  SHOAL_RETURN_IF_ERROR(CheckLifetime(lifetime));
  SHOAL_ASSIGN_OR_RETURN(const absl::Time ca_expires,
                         ExpiryOf(ca.certificate.get()));
  if (now >= ca_expires) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the CA's certificate expired at ", absl::FormatTime(ca_expires)));
  }
  SHOAL_ASSIGN_OR_RETURN(
      CertificateHandle certificate,
      StartCertificate(leaf.key, now, std::min(now + lifetime, ca_expires)));
  X509* const raw = certificate.get();
  X509* const issuer = ca.certificate.get();
  X509_NAME* subject = X509_get_subject_name(raw);
  SHOAL_RETURN_IF_ERROR(AddToName(subject, "OU", ToString(leaf.role)));
  SHOAL_RETURN_IF_ERROR(AddToName(subject, "CN", leaf.name));
  if (X509_set_issuer_name(raw, X509_get_subject_name(issuer)) != 1) {
    return OpensslError("naming a certificate's issuer");
  }
  const char* usage =
      leaf.role == Role::kCoordinator ? "serverAuth" : "clientAuth";
  const std::pair<int, const char*> extensions[] = {
      {NID_basic_constraints, "critical,CA:FALSE"},
      {NID_key_usage, "critical,digitalSignature"},
      {NID_ext_key_usage, usage},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, "keyid:always"}};
  for (const auto& [nid, value] : extensions) {
    SHOAL_RETURN_IF_ERROR(AddExtension(raw, issuer, nid, value));
  }
  if (!leaf.hosts.empty()) {
    SHOAL_RETURN_IF_ERROR(AddHosts(raw, leaf.hosts));
  }
  if (leaf.hosts_of != nullptr) {
    SHOAL_RETURN_IF_ERROR(CopyHosts(leaf.hosts_of, raw));
  }
  return SignAndWrite(raw, ca.key.get());
}

absl::StatusOr<RequestHandle> ReadRequest(absl::string_view der) {
  const unsigned char* next =
      reinterpret_cast<const unsigned char*>(der.data());
  RequestHandle request;
  if (der.size() <= kMaxRequestBytes) {
    request.reset(d2i_X509_REQ(nullptr, &next, static_cast<long>(der.size())));
  }
  ERR_clear_error();
  const bool all_read =
      reinterpret_cast<const char*>(next) == der.data() + der.size();
  if (request == nullptr || !all_read) {
    return absl::InvalidArgumentError(
        "not a certificate request: expected PKCS#10, DER, at most 16 KiB");
  }
  return request;
}

}  // namespace

absl::string_view ToString(Role role) {
  switch (role) {
    case Role::kDevice:
      return "device";
    case Role::kOperator:
      return "operator";
    case Role::kCoordinator:
      return "coordinator";
  }
  SHOAL_CHECK(false);
}

absl::StatusOr<KeyAndCertificate> MakeCa(absl::string_view name, absl::Time now,
                                         absl::Duration lifetime) {
  SHOAL_RETURN_IF_ERROR(CheckName(name));
  SHOAL_RETURN_IF_ERROR(CheckLifetime(lifetime));
  SHOAL_ASSIGN_OR_RETURN(KeyHandle key, GenerateKey());
  SHOAL_ASSIGN_OR_RETURN(CertificateHandle certificate,
                         StartCertificate(key.get(), now, now + lifetime));
  X509* const raw = certificate.get();
  X509_NAME* subject = X509_get_subject_name(raw);
  SHOAL_RETURN_IF_ERROR(AddToName(subject, "CN", name));
  if (X509_set_issuer_name(raw, subject) != 1) {
    return OpensslError("naming a CA");
  }
  const std::pair<int, const char*> extensions[] = {
      {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
      {NID_key_usage, "critical,keyCertSign,cRLSign"},
      {NID_subject_key_identifier, "hash"}};
  for (const auto& [nid, value] : extensions) {
    SHOAL_RETURN_IF_ERROR(AddExtension(raw, raw, nid, value));
  }
  KeyAndCertificate ca;
  SHOAL_ASSIGN_OR_RETURN(ca.certificate_pem, SignAndWrite(raw, key.get()));
  SHOAL_ASSIGN_OR_RETURN(ca.key_pem, WriteKey(key.get()));
  return ca;
}

absl::StatusOr<KeyAndCertificate> Issue(const KeyAndCertificate& ca,
                                        absl::string_view name, Role role,
                                        const std::vector<std::string>& hosts,
                                        absl::Time now,
                                        absl::Duration lifetime) {
  if (role == Role::kCoordinator && hosts.empty()) {
    return absl::InvalidArgumentError(
        "a coordinator's certificate needs at least one host name or address, "
        "which its clients compare");
  }
  SHOAL_ASSIGN_OR_RETURN(const Authority authority, OpenCa(ca));
  SHOAL_ASSIGN_OR_RETURN(KeyHandle key, GenerateKey());
  KeyAndCertificate issued;
  SHOAL_ASSIGN_OR_RETURN(
      issued.certificate_pem,
      SignLeaf(authority, {key.get(), name, role, hosts}, now, lifetime));
  SHOAL_ASSIGN_OR_RETURN(issued.key_pem, WriteKey(key.get()));
  return issued;
}

absl::StatusOr<std::string> Renew(const KeyAndCertificate& ca,
                                  absl::string_view certificate_pem,
                                  absl::Time now, absl::Duration lifetime) {
  SHOAL_ASSIGN_OR_RETURN(const Authority authority, OpenCa(ca));
  SHOAL_ASSIGN_OR_RETURN(const Identity identity,
                         ReadIdentity(certificate_pem));
  SHOAL_ASSIGN_OR_RETURN(const CertificateHandle old,
                         ReadCertificate(certificate_pem));
  if (X509_verify(old.get(), authority.key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "the certificate was not signed by this CA");
  }
  EVP_PKEY* const key = X509_get0_pubkey(old.get());
  return SignLeaf(authority, {key, identity.name, identity.role, {}, old.get()},
                  now, lifetime);
}

absl::StatusOr<Secret> MakeKey() {
  SHOAL_ASSIGN_OR_RETURN(KeyHandle key, GenerateKey());
  return WriteKey(key.get());
}

absl::StatusOr<std::string> MakeRequest(const Secret& key_pem,
                                        absl::string_view name) {
  SHOAL_RETURN_IF_ERROR(CheckName(name));
  SHOAL_ASSIGN_OR_RETURN(KeyHandle key, ReadKey(key_pem));
  RequestHandle request(X509_REQ_new());
  if (request == nullptr ||
      X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1) {
    return OpensslError("making a certificate request");
  }
  SHOAL_RETURN_IF_ERROR(
      AddToName(X509_REQ_get_subject_name(request.get()), "CN", name));
  if (X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0) {
    return OpensslError("signing a certificate request");
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  if (size <= 0) return OpensslError("encoding a certificate request");
  std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

absl::StatusOr<std::string> SignDeviceRequest(const KeyAndCertificate& ca,
                                              absl::string_view request_der,
                                              absl::string_view name,
                                              absl::Time now,
                                              absl::Duration lifetime) {
  SHOAL_ASSIGN_OR_RETURN(const Authority authority, OpenCa(ca));
  SHOAL_ASSIGN_OR_RETURN(RequestHandle request, ReadRequest(request_der));
  SHOAL_RETURN_IF_ERROR(
      CheckDeviceKey(X509_REQ_get_X509_PUBKEY(request.get())));
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  const bool signed_by_key =
      key != nullptr && X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  if (!signed_by_key) {
    return absl::InvalidArgumentError(
        "the certificate request is not signed by its own key");
  }
  return SignLeaf(authority, {key, name, Role::kDevice, {}}, now, lifetime);
}

absl::StatusOr<Identity> ReadIdentity(absl::string_view certificate_pem) {
  SHOAL_ASSIGN_OR_RETURN(const CertificateHandle certificate,
                         ReadCertificate(certificate_pem));
  return IdentityOf(*certificate);
}

}  // namespace shoal::protocol
