// A target of the certificates and signatures that members of a group of secure
// aggregation send each other.
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "protocol/member_certificates.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/secure_aggregation_inputs.h"

namespace shoal::testing {
namespace {

// Made once, because a corpus must outlive its process: a CA, what it has
// signed for one device, and what that device has signed. Good until 2073; the
// private keys are gone.
constexpr absl::string_view kCa =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBajCCARCgAwIBAgIRAOAt4dY7tinzQabcL2133B8wCgYIKoZIzj0EAwIwEjEQ\n"
    "MA4GA1UEAwwHZnV6eiBDQTAgFw0yMzExMTQyMjA4MjBaGA8yMDczMTEwMTIyMTMy\n"
    "MFowEjEQMA4GA1UEAwwHZnV6eiBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\n"
    "BPWzOqDAtwbK+vrHRNrjuHsHCeEj7xYPJasXG4zjnoqL9R6hQTVWACAu8XgqBijG\n"
    "wkrrLh2WuGIwZNXD8MXsTRWjRTBDMBIGA1UdEwEB/wQIMAYBAf8CAQAwDgYDVR0P\n"
    "AQH/BAQDAgEGMB0GA1UdDgQWBBTCF181n0E9ujeHoIM5NDSvWHyKujAKBggqhkjO\n"
    "PQQDAgNIADBFAiBenNN51jZPDKo8ay+z9N6S64WvRWBWCF35dbyN1+F6UgIhAJXD\n"
    "6EDZC1SVT3778BZstxjYGr0qUHBN3YcOXF0pefUB\n"
    "-----END CERTIFICATE-----\n";
constexpr absl::string_view kCertificate =  // base64 of DER
    "MIIBqTCCAVCgAwIBAgIRAIaDBP53WtqZPF569mAzWoIwCgYIKoZIzj0EAwIwEjEQMA4GA1"
    "UEAwwHZnV6eiBDQTAgFw0yMzExMTQyMjA4MjBaGA8yMDczMTEwMTIyMTMyMFowIjEPMA0G"
    "A1UECwwGZGV2aWNlMQ8wDQYDVQQDDAZwdW1wLTcwWTATBgcqhkjOPQIBBggqhkjOPQMBBw"
    "NCAAQvBqjUAbrcR6MU6s9Nx3+Ssq+mKEXYqnpcp+Opnz1gux59y3HdjJKXpVXMYjFe2Ed0"
    "uLGzGveKF/t/qZzvUw4so3UwczAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBg"
    "NVHSUEDDAKBggrBgEFBQcDAjAdBgNVHQ4EFgQUsxNXyhQly/QDNWTd+CnsFoIE2QAwHwYD"
    "VR0jBBgwFoAUwhdfNZ9BPbo3h6CDOTQ0r1h8irowCgYIKoZIzj0EAwIDRwAwRAIgGCw56e"
    "EoSKOSWGx6OmvT9R2ILvhpVzUuVreBVLp1zDcCIAjcnlJYy4CJlqgpC2v64a2Xw6B0U8zu"
    "cz0XfYG4155r";
constexpr absl::string_view kMessage = "what a device says";
constexpr absl::string_view kSignature =  // base64
    "MEUCIATuYc4G0JPlTmavLqucTArmeKjD4fZi5DNjnkRcfn61AiEA6N2xH0VGl+Wa12mlD9"
    "fDYjvhW0rLcJYLy72K+V1FLIw=";
constexpr absl::string_view kDeviceId =
    "0965a7846592c42c87bc9b170054bceee44b79219ef05ce254846cea490f1f3d";
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string FromBase64(absl::string_view text) {
  std::string bytes;
  SHOAL_CHECK(absl::Base64Unescape(text, &bytes));
  return bytes;
}

std::string Join(absl::string_view certificate, absl::string_view message,
                 absl::string_view signature) {
  std::string bytes;
  for (const absl::string_view part : {certificate, message}) {
    AppendU16(bytes, static_cast<uint16_t>(part.size()));
    absl::StrAppend(&bytes, part);
  }
  return absl::StrCat(bytes, signature);
}

const secure_aggregation::MemberVerifier& Verifier() {
  static const VirtualClock& clock = *new VirtualClock(kNow);
  static const auto& verifier =
      *new std::unique_ptr<secure_aggregation::MemberVerifier>([] {
        auto made = protocol::MakeCertificateVerifier(kCa, clock);
        SHOAL_CHECK(made.ok());
        return *std::move(made);
      }());
  return *verifier;
}

}  // namespace

void FuzzMemberCertificate(absl::string_view data) {
  ByteReader reader(data);
  const absl::string_view certificate = reader.Bytes(reader.U16());
  const absl::string_view message = reader.Bytes(reader.U16());
  if (!reader.ok()) return;
  const absl::StatusOr<std::string> device_id =
      Verifier().Verify(certificate, message, reader.rest());
  if (!device_id.ok()) return;
  SHOAL_CHECK(*device_id == kDeviceId);
  SHOAL_CHECK(message == kMessage);
}

std::vector<std::string> ValidMemberCertificates() {
  const std::string certificate = FromBase64(kCertificate);
  const std::string signature = FromBase64(kSignature);
  SHOAL_CHECK(Verifier().Verify(certificate, kMessage, signature).ok());
  return {Join(certificate, kMessage, signature),
          Join(certificate, "what another says", signature),
          Join(certificate, "", "")};
}

}  // namespace shoal::testing
