// A byte string that is wiped when it dies and cannot be printed by accident.
#ifndef SHOAL_BASE_SECRET_H_
#define SHOAL_BASE_SECRET_H_

#include <string>

#include "absl/strings/string_view.h"

namespace shoal {

// Movable, not copyable; no operator<<, no AbslStringify. Reveal() is the one
// way to its bytes: search for it to find every use of a secret.
// Thread-compatible.
class Secret {
 public:
  Secret() = default;
  // Wipes `bytes` after it has been copied.
  explicit Secret(std::string&& bytes);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  bool empty() const { return bytes_.empty(); }
  absl::string_view Reveal() const { return bytes_; }
  Secret Copy() const;

 private:
  void Wipe();
  std::string bytes_;
};

}  // namespace shoal

#endif  // SHOAL_BASE_SECRET_H_
