#include "base/secret.h"

#include <openssl/crypto.h>

#include <utility>

namespace shoal {

Secret::Secret(std::string&& bytes) : bytes_(bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
  bytes.clear();
}

Secret::~Secret() { Wipe(); }

Secret::Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.Wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_ = other.bytes_;
    other.Wipe();
  }
  return *this;
}

Secret Secret::Copy() const { return Secret(std::string(bytes_)); }

void Secret::Wipe() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

}  // namespace shoal
