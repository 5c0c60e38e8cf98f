// Assignment tokens: what binds a device to a round, checked without a read.
#ifndef SHOAL_PROTOCOL_ASSIGNMENT_TOKEN_H_
#define SHOAL_PROTOCOL_ASSIGNMENT_TOKEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/hmac_key.h"
#include "base/secret.h"

namespace shoal::protocol {

// What a token says. Times have microseconds.
struct TokenClaims {
  std::string task;
  int64_t round_id = 0;
  std::string device_id;
  Digest base_model;
  absl::Time deadline;
  friend bool operator==(const TokenClaims&, const TokenClaims&) = default;
};

// A key and its number. The store keeps them; the newest signs, all verify.
struct TokenKey {
  int64_t id = 0;
  Secret key;  // 32 bytes
};

// Signs and checks tokens: claims and key number in the clear, then
// HMAC-SHA256. Thread-safe once made.
class TokenSigner {
 public:
  // REQUIRES: at least one key; the last one signs.
  explicit TokenSigner(const std::vector<TokenKey>& keys);

  // REQUIRES: task and device together have at most 400 bytes.
  std::string Sign(const TokenClaims& claims) const;

  // The claims of a token of ours, expired or not: the caller compares the
  // device and the deadline. A refusal (kTokenInvalid) otherwise; which part
  // was wrong is not told.
  absl::StatusOr<TokenClaims> Verify(absl::string_view token) const;

 private:
  struct Key {
    int64_t id;
    HmacKey hmac;
  };
  std::vector<Key> keys_;
};

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_ASSIGNMENT_TOKEN_H_
