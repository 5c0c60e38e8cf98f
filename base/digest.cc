#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace shoal {

std::string Digest::ToHex() const { return absl::BytesToHexString(AsBytes()); }

std::string Digest::ToShortHex() const { return ToHex().substr(0, 12); }

absl::string_view Digest::AsBytes() const {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

absl::StatusOr<Digest> Digest::FromHex(absl::string_view hex) {
  bool valid = hex.size() == 2 * kSize;
  for (char c : hex) valid = valid && absl::ascii_isxdigit(c);
  if (!valid) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a digest is 64 hexadecimal digits, not '", hex.substr(0, 80), "'"));
  }
  return FromBytes(absl::HexStringToBytes(hex));
}

absl::StatusOr<Digest> Digest::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("a digest is 32 bytes long, not ", bytes.size()));
  }
  Digest digest;
  std::memcpy(digest.bytes.data(), bytes.data(), kSize);
  return digest;
}

namespace {

// Looked up once: OpenSSL takes longer to find a method by its name than to
// digest a small message with it. Never given back: digests may be needed to
// the very end.
const EVP_MD* Sha256Method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  SHOAL_CHECK(method != nullptr);
  return method;
}

}  // namespace

Digest Sha256(absl::string_view data) {
  Digest digest;
  SHOAL_CHECK(EVP_Digest(data.data(), data.size(), digest.bytes.data(), nullptr,
                         Sha256Method(), nullptr) == 1);
  return digest;
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct Sha256Stream::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  SHOAL_CHECK(state_->context != nullptr);
  SHOAL_CHECK(EVP_DigestInit_ex(state_->context, Sha256Method(), nullptr) == 1);
}

Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(absl::string_view data) {
  SHOAL_CHECK(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1);
}

Digest Sha256Stream::Current() const {
  State copy;
  Digest digest;
  SHOAL_CHECK(EVP_MD_CTX_copy_ex(copy.context, state_->context) == 1);
  SHOAL_CHECK(EVP_DigestFinal_ex(copy.context, digest.bytes.data(), nullptr) ==
              1);
  return digest;
}

uint32_t Crc32(absl::string_view data) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

}  // namespace shoal
