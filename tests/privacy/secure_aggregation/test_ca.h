// Signers and certificates for tests: of Ed25519 as devices have them, or of
// HMACs, which are no signatures but take no time.
#ifndef SHOAL_TESTS_PRIVACY_SECURE_AGGREGATION_TEST_CA_H_
#define SHOAL_TESTS_PRIVACY_SECURE_AGGREGATION_TEST_CA_H_

#include <openssl/evp.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/hmac_key.h"
#include "privacy/secure_aggregation/signing.h"

namespace shoal::testing {

enum class TestSignatures { kEd25519, kHmac };

class TestSigner final : public secure_aggregation::MemberSigner {
 public:
  TestSigner(std::string certificate, std::string key, TestSignatures kind)
      : certificate_(std::move(certificate)),
        key_(std::move(key)),
        kind_(kind) {}

  const std::string& certificate() const override { return certificate_; }

  absl::StatusOr<std::string> Sign(absl::string_view message) const override {
    if (kind_ == TestSignatures::kHmac) {
      return std::string(HmacKey(key_).Of(message).AsBytes());
    }
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_new_raw_private_key(
            EVP_PKEY_ED25519, nullptr,
            reinterpret_cast<const unsigned char*>(key_.data()), key_.size()),
        EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
        EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(64, '\0');
    size_t size = signature.size();
    SHOAL_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                                   key.get()) == 1);
    SHOAL_CHECK(EVP_DigestSign(
                    context.get(),
                    reinterpret_cast<unsigned char*>(signature.data()), &size,
                    reinterpret_cast<const unsigned char*>(message.data()),
                    message.size()) == 1);
    return signature;
  }

 private:
  const std::string certificate_;
  const std::string key_;
  const TestSignatures kind_;
};

// A certificate is "ID KEY MAC" in hexadecimal, with the CA's MAC over ID KEY.
class TestCa final : public secure_aggregation::MemberVerifier {
 public:
  explicit TestCa(TestSignatures kind, std::string secret = "test CA")
      : kind_(kind), secret_(std::move(secret)) {}

  std::unique_ptr<TestSigner> Issue(const std::string& device_id) const {
    const std::string key(HmacKey(secret_).Of("key of " + device_id).AsBytes());
    std::string subject =
        absl::StrCat(device_id, " ",
                     absl::BytesToHexString(
                         kind_ == TestSignatures::kHmac ? key : Public(key)));
    return std::make_unique<TestSigner>(
        absl::StrCat(subject, " ", HmacKey(secret_).Of(subject).ToHex()), key,
        kind_);
  }

  absl::StatusOr<std::string> Verify(
      absl::string_view certificate, absl::string_view message,
      absl::string_view signature) const override {
    const std::vector<std::string> parts =
        absl::StrSplit(std::string(certificate), ' ');
    if (parts.size() != 3 ||
        HmacKey(secret_).Of(parts[0] + " " + parts[1]).ToHex() != parts[2]) {
      return absl::UnauthenticatedError("a certificate of another CA");
    }
    if (expired_.contains(parts[0])) {
      return absl::FailedPreconditionError("the certificate has expired");
    }
    const std::string key = absl::HexStringToBytes(parts[1]);
    const bool valid =
        kind_ == TestSignatures::kHmac
            ? ConstantTimeEquals(HmacKey(key).Of(message).AsBytes(), signature)
            : IsSigned(key, message, signature);
    if (!valid) return absl::InvalidArgumentError("a signature that is wrong");
    return parts[0];
  }
  // The device's certificate is not valid any more.
  void Expire(const std::string& device_id) { expired_.insert(device_id); }

 private:
  static std::string Public(const std::string& private_key) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_new_raw_private_key(
            EVP_PKEY_ED25519, nullptr,
            reinterpret_cast<const unsigned char*>(private_key.data()),
            private_key.size()),
        EVP_PKEY_free);
    std::string bytes(32, '\0');
    size_t size = bytes.size();
    SHOAL_CHECK(EVP_PKEY_get_raw_public_key(
                    key.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                    &size) == 1);
    return bytes;
  }

  static bool IsSigned(const std::string& public_key, absl::string_view message,
                       absl::string_view signature) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_new_raw_public_key(
            EVP_PKEY_ED25519, nullptr,
            reinterpret_cast<const unsigned char*>(public_key.data()),
            public_key.size()),
        EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
        EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                                key.get()) == 1 &&
           EVP_DigestVerify(
               context.get(),
               reinterpret_cast<const unsigned char*>(signature.data()),
               signature.size(),
               reinterpret_cast<const unsigned char*>(message.data()),
               message.size()) == 1;
  }

  const TestSignatures kind_;
  const std::string secret_;
  std::set<std::string> expired_;  // device ids
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_PRIVACY_SECURE_AGGREGATION_TEST_CA_H_
