#include "protocol/certificate_parts.h"

#include <openssl/err.h>

#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/human_duration.h"
#include "base/status_macros.h"
#include "protocol/pem.h"

namespace shoal::protocol {
namespace {

// A peer whose clock is slow shall accept a new certificate at once.
constexpr absl::Duration kBackdating = absl::Minutes(5);
constexpr absl::Duration kLongestLifetime = absl::Hours(24 * 365 * 50);
constexpr size_t kMaxNameBytes = 64;  // ub-common-name of RFC 5280

bool IsDnsName(absl::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (char c : host) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '.') return false;
  }
  return absl::ascii_isalnum(host.front()) && absl::ascii_isalnum(host.back());
}

absl::StatusOr<GeneralNameHandle> MakeHostName(const std::string& host) {
  GeneralNameHandle name(GENERAL_NAME_new());
  if (name == nullptr) return OpensslError("naming a host");
  if (ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str())) {
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, address);
    return name;
  }
  ERR_clear_error();  // not an address is no error
  if (!IsDnsName(host)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", absl::CEscape(host.substr(0, 80)),
                     "' is no host: expected a DNS name or an IP address"));
  }
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  if (text == nullptr ||
      ASN1_STRING_set(text, host.data(), static_cast<int>(host.size())) != 1) {
    ASN1_IA5STRING_free(text);
    return OpensslError("naming a host");
  }
  GENERAL_NAME_set0_value(name.get(), GEN_DNS, text);
  return name;
}

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time,
                                    absl::string_view which) {
  std::tm fields = {};
  if (ASN1_TIME_to_tm(time, &fields) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat(
        "the certificate's ", which, " of validity is not a time"));
  }
  return absl::FromTM(fields, absl::UTCTimeZone());
}

}  // namespace

absl::Status CheckName(absl::string_view name) {
  bool valid = !name.empty() && name.size() <= kMaxNameBytes;
  for (char c : name) valid = valid && absl::ascii_isprint(c);
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the name '", absl::CEscape(name.substr(0, 80)),
                   "' cannot stand in a certificate: expected 1 to ",
                   kMaxNameBytes, " printable ASCII characters"));
}

absl::Status CheckLifetime(absl::Duration lifetime) {
  if (lifetime >= absl::Seconds(1) && lifetime <= kLongestLifetime) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "a certificate cannot live for ", HumanDuration(lifetime),
      ": expected between 1 s and ", HumanDuration(kLongestLifetime)));
}

absl::Status AddToName(X509_NAME* name, const char* field,
                       absl::string_view value) {
  if (X509_NAME_add_entry_by_txt(
          name, field, MBSTRING_UTF8,
          reinterpret_cast<const unsigned char*>(value.data()),
          static_cast<int>(value.size()), -1, 0) != 1) {
    return OpensslError("writing a certificate's name");
  }
  return absl::OkStatus();
}

absl::Status AddExtension(X509* certificate, X509* issuer, int nid,
                          const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  ExtensionHandle extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (extension == nullptr ||
      X509_add_ext(certificate, extension.get(), -1) != 1) {
    return OpensslError("adding a certificate's extension");
  }
  return absl::OkStatus();
}

absl::Status AddHosts(X509* certificate,
                      const std::vector<std::string>& hosts) {
  GeneralNamesHandle names(GENERAL_NAMES_new());
  if (names == nullptr) return OpensslError("naming hosts");
  for (const std::string& host : hosts) {
    SHOAL_ASSIGN_OR_RETURN(GeneralNameHandle name, MakeHostName(host));
    if (sk_GENERAL_NAME_push(names.get(), name.get()) == 0) {
      return OpensslError("naming hosts");
    }
    name.release();  // the stack owns it now
  }
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0,
                        X509V3_ADD_DEFAULT) != 1) {
    return OpensslError("naming hosts");
  }
  return absl::OkStatus();
}

absl::StatusOr<CertificateHandle> StartCertificate(EVP_PKEY* key,
                                                   absl::Time now,
                                                   absl::Time expires) {
  CertificateHandle certificate(X509_new());
  BigNumberHandle serial(BN_new());
  const time_t start = absl::ToTimeT(now - kBackdating);
  const time_t end = absl::ToTimeT(expires);
  if (certificate == nullptr || serial == nullptr ||
      X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      BN_rand(serial.get(), 128, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(),
                         X509_get_serialNumber(certificate.get())) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), start) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), end) == nullptr ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return OpensslError("making a certificate");
  }
  return certificate;
}

absl::StatusOr<std::string> SignAndWrite(X509* certificate, EVP_PKEY* ca_key) {
  if (X509_sign(certificate, ca_key, EVP_sha256()) <= 0) {
    return OpensslError("signing a certificate");
  }
  return WriteCertificate(certificate);
}

absl::StatusOr<absl::Time> StartOf(const X509* certificate) {
  return ReadTime(X509_get0_notBefore(certificate), "start");
}

absl::StatusOr<absl::Time> ExpiryOf(const X509* certificate) {
  return ReadTime(X509_get0_notAfter(certificate), "end");
}

}  // namespace shoal::protocol
