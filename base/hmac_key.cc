#include "base/hmac_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <string>

#include "base/check.h"

namespace shoal {
namespace {

// Looked up once and never given back, as SHA-256 is (digest.cc).
EVP_MAC* HmacMethod() {
  static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  SHOAL_CHECK(method != nullptr);
  return method;
}

const unsigned char* BytesOf(absl::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

}  // namespace

struct HmacKey::State {
  EVP_MAC_CTX* context = nullptr;
  ~State() { EVP_MAC_CTX_free(context); }
};

HmacKey::HmacKey(absl::string_view key) : state_(std::make_unique<State>()) {
  state_->context = EVP_MAC_CTX_new(HmacMethod());
  SHOAL_CHECK(state_->context != nullptr);
  std::string digest = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  SHOAL_CHECK(
      EVP_MAC_init(state_->context, BytesOf(key), key.size(), parameters) == 1);
}

HmacKey::~HmacKey() = default;
HmacKey::HmacKey(HmacKey&&) noexcept = default;
HmacKey& HmacKey::operator=(HmacKey&&) noexcept = default;

Digest HmacKey::Of(absl::string_view data) const {
  State copy;
  copy.context = EVP_MAC_CTX_dup(state_->context);
  SHOAL_CHECK(copy.context != nullptr);
  Digest digest;
  size_t size = 0;
  SHOAL_CHECK(EVP_MAC_update(copy.context, BytesOf(data), data.size()) == 1);
  SHOAL_CHECK(EVP_MAC_final(copy.context, digest.bytes.data(), &size,
                            digest.bytes.size()) == 1);
  SHOAL_CHECK(size == digest.bytes.size());
  return digest;
}

}  // namespace shoal
