#include "protocol/assignment_token.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "protocol/messages.h"
#include "protocol/refusal.h"

namespace shoal::protocol {
namespace {

// A token: version (1 byte), key number (8), round (8), deadline in
// microseconds since 1970 (8), base model (32), task and device (each with its
// length, 4, before it), then the HMAC-SHA256 of all that (32).
constexpr char kVersion = 1;
// Keeps the key's other uses, should there be any, apart from this one.
constexpr absl::string_view kPurpose = "shoal assignment token";

absl::Status Invalid() {
  return RefusalError(RefusalCode::kTokenInvalid,
                      "the assignment token was not issued by this deployment");
}

Digest Mac(const HmacKey& key, absl::string_view signed_part) {
  return key.Of(absl::StrCat(kPurpose, signed_part));
}

absl::StatusOr<TokenClaims> ParseClaims(ByteReader reader) {
  TokenClaims claims;
  claims.round_id = static_cast<int64_t>(reader.U64());
  claims.deadline = absl::FromUnixMicros(static_cast<int64_t>(reader.U64()));
  const absl::string_view base_model = reader.Bytes(Digest::kSize);
  claims.task = std::string(reader.Sized());
  claims.device_id = std::string(reader.Sized());
  if (!reader.ok() || !reader.rest().empty()) return Invalid();
  absl::StatusOr<Digest> digest = Digest::FromBytes(base_model);
  if (!digest.ok()) return Invalid();
  claims.base_model = *digest;
  return claims;
}

}  // namespace

TokenSigner::TokenSigner(const std::vector<TokenKey>& keys) {
  SHOAL_CHECK(!keys.empty());
  for (const TokenKey& key : keys) {
    keys_.push_back({key.id, HmacKey(key.key.Reveal())});
  }
}

std::string TokenSigner::Sign(const TokenClaims& claims) const {
  const Key& key = keys_.back();
  std::string token(1, kVersion);
  AppendU64(token, static_cast<uint64_t>(key.id));
  AppendU64(token, static_cast<uint64_t>(claims.round_id));
  AppendU64(token, static_cast<uint64_t>(absl::ToUnixMicros(claims.deadline)));
  absl::StrAppend(&token, claims.base_model.AsBytes());
  AppendSized(token, claims.task);
  AppendSized(token, claims.device_id);
  absl::StrAppend(&token, Mac(key.hmac, token).AsBytes());
  SHOAL_CHECK(token.size() <= kMaxTokenBytes);
  return token;
}

absl::StatusOr<TokenClaims> TokenSigner::Verify(absl::string_view token) const {
  if (token.size() <= Digest::kSize || token.size() > kMaxTokenBytes) {
    return Invalid();
  }
  const absl::string_view signed_part =
      token.substr(0, token.size() - Digest::kSize);
  const absl::string_view mac = token.substr(signed_part.size());
  ByteReader reader(signed_part);
  const absl::string_view version = reader.Bytes(1);
  const int64_t key_id = static_cast<int64_t>(reader.U64());
  if (!reader.ok() || version[0] != kVersion) return Invalid();
  for (const Key& key : keys_) {
    if (key.id != key_id) continue;
    if (!ConstantTimeEquals(Mac(key.hmac, signed_part).AsBytes(), mac)) {
      return Invalid();
    }
    return ParseClaims(reader);
  }
  return Invalid();
}

}  // namespace shoal::protocol
