// Places where tests kill a device, to see that nothing is lost.
#ifndef SHOAL_CLIENT_FAILPOINTS_H_
#define SHOAL_CLIENT_FAILPOINTS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::client {

enum class Failpoint {
  kAfterFetch,     // the model is held
  kAfterTrain,     // the update is saved, nothing of it is sent
  kMidUpload,      // half of the chunks are sent
  kBeforeReceipt,  // all chunks are sent
  // Of a device that is being forgotten (client/forgetting.h): after each step.
  kForgetBegun,
  kForgetLocalData,
  kForgetConfirmed,
  kForgetIdentity,
};

// At most one armed place. A plain value type.
class Failpoints {
 public:
  Failpoints() = default;

  // "after_fetch", "forget_begun", …; "" arms none. INVALID_ARGUMENT lists the
  // known names.
  static absl::StatusOr<Failpoints> Parse(absl::string_view name);

  // Ends this process with SIGKILL when the place is armed.
  void Reach(Failpoint place) const;

 private:
  std::optional<Failpoint> armed_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_FAILPOINTS_H_
