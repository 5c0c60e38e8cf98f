// A key for many messages: HMAC-SHA256 without making the key ready, or looking
// the method up, for each of them.
#ifndef SHOAL_BASE_HMAC_KEY_H_
#define SHOAL_BASE_HMAC_KEY_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "base/digest.h"

namespace shoal {

// Thread-safe. What it holds of the key is wiped when it dies.
class HmacKey {
 public:
  explicit HmacKey(absl::string_view key);
  ~HmacKey();
  HmacKey(HmacKey&&) noexcept;
  HmacKey& operator=(HmacKey&&) noexcept;

  // HMAC-SHA256 (RFC 2104) of the message.
  Digest Of(absl::string_view data) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal

#endif  // SHOAL_BASE_HMAC_KEY_H_
