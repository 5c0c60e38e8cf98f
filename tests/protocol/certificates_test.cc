#include "protocol/certificates.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/openssl_handles.h"
#include "protocol/pem.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

KeyAndCertificate Ca(absl::string_view name = "test CA") {
  absl::StatusOr<KeyAndCertificate> ca = MakeCa(name, kNow, 10 * kYear);
  EXPECT_THAT(ca, IsOk());
  return *std::move(ca);
}

std::string DeviceCertificate(const KeyAndCertificate& ca) {
  absl::StatusOr<KeyAndCertificate> issued =
      Issue(ca, "pump-7", Role::kDevice, {}, kNow, kYear);
  EXPECT_THAT(issued, IsOk());
  return issued->certificate_pem;
}

CertificateHandle Parsed(absl::string_view pem) {
  absl::StatusOr<CertificateHandle> certificate = ReadCertificate(pem);
  EXPECT_THAT(certificate, IsOk());
  return *std::move(certificate);
}

// OpenSSL's verdict on a chain, X509_V_OK when it is good.
int Verify(absl::string_view ca_pem, absl::string_view leaf_pem, int purpose,
           absl::Time now) {
  const CertificateHandle ca = Parsed(ca_pem);
  const CertificateHandle leaf = Parsed(leaf_pem);
  std::unique_ptr<X509_STORE, Freer<X509_STORE_free>> store(X509_STORE_new());
  std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>> context(
      X509_STORE_CTX_new());
  X509_STORE_add_cert(store.get(), ca.get());
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_purpose(parameters, purpose);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

TEST(CertificatesTest, ADeviceCertificateVerifiesForClientsOnly) {
  const KeyAndCertificate ca = Ca();
  const std::string leaf = DeviceCertificate(ca);
  EXPECT_EQ(Verify(ca.certificate_pem, leaf, X509_PURPOSE_SSL_CLIENT, kNow),
            X509_V_OK);
  EXPECT_EQ(Verify(ca.certificate_pem, leaf, X509_PURPOSE_SSL_SERVER, kNow),
            X509_V_ERR_INVALID_PURPOSE);
}

TEST(CertificatesTest, ACoordinatorCertificateVerifiesForServersOnly) {
  const KeyAndCertificate ca = Ca();
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const KeyAndCertificate leaf,
      Issue(ca, "coordinator", Role::kCoordinator, {"localhost"}, kNow, kYear));
  EXPECT_EQ(Verify(ca.certificate_pem, leaf.certificate_pem,
                   X509_PURPOSE_SSL_SERVER, kNow),
            X509_V_OK);
  EXPECT_EQ(Verify(ca.certificate_pem, leaf.certificate_pem,
                   X509_PURPOSE_SSL_CLIENT, kNow),
            X509_V_ERR_INVALID_PURPOSE);
}

TEST(CertificatesTest, AnotherCaIsNotTrusted) {
  const std::string leaf = DeviceCertificate(Ca());
  EXPECT_NE(Verify(Ca().certificate_pem, leaf, X509_PURPOSE_SSL_CLIENT, kNow),
            X509_V_OK);
}

TEST(CertificatesTest, AClockThatIsSlowByMinutesAcceptsANewCertificate) {
  const KeyAndCertificate ca = Ca();
  const std::string leaf = DeviceCertificate(ca);
  EXPECT_EQ(Verify(ca.certificate_pem, leaf, X509_PURPOSE_SSL_CLIENT,
                   kNow - absl::Minutes(4)),
            X509_V_OK);
  EXPECT_EQ(Verify(ca.certificate_pem, leaf, X509_PURPOSE_SSL_CLIENT,
                   kNow - absl::Minutes(6)),
            X509_V_ERR_CERT_NOT_YET_VALID);
}

TEST(CertificatesTest, ACertificateExpires) {
  const KeyAndCertificate ca = Ca();
  EXPECT_EQ(Verify(ca.certificate_pem, DeviceCertificate(ca),
                   X509_PURPOSE_SSL_CLIENT, kNow + kYear + absl::Minutes(1)),
            X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST(CertificatesTest, ACertificateNeverOutlivesItsCa) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const KeyAndCertificate ca,
                             MakeCa("short CA", kNow, absl::Hours(1)));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Identity identity,
                             ReadIdentity(DeviceCertificate(ca)));
  EXPECT_EQ(identity.expires, kNow + absl::Hours(1));
  EXPECT_THAT(
      Issue(ca, "late", Role::kDevice, {}, kNow + absl::Hours(2), kYear),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("expired")));
}

TEST(CertificatesTest, HostsBecomeAlternativeNames) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const KeyAndCertificate leaf,
      Issue(Ca(), "coordinator", Role::kCoordinator,
            {"fleet.example.org", "127.0.0.1", "::1"}, kNow, kYear));
  const CertificateHandle certificate = Parsed(leaf.certificate_pem);
  X509* raw = certificate.get();
  EXPECT_EQ(X509_check_host(raw, "fleet.example.org", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(raw, "other.example.org", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(raw, "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(raw, "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(raw, "127.0.0.2", 0), 0);
}

TEST(CertificatesTest, AnImpossibleHostIsNamed) {
  EXPECT_THAT(Issue(Ca(), "coordinator", Role::kCoordinator,
                    {"ok.example", "bad,DNS:evil"}, kNow, kYear),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'bad,DNS:evil' is no host")));
}

TEST(CertificatesTest, ACoordinatorNeedsAHost) {
  EXPECT_THAT(Issue(Ca(), "coordinator", Role::kCoordinator, {}, kNow, kYear),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("host")));
}

TEST(CertificatesTest, SerialsDiffer) {
  const KeyAndCertificate ca = Ca();
  const CertificateHandle a = Parsed(DeviceCertificate(ca));
  const CertificateHandle b = Parsed(DeviceCertificate(ca));
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(a.get()),
                             X509_get0_serialNumber(b.get())),
            0);
}

TEST(CertificatesTest, AForeignCaKeyIsRefused) {
  KeyAndCertificate ca = Ca();
  ca.key_pem = Ca().key_pem.Copy();
  EXPECT_THAT(Issue(ca, "pump-7", Role::kDevice, {}, kNow, kYear),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("does not belong")));
}

TEST(CertificatesTest, ALeafCannotSign) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const KeyAndCertificate leaf,
      Issue(Ca(), "pump-7", Role::kDevice, {}, kNow, kYear));
  EXPECT_THAT(
      Issue(leaf, "pump-8", Role::kDevice, {}, kNow, kYear),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a CA's")));
}

TEST(CertificatesTest, NamesAreShortAndPrintable) {
  const KeyAndCertificate ca = Ca();
  for (const std::string& name :
       {std::string(), std::string(65, 'x'), std::string("a\nb"),
        std::string("a\0b", 3)}) {
    EXPECT_THAT(Issue(ca, name, Role::kDevice, {}, kNow, kYear),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(Issue(ca, std::string(64, 'x'), Role::kDevice, {}, kNow, kYear),
              IsOk());
}

TEST(CertificatesTest, LifetimesHaveBounds) {
  EXPECT_THAT(MakeCa("ca", kNow, absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeCa("ca", kNow, absl::InfiniteDuration()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ReadIdentityTest, FindsNameRoleAndExpiry) {
  const KeyAndCertificate ca = Ca();
  for (Role role : {Role::kDevice, Role::kOperator, Role::kCoordinator}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const KeyAndCertificate leaf,
        Issue(ca, "someone", role, {"localhost"}, kNow, kYear));
    SHOAL_ASSERT_OK_AND_ASSIGN(const Identity identity,
                               ReadIdentity(leaf.certificate_pem));
    EXPECT_EQ(identity.name, "someone");
    EXPECT_EQ(identity.role, role);
    EXPECT_EQ(identity.expires, kNow + kYear);
    EXPECT_EQ(identity.id.size(), 64u);
  }
}

TEST(ReadIdentityTest, ACaHasNoRole) {
  EXPECT_THAT(ReadIdentity(Ca().certificate_pem),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ReadIdentityTest, TextThatIsNoCertificateIsRefused) {
  EXPECT_THAT(ReadIdentity("hello"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

class RequestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SHOAL_ASSERT_OK_AND_ASSIGN(key_, MakeKey());
    SHOAL_ASSERT_OK_AND_ASSIGN(request_, MakeRequest(key_, "pump-7"));
  }

  absl::StatusOr<std::string> Sign(absl::string_view request) {
    return SignDeviceRequest(ca_, request, "pump-7", kNow, kYear);
  }

  const KeyAndCertificate ca_ = Ca();
  Secret key_;
  std::string request_;
};

TEST_F(RequestTest, BecomesADeviceCertificateForTheSameKey) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string pem, Sign(request_));
  EXPECT_EQ(Verify(ca_.certificate_pem, pem, X509_PURPOSE_SSL_CLIENT, kNow),
            X509_V_OK);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Identity identity, ReadIdentity(pem));
  EXPECT_EQ(identity.role, Role::kDevice);
  SHOAL_ASSERT_OK_AND_ASSIGN(const KeyHandle key, ReadKey(key_));
  EXPECT_EQ(X509_check_private_key(Parsed(pem).get(), key.get()), 1);
}

TEST_F(RequestTest, TheIdentityOutlivesARenewal) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string first, Sign(request_));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const std::string second,
      SignDeviceRequest(ca_, request_, "renamed", kNow + kYear, kYear));
  EXPECT_NE(first, second);
  EXPECT_EQ(ReadIdentity(first)->id, ReadIdentity(second)->id);
}

TEST_F(RequestTest, AnotherKeyIsAnotherIdentity) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string first, Sign(request_));
  EXPECT_NE(ReadIdentity(first)->id, ReadIdentity(DeviceCertificate(ca_))->id);
}

TEST_F(RequestTest, CannotAskForAnotherRole) {
  // The subject of a request is not copied: neither its name nor a unit.
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string request,
                             MakeRequest(key_, "OU=operator"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string pem, Sign(request));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Identity identity, ReadIdentity(pem));
  EXPECT_EQ(identity.role, Role::kDevice);
  EXPECT_EQ(identity.name, "pump-7");
}

TEST_F(RequestTest, EveryTruncationIsRefused) {
  for (size_t size = 0; size < request_.size(); ++size) {
    EXPECT_THAT(Sign(request_.substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(RequestTest, BytesAfterTheEndAreRefused) {
  EXPECT_THAT(Sign(request_ + "x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RequestTest, AChangedKeyIsRefused) {
  SHOAL_ASSERT_OK_AND_ASSIGN(Secret other_key, MakeKey());
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string other,
                             MakeRequest(other_key, "pump-7"));
  // The last 65 bytes of the key info are the point; put the other one in.
  const std::string marker("\x03\x42\x00\x04", 4);
  const size_t from = other.find(marker);
  const size_t to = request_.find(marker);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  std::string forged = request_;
  forged.replace(to + 4, 64, other.substr(from + 4, 64));
  EXPECT_THAT(Sign(forged), StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("not signed by its own key")));
}

// A well-signed request for a key of OpenSSL's kind and parameter.
std::string RequestFor(EVP_PKEY* key) {
  RequestHandle request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key);
  const EVP_MD* digest =
      EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  X509_REQ_sign(request.get(), key, digest);
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  std::string bytes(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  return bytes;
}

TEST_F(RequestTest, KeysOtherThanP256AreRefused) {
  const KeyHandle p384(EVP_EC_gen("P-384"));
  const KeyHandle ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  for (EVP_PKEY* key : {p384.get(), ed25519.get()}) {
    EXPECT_THAT(Sign(RequestFor(key)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected ECDSA P-256")));
  }
}

TEST_F(RequestTest, ACompressedPointIsRefused) {
  // The same key in another encoding would be another identity.
  SHOAL_ASSERT_OK_AND_ASSIGN(const KeyHandle key, ReadKey(key_));
  ASSERT_EQ(
      EVP_PKEY_set_utf8_string_param(key.get(), "point-format", "compressed"),
      1);
  EXPECT_THAT(
      Sign(RequestFor(key.get())),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("uncompressed")));
}

TEST(MakeRequestTest, TextThatIsNoKeyIsRefused) {
  EXPECT_THAT(MakeRequest(Secret(std::string("no key")), "pump-7"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace shoal::protocol
