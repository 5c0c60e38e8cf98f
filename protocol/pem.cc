#include "protocol/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"

namespace shoal::protocol {
namespace {

// OpenSSL would ask for a pass phrase on the terminal.
int RefusePassPhrase(char*, int, int, void*) { return -1; }

absl::StatusOr<BioHandle> ReaderOf(absl::string_view bytes) {
  if (bytes.size() > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("PEM text of ", bytes.size(), " bytes is too long"));
  }
  BioHandle bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  if (bio == nullptr) return OpensslError("reading PEM text");
  return bio;
}

std::string ContentsOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

absl::Status OpensslError(absl::string_view what) {
  char reason[256] = "unknown reason";
  if (const unsigned long code = ERR_peek_last_error(); code != 0) {
    ERR_error_string_n(code, reason, sizeof reason);
  }
  ERR_clear_error();
  return absl::InternalError(absl::StrCat(what, ": ", reason));
}

absl::StatusOr<Secret> WriteKey(EVP_PKEY* key) {
  // Memory that OpenSSL wipes.
  BioHandle bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0,
                                    nullptr, nullptr) != 1) {
    return OpensslError("writing a private key");
  }
  return Secret(ContentsOf(bio.get()));
}

absl::StatusOr<KeyHandle> ReadKey(const Secret& pem) {
  absl::StatusOr<BioHandle> bio = ReaderOf(pem.Reveal());
  if (!bio.ok()) return bio.status();
  KeyHandle key(
      PEM_read_bio_PrivateKey(bio->get(), nullptr, RefusePassPhrase, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "not a private key: expected PEM without a pass phrase");
  }
  return key;
}

absl::StatusOr<std::string> WriteCertificate(X509* certificate) {
  BioHandle bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return OpensslError("writing a certificate");
  }
  return ContentsOf(bio.get());
}

absl::StatusOr<CertificateHandle> ReadCertificate(absl::string_view pem) {
  absl::StatusOr<BioHandle> bio = ReaderOf(pem);
  if (!bio.ok()) return bio.status();
  CertificateHandle certificate(
      PEM_read_bio_X509(bio->get(), nullptr, RefusePassPhrase, nullptr));
  if (certificate == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a certificate: expected PEM");
  }
  return certificate;
}

absl::StatusOr<std::vector<CertificateHandle>> ReadCertificates(
    absl::string_view pem) {
  absl::StatusOr<BioHandle> bio = ReaderOf(pem);
  if (!bio.ok()) return bio.status();
  std::vector<CertificateHandle> certificates;
  while (X509* next = PEM_read_bio_X509(bio->get(), nullptr, RefusePassPhrase,
                                        nullptr)) {
    certificates.emplace_back(next);
  }
  // The bundle's end is that no further one begins; all else is damage.
  const bool ended =
      ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certificates.empty()) {
    return absl::InvalidArgumentError("not a certificate: expected PEM");
  }
  if (!ended) {
    return absl::InvalidArgumentError(absl::StrCat(
        "certificate ", certificates.size() + 1, " of the file is damaged"));
  }
  return certificates;
}

}  // namespace shoal::protocol
