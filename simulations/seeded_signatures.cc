#include "simulations/seeded_signatures.h"

#include <openssl/evp.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/digest.h"

namespace shoal::simulations {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* Bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

class SeededSigner final : public secure_aggregation::MemberSigner {
 public:
  explicit SeededSigner(absl::string_view private_key)
      : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                          Bytes(private_key),
                                          private_key.size()),
             EVP_PKEY_free) {
    SHOAL_CHECK(key_ != nullptr);
  }

  std::string PublicKey() const {
    std::string bytes(kKeyBytes, '\0');
    size_t size = bytes.size();
    SHOAL_CHECK(EVP_PKEY_get_raw_public_key(key_.get(), Bytes(bytes), &size) ==
                1);
    return bytes;
  }
  void set_certificate(std::string certificate) {
    certificate_ = std::move(certificate);
  }

  const std::string& certificate() const override { return certificate_; }

  absl::StatusOr<std::string> Sign(absl::string_view message) const override {
    const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(kSignatureBytes, '\0');
    size_t size = signature.size();
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                           key_.get()) != 1 ||
        EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(message),
                       message.size()) != 1) {
      return absl::InternalError("OpenSSL does not sign with Ed25519");
    }
    return signature;
  }

 private:
  const Key key_;
  std::string certificate_;
};

bool IsSigned(absl::string_view public_key, absl::string_view message,
              absl::string_view signature) {
  const Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key),
                                  public_key.size()),
      EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                              key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(),
                          Bytes(message), message.size()) == 1;
}

}  // namespace

SeededAuthority::SeededAuthority(uint64_t seed)
    : secret_(Sha256(absl::StrCat("authority ", seed)).AsBytes()) {}

std::string SeededAuthority::CodeOf(absl::string_view key,
                                    absl::string_view device_id) const {
  return std::string(
      secret_.Of(absl::StrCat("device ", key, device_id)).AsBytes());
}

// A certificate: the public key, the authority's code of it and the id, the id.
std::unique_ptr<secure_aggregation::MemberSigner> SeededAuthority::Issue(
    absl::string_view device_id) const {
  auto signer = std::make_unique<SeededSigner>(
      secret_.Of(absl::StrCat("key of ", device_id)).AsBytes());
  const std::string key = signer->PublicKey();
  signer->set_certificate(absl::StrCat(key, CodeOf(key, device_id), device_id));
  return signer;
}

absl::StatusOr<std::string> SeededAuthority::Verify(
    absl::string_view certificate, absl::string_view message,
    absl::string_view signature) const {
  constexpr size_t kHead = kKeyBytes + Digest::kSize;
  if (certificate.size() < kHead) {
    return absl::UnauthenticatedError("a certificate that is cut short");
  }
  const absl::string_view key = certificate.substr(0, kKeyBytes);
  const absl::string_view device_id = certificate.substr(kHead);
  if (CodeOf(key, device_id) != certificate.substr(kKeyBytes, Digest::kSize)) {
    return absl::UnauthenticatedError("a certificate of another authority");
  }
  if (!IsSigned(key, message, signature)) {
    return absl::InvalidArgumentError("a signature that is wrong");
  }
  return std::string(device_id);
}

}  // namespace shoal::simulations
