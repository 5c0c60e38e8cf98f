// Owners for OpenSSL's objects, and its error queue as text.
#ifndef SHOAL_PROTOCOL_OPENSSL_HANDLES_H_
#define SHOAL_PROTOCOL_OPENSSL_HANDLES_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal::protocol {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using BioHandle = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using BigNumberHandle = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertificateHandle = std::unique_ptr<X509, Freer<X509_free>>;
using RequestHandle = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;
using ExtensionHandle =
    std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using GeneralNamesHandle =
    std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using GeneralNameHandle =
    std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME_free>>;

// INTERNAL "WHAT: OpenSSL's reason". Empties the thread's error queue, which
// other users of OpenSSL in the process would otherwise find.
absl::Status OpensslError(absl::string_view what);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_OPENSSL_HANDLES_H_
