#include "client/identity.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "protocol/certificates.h"
#include "protocol/credentials.h"
#include "protocol/pem.h"

namespace shoal::client {
namespace {

constexpr uint64_t kMaxPemBytes = 64 * 1024;
constexpr size_t kInsecureNameBytes = 32;

absl::Status Missing(const std::string& path) {
  return absl::NotFoundError(
      absl::StrCat(path,
                   " is missing: enrol this device first (shoal-agent "
                   "enroll)"));
}

absl::StatusOr<std::string> ReadPart(const std::string& folder,
                                     absl::string_view name) {
  const std::string path = absl::StrCat(folder, "/", name);
  absl::StatusOr<std::string> text = ReadFile(path, kMaxPemBytes);
  if (text.ok()) return text;
  if (!absl::IsNotFound(text.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(text.status().message(), "; expected a PEM file"));
  }
  return Missing(path);
}

absl::StatusOr<Secret> ReadKeyFile(const std::string& folder) {
  SHOAL_ASSIGN_OR_RETURN(std::string text, ReadPart(folder, "key.pem"));
  return Secret(std::move(text));
}

// What a device can do about a file that it cannot use.
absl::Status Unusable(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": ", why, "; enrol this device anew, in an empty folder"));
}

// The identity in a certificate, if it is a device's and belongs to the key.
absl::StatusOr<protocol::Identity> CheckPair(
    const Secret& key_pem, const std::string& certificate_pem) {
  SHOAL_ASSIGN_OR_RETURN(const auto key, protocol::ReadKey(key_pem));
  SHOAL_ASSIGN_OR_RETURN(const auto certificate,
                         protocol::ReadCertificate(certificate_pem));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "the certificate belongs to another key than key.pem");
  }
  SHOAL_ASSIGN_OR_RETURN(protocol::Identity identity,
                         protocol::ReadIdentity(certificate_pem));
  if (identity.role == protocol::Role::kDevice) return identity;
  return absl::InvalidArgumentError(
      absl::StrCat("the certificate's role is ",
                   protocol::ToString(identity.role), ", expected device"));
}

// That the device's certificate is of the CA that it is about to trust.
absl::Status CheckIssuer(const std::string& folder,
                         const std::string& certificate_pem,
                         const std::string& ca_pem) {
  const absl::StatusOr<bool> is_signed =
      protocol::IsSignedBy(certificate_pem, ca_pem);
  const std::string ca = folder + "/ca.pem";
  if (!is_signed.ok()) return Unusable(ca, is_signed.status().message());
  if (*is_signed) return absl::OkStatus();
  return Unusable(folder + "/certificate.pem",
                  absl::StrCat("was not signed by the CA in ", ca));
}

std::string InsecureNamePath(const std::string& folder) {
  return folder + "/device.txt";
}

std::string Utc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace

absl::Status CheckEnrolled(const std::string& folder) {
  for (const char* name : {"key.pem", "certificate.pem", "ca.pem"}) {
    const std::string path = absl::StrCat(folder, "/", name);
    struct stat info;
    if (stat(path.c_str(), &info) != 0 && errno == ENOENT) {
      return Missing(path);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<DeviceIdentity> LoadIdentity(const std::string& folder) {
  DeviceIdentity loaded;
  SHOAL_ASSIGN_OR_RETURN(loaded.key_pem, ReadKeyFile(folder));
  SHOAL_ASSIGN_OR_RETURN(loaded.certificate_pem,
                         ReadPart(folder, "certificate.pem"));
  SHOAL_ASSIGN_OR_RETURN(loaded.ca_pem, ReadPart(folder, "ca.pem"));
  if (const auto ca = protocol::ReadCertificate(loaded.ca_pem); !ca.ok()) {
    return Unusable(folder + "/ca.pem", ca.status().message());
  }
  if (const auto key = protocol::ReadKey(loaded.key_pem); !key.ok()) {
    return Unusable(folder + "/key.pem", key.status().message());
  }
  const std::string certificate = folder + "/certificate.pem";
  absl::StatusOr<protocol::Identity> identity =
      CheckPair(loaded.key_pem, loaded.certificate_pem);
  if (!identity.ok()) {
    return Unusable(certificate, identity.status().message());
  }
  SHOAL_RETURN_IF_ERROR(
      CheckIssuer(folder, loaded.certificate_pem, loaded.ca_pem));
  loaded.valid_from = identity->valid_from;
  loaded.expires = identity->expires;
  loaded.id = std::move(identity->id);
  return loaded;
}

absl::Status CheckValidity(const DeviceIdentity& identity,
                           const std::string& folder, absl::Time now) {
  const std::string certificate = folder + "/certificate.pem";
  if (now < identity.valid_from) {
    return absl::InvalidArgumentError(
        absl::StrCat(certificate, ": the certificate is valid from ",
                     Utc(identity.valid_from), " on, but this device's clock ",
                     "says ", Utc(now), "; set the clock"));
  }
  if (now < identity.expires) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      certificate, ": the certificate expired at ", Utc(identity.expires),
      ", and this device's clock says ", Utc(now),
      "; enrol this device anew, or set the clock if it is wrong"));
}

absl::StatusOr<std::string> DeviceId(const std::string& folder) {
  const absl::StatusOr<std::string> certificate =
      ReadPart(folder, "certificate.pem");
  if (certificate.ok()) {
    absl::StatusOr<protocol::Identity> identity =
        protocol::ReadIdentity(*certificate);
    if (identity.ok()) return std::move(identity->id);
  }
  SHOAL_ASSIGN_OR_RETURN(const Secret key_pem, ReadKeyFile(folder));
  SHOAL_ASSIGN_OR_RETURN(const auto key, protocol::ReadKey(key_pem));
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) {
    ERR_clear_error();
    return absl::InternalError("the key's public half cannot be encoded");
  }
  const Digest digest =
      Sha256({reinterpret_cast<char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return digest.ToHex();
}

absl::StatusOr<Secret> LoadOrMakeKey(const std::string& folder) {
  const std::string path = folder + "/key.pem";
  absl::StatusOr<std::string> text = ReadFile(path, kMaxPemBytes);
  if (text.ok()) {
    Secret held(*std::move(text));
    if (const auto read = protocol::ReadKey(held); !read.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": ", read.status().message(),
                       "; remove it to have a new key made"));
    }
    return held;
  }
  if (!absl::IsNotFound(text.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(text.status().message(), "; expected a PEM file"));
  }
  SHOAL_ASSIGN_OR_RETURN(Secret key, protocol::MakeKey());
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path, key.Reveal(), 0600));
  return key;
}

absl::StatusOr<std::string> StoreCertificate(const std::string& folder,
                                             const Secret& key_pem,
                                             const std::string& certificate_pem,
                                             const std::string& ca_pem) {
  SHOAL_ASSIGN_OR_RETURN(protocol::Identity identity,
                         CheckPair(key_pem, certificate_pem));
  SHOAL_ASSIGN_OR_RETURN(const bool is_signed,
                         protocol::IsSignedBy(certificate_pem, ca_pem));
  if (!is_signed) {
    return absl::InvalidArgumentError(
        "the certificate was not signed by the CA that the device trusts");
  }
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(folder + "/ca.pem", ca_pem));
  SHOAL_RETURN_IF_ERROR(
      WriteFileAtomically(folder + "/certificate.pem", certificate_pem));
  return identity.id;
}

absl::StatusOr<std::string> LoadInsecureName(const std::string& folder) {
  SHOAL_ASSIGN_OR_RETURN(const std::string held,
                         ReadFile(InsecureNamePath(folder), kMaxPemBytes));
  return std::string(absl::StripAsciiWhitespace(held));
}

absl::StatusOr<std::string> LoadOrMakeInsecureName(const std::string& folder,
                                                   SecureRng& rng) {
  absl::StatusOr<std::string> held = LoadInsecureName(folder);
  if (!absl::IsNotFound(held.status())) return held;
  const std::string name =
      absl::BytesToHexString(rng.Bytes(kInsecureNameBytes));
  SHOAL_RETURN_IF_ERROR(
      WriteFileAtomically(InsecureNamePath(folder), name + "\n", 0600));
  return name;
}

}  // namespace shoal::client
