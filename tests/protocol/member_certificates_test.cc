#include "protocol/member_certificates.h"

#include <openssl/x509.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/secure_aggregation/messages.h"
#include "protocol/certificate_parts.h"
#include "protocol/certificates.h"
#include "protocol/pem.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using secure_aggregation::kMaxCertificateBytes;
using secure_aggregation::kMaxSignatureBytes;
using secure_aggregation::MemberSigner;
using secure_aggregation::MemberVerifier;
using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);
constexpr char kMessage[] = "the keys of a round";

KeyAndCertificate Ca() {
  absl::StatusOr<KeyAndCertificate> ca = MakeCa("test CA", kNow, 10 * kYear);
  EXPECT_THAT(ca, IsOk());
  return *std::move(ca);
}

KeyAndCertificate Issued(const KeyAndCertificate& ca,
                         Role role = Role::kDevice) {
  const std::vector<std::string> hosts =
      role == Role::kCoordinator ? std::vector<std::string>{"localhost"}
                                 : std::vector<std::string>();
  absl::StatusOr<KeyAndCertificate> leaf =
      Issue(ca, "pump-7", role, hosts, kNow, kYear);
  EXPECT_THAT(leaf, IsOk());
  return *std::move(leaf);
}

std::unique_ptr<MemberSigner> SignerOf(const KeyAndCertificate& leaf) {
  auto signer = MakeCertificateSigner(leaf.key_pem, leaf.certificate_pem);
  EXPECT_THAT(signer, IsOk());
  return *std::move(signer);
}

class MemberCertificatesTest : public ::testing::Test {
 protected:
  MemberCertificatesTest() { verifier_ = Trusting(ca_.certificate_pem); }

  std::unique_ptr<MemberVerifier> Trusting(const std::string& roots) {
    auto verifier = MakeCertificateVerifier(roots, clock_);
    EXPECT_THAT(verifier, IsOk());
    return *std::move(verifier);
  }

  // What the verifier says of a message that the leaf signs.
  absl::StatusOr<std::string> Verdict(const KeyAndCertificate& leaf) {
    const std::unique_ptr<MemberSigner> signer = SignerOf(leaf);
    const absl::StatusOr<std::string> signature = signer->Sign(kMessage);
    EXPECT_THAT(signature, IsOk());
    EXPECT_LE(signature->size(), size_t{kMaxSignatureBytes});
    EXPECT_LE(signer->certificate().size(), size_t{kMaxCertificateBytes});
    return verifier_->Verify(signer->certificate(), kMessage, *signature);
  }

  VirtualClock clock_{kNow};
  const KeyAndCertificate ca_ = Ca();
  std::unique_ptr<MemberVerifier> verifier_;
};

TEST_F(MemberCertificatesTest, ADeviceIsKnownByTheIdOfItsCertificate) {
  const KeyAndCertificate leaf = Issued(ca_);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Identity identity,
                             ReadIdentity(leaf.certificate_pem));
  EXPECT_EQ(identity.id.size(), 64u);
  EXPECT_THAT(Verdict(leaf), IsOkAndHolds(identity.id));
}

TEST_F(MemberCertificatesTest, AnEnrolledDeviceIsKnownAsWell) {
  SHOAL_ASSERT_OK_AND_ASSIGN(Secret key, MakeKey());
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string request,
                             MakeRequest(key, "pump-7"));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      std::string certificate,
      SignDeviceRequest(ca_, request, "pump-7", kNow, kYear));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Identity identity,
                             ReadIdentity(certificate));
  EXPECT_THAT(Verdict({std::move(key), std::move(certificate)}),
              IsOkAndHolds(identity.id));
}

TEST_F(MemberCertificatesTest, RenewingACertificateKeepsTheId) {
  KeyAndCertificate leaf = Issued(ca_);
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string before, Verdict(leaf));
  clock_.Advance(2 * kYear);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      leaf.certificate_pem,
      Renew(ca_, leaf.certificate_pem, clock_.Now(), kYear));
  EXPECT_THAT(Verdict(leaf), IsOkAndHolds(before));
}

TEST_F(MemberCertificatesTest, AnExpiredCertificateIsRefused) {
  const KeyAndCertificate leaf = Issued(ca_);
  clock_.Advance(kYear - absl::Seconds(1));
  EXPECT_THAT(Verdict(leaf), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Verdict(leaf), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr("expired")));
}

TEST_F(MemberCertificatesTest, ACertificateOfTheFutureIsRefused) {
  const KeyAndCertificate leaf = Issued(ca_);
  clock_.JumpWallClock(-absl::Hours(1));
  EXPECT_THAT(Verdict(leaf), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr("not yet valid")));
}

TEST_F(MemberCertificatesTest, ACertificateOfAnotherCaIsRefused) {
  // Of the same name, and so with a chain that looks right.
  EXPECT_THAT(Verdict(Issued(Ca())),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("not one that the CA has signed")));
}

TEST_F(MemberCertificatesTest, EveryCaOfTheRootsIsTrusted) {
  const KeyAndCertificate other = Ca();
  verifier_ = Trusting(ca_.certificate_pem + other.certificate_pem);
  EXPECT_THAT(Verdict(Issued(ca_)), IsOk());
  EXPECT_THAT(Verdict(Issued(other)), IsOk());
}

TEST_F(MemberCertificatesTest, OperatorsAreNoMembers) {
  EXPECT_THAT(Verdict(Issued(ca_, Role::kOperator)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("role is operator, expected device")));
}

TEST_F(MemberCertificatesTest, CoordinatorsAreNoMembers) {
  EXPECT_THAT(Verdict(Issued(ca_, Role::kCoordinator)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("unsuitable certificate purpose")));
}

TEST_F(MemberCertificatesTest, ASignatureOfAnotherDeviceIsRefused) {
  const auto signer = SignerOf(Issued(ca_));
  const auto other = SignerOf(Issued(ca_));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string signature,
                             other->Sign(kMessage));
  EXPECT_THAT(
      verifier_->Verify(signer->certificate(), kMessage, signature),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("signature")));
}

TEST_F(MemberCertificatesTest, AnotherMessageIsRefused) {
  const auto signer = SignerOf(Issued(ca_));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string signature,
                             signer->Sign(kMessage));
  for (const std::string& message :
       {std::string(), absl::StrCat(kMessage, "x"), std::string("the")}) {
    EXPECT_THAT(verifier_->Verify(signer->certificate(), message, signature),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << message;
  }
}

TEST_F(MemberCertificatesTest, NoByteOfASignatureMayChange) {
  const auto signer = SignerOf(Issued(ca_));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string signature,
                             signer->Sign(kMessage));
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] ^= 1;
    EXPECT_FALSE(
        verifier_->Verify(signer->certificate(), kMessage, changed).ok())
        << i;
  }
  EXPECT_FALSE(verifier_->Verify(signer->certificate(), kMessage, "").ok());
}

TEST_F(MemberCertificatesTest, NoByteOfACertificateMayChange) {
  const auto signer = SignerOf(Issued(ca_));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string signature,
                             signer->Sign(kMessage));
  for (size_t i = 0; i < signer->certificate().size(); ++i) {
    std::string changed = signer->certificate();
    changed[i] ^= 1;
    EXPECT_FALSE(verifier_->Verify(changed, kMessage, signature).ok()) << i;
  }
}

TEST_F(MemberCertificatesTest, BytesBehindACertificateAreRefused) {
  const auto signer = SignerOf(Issued(ca_));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string signature,
                             signer->Sign(kMessage));
  for (const std::string& bytes :
       {absl::StrCat(signer->certificate(), "x"),
        signer->certificate().substr(1), std::string(),
        std::string(kMaxCertificateBytes, '\0')}) {
    EXPECT_THAT(verifier_->Verify(bytes, kMessage, signature),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("not a certificate")));
  }
}

TEST_F(MemberCertificatesTest, WhatIsTooLargeIsNotEvenRead) {
  EXPECT_THAT(
      verifier_->Verify(std::string(kMaxCertificateBytes + 1, '\0'), kMessage,
                        "signature"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("8193 bytes")));
}

TEST_F(MemberCertificatesTest, AnotherDevicesKeyIsNoSigner) {
  const KeyAndCertificate leaf = Issued(ca_);
  const KeyAndCertificate other = Issued(ca_);
  EXPECT_THAT(
      MakeCertificateSigner(other.key_pem, leaf.certificate_pem),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another key")));
}

// A certificate of a CA elsewhere, which knows no rules about keys and sizes.
absl::StatusOr<KeyAndCertificate> SignedElsewhere(
    const KeyAndCertificate& ca, KeyHandle key, int extension = NID_undef,
    const std::string& value = "") {
  const auto issuer_key = ReadKey(ca.key_pem);
  const auto issuer = ReadCertificate(ca.certificate_pem);
  EXPECT_THAT(issuer, IsOk());
  auto certificate = StartCertificate(key.get(), kNow, kNow + kYear);
  EXPECT_THAT(certificate, IsOk());
  X509* const raw = certificate->get();
  X509_set_issuer_name(raw, X509_get_subject_name(issuer->get()));
  EXPECT_THAT(AddToName(X509_get_subject_name(raw), "OU", "device"), IsOk());
  EXPECT_THAT(AddToName(X509_get_subject_name(raw), "CN", "pump-7"), IsOk());
  if (extension != NID_undef) {
    EXPECT_THAT(AddExtension(raw, issuer->get(), extension, value.c_str()),
                IsOk());
  }
  KeyAndCertificate leaf;
  auto pem = SignAndWrite(raw, issuer_key->get());
  auto key_pem = WriteKey(key.get());
  if (!pem.ok()) return pem.status();
  if (!key_pem.ok()) return key_pem.status();
  leaf.certificate_pem = *std::move(pem);
  leaf.key_pem = *std::move(key_pem);
  return leaf;
}

TEST_F(MemberCertificatesTest, ACertificateSignedElsewhereIsTakenAsWell) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const KeyAndCertificate leaf,
      SignedElsewhere(ca_, KeyHandle(EVP_EC_gen("P-256"))));
  EXPECT_THAT(Verdict(leaf), IsOk());
}

TEST_F(MemberCertificatesTest, ACertificateForServersIsRefused) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const KeyAndCertificate leaf,
      SignedElsewhere(ca_, KeyHandle(EVP_EC_gen("P-256")), NID_ext_key_usage,
                      "serverAuth"));
  EXPECT_THAT(Verdict(leaf), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr("purpose")));
}

TEST_F(MemberCertificatesTest, ACertificateThatIsTooLargeIsNoSigner) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const KeyAndCertificate leaf,
      SignedElsewhere(ca_, KeyHandle(EVP_EC_gen("P-256")), NID_netscape_comment,
                      std::string(kMaxCertificateBytes, 'x')));
  EXPECT_THAT(
      MakeCertificateSigner(leaf.key_pem, leaf.certificate_pem),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 8192")));
}

TEST_F(MemberCertificatesTest, KeysThatEnrolmentRefusesAreRefused) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const KeyAndCertificate leaf,
      SignedElsewhere(ca_, KeyHandle(EVP_EC_gen("P-384"))));
  EXPECT_THAT(MakeCertificateSigner(leaf.key_pem, leaf.certificate_pem),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected ECDSA P-256")));
  SHOAL_ASSERT_OK_AND_ASSIGN(const CertificateHandle certificate,
                             ReadCertificate(leaf.certificate_pem));
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  const std::string bytes(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  EXPECT_THAT(verifier_->Verify(bytes, kMessage, "signature"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected ECDSA P-256")));
}

TEST_F(MemberCertificatesTest, RootsThatAreNoneAreRefused) {
  EXPECT_THAT(MakeCertificateVerifier("no certificate", clock_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace shoal::protocol
