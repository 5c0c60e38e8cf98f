#include "protocol/member_certificates.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "privacy/secure_aggregation/messages.h"
#include "protocol/certificate_identity.h"
#include "protocol/certificates.h"
#include "protocol/openssl_handles.h"
#include "protocol/pem.h"

namespace shoal::protocol {
namespace {

using secure_aggregation::kMaxCertificateBytes;
using secure_aggregation::kMaxSignatureBytes;
using secure_aggregation::MemberSigner;
using secure_aggregation::MemberVerifier;
using DigestHandle = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using RootsHandle = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using ChainHandle = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

absl::Status TooLarge(size_t num_bytes) {
  return absl::InvalidArgumentError(absl::StrCat("a certificate of ", num_bytes,
                                                 " bytes: groups take at most ",
                                                 kMaxCertificateBytes));
}

absl::StatusOr<std::string> WriteDer(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return OpensslError("encoding a certificate");
  std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

absl::StatusOr<CertificateHandle> ReadDer(absl::string_view der) {
  if (der.size() > kMaxCertificateBytes) return TooLarge(der.size());
  const unsigned char* next = Bytes(der);
  CertificateHandle certificate(
      d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  if (certificate == nullptr || next != Bytes(der) + der.size()) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a certificate: expected one, DER");
  }
  return certificate;
}

absl::Status CheckSignature(X509* certificate, absl::string_view message,
                            absl::string_view signature) {
  EVP_PKEY* const key = X509_get0_pubkey(certificate);
  const DigestHandle context(EVP_MD_CTX_new());
  const bool is_signed =
      key != nullptr && context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                           key) == 1 &&
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(),
                       Bytes(message), message.size()) == 1;
  if (is_signed) return absl::OkStatus();
  ERR_clear_error();
  return absl::InvalidArgumentError(
      "the signature is not one of the certificate's key for this message");
}

class CertificateSigner final : public MemberSigner {
 public:
  CertificateSigner(KeyHandle key, std::string certificate)
      : key_(std::move(key)), certificate_(std::move(certificate)) {}

  const std::string& certificate() const override { return certificate_; }
  absl::StatusOr<std::string> Sign(absl::string_view message) const override;

 private:
  const KeyHandle key_;
  const std::string certificate_;  // DER
};

absl::StatusOr<std::string> CertificateSigner::Sign(
    absl::string_view message) const {
  const DigestHandle context(EVP_MD_CTX_new());
  std::string signature(kMaxSignatureBytes, '\0');
  size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr,
                         key_.get()) != 1 ||
      EVP_DigestSign(context.get(),
                     reinterpret_cast<unsigned char*>(signature.data()), &size,
                     Bytes(message), message.size()) != 1) {
    return OpensslError("signing with the device's key");
  }
  signature.resize(size);
  return signature;
}

class CertificateVerifier final : public MemberVerifier {
 public:
  CertificateVerifier(RootsHandle roots, const Clock& clock)
      : roots_(std::move(roots)), clock_(clock) {}

  absl::StatusOr<std::string> Verify(
      absl::string_view certificate, absl::string_view message,
      absl::string_view signature) const override;

 private:
  absl::Status CheckChain(X509* certificate) const;

  const RootsHandle roots_;
  const Clock& clock_;
};

absl::StatusOr<std::string> CertificateVerifier::Verify(
    absl::string_view certificate, absl::string_view message,
    absl::string_view signature) const {
  SHOAL_ASSIGN_OR_RETURN(const CertificateHandle read, ReadDer(certificate));
  SHOAL_RETURN_IF_ERROR(CheckChain(read.get()));
  SHOAL_ASSIGN_OR_RETURN(Identity identity, IdentityOf(*read));
  if (identity.role != Role::kDevice) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate's role is ",
                                                   ToString(identity.role),
                                                   ", expected device"));
  }
  SHOAL_RETURN_IF_ERROR(CheckDeviceKey(X509_get_X509_PUBKEY(read.get())));
  SHOAL_RETURN_IF_ERROR(CheckSignature(read.get(), message, signature));
  return std::move(identity.id);
}

absl::Status CertificateVerifier::CheckChain(X509* certificate) const {
  const ChainHandle context(X509_STORE_CTX_new());
  if (context == nullptr || X509_STORE_CTX_init(context.get(), roots_.get(),
                                                certificate, nullptr) != 1) {
    return OpensslError("verifying a certificate");
  }
  X509_VERIFY_PARAM* const how = X509_STORE_CTX_get0_param(context.get());
  // What is trusted need not be signed by itself, as in TLS.
  X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(how, absl::ToTimeT(clock_.Now()));
  X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat(
      "the certificate is not one that the CA has signed for now: ",
      X509_verify_cert_error_string(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MemberSigner>> MakeCertificateSigner(
    const Secret& key_pem, absl::string_view certificate_pem) {
  SHOAL_ASSIGN_OR_RETURN(KeyHandle key, ReadKey(key_pem));
  SHOAL_ASSIGN_OR_RETURN(const CertificateHandle certificate,
                         ReadCertificate(certificate_pem));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "the certificate belongs to another key than the device's");
  }
  SHOAL_RETURN_IF_ERROR(
      CheckDeviceKey(X509_get_X509_PUBKEY(certificate.get())));
  SHOAL_ASSIGN_OR_RETURN(std::string der, WriteDer(certificate.get()));
  if (der.size() > kMaxCertificateBytes) return TooLarge(der.size());
  return std::make_unique<CertificateSigner>(std::move(key), std::move(der));
}

absl::StatusOr<std::unique_ptr<MemberVerifier>> MakeCertificateVerifier(
    absl::string_view roots_pem, const Clock& clock) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<CertificateHandle> certificates,
                         ReadCertificates(roots_pem));
  RootsHandle roots(X509_STORE_new());
  if (roots == nullptr) return OpensslError("trusting a CA");
  for (const CertificateHandle& certificate : certificates) {
    if (X509_STORE_add_cert(roots.get(), certificate.get()) != 1) {
      return OpensslError("trusting a CA");
    }
  }
  return std::make_unique<CertificateVerifier>(std::move(roots), clock);
}

}  // namespace shoal::protocol
