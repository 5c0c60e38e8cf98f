// Keeps one session within the device's limits: tells the governor what the
// session has done, and the session what the governor says.
#ifndef SHOAL_CLIENT_SESSION_LIMITS_H_
#define SHOAL_CLIENT_SESSION_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/limits/limits.h"
#include "client/menu/plan_menu.h"
#include "client/session.h"
#include "client/transport.h"
#include "protocol/messages.h"

namespace shoal::client {

// One thread. Without limits every answer is yes.
class SessionLimits {
 public:
  // `limits` may be null; both must outlive this object.
  SessionLimits(Limits* limits, const Transport& transport);
  // A session that nobody ended is settled here.
  ~SessionLimits();
  SessionLimits(const SessionLimits&) = delete;
  SessionLimits& operator=(const SessionLimits&) = delete;

  // Before anything is sent. `pending`: the upload of an earlier session that
  // this one goes on with.
  Verdict Begin(const std::optional<PendingUpload>& pending);
  bool begun() const { return begun_; }

  // The entry of the menu to train. REQUIRES: begun(); a menu that is not
  // empty.
  Governor::Choice Choose(const protocol::Assignment& assignment,
                          absl::Duration time_left,
                          absl::Span<const MenuEntry> menu);

  // As Governor has them. REQUIRES: begun().
  Verdict DuringTransfer();
  Verdict BeforeStep();
  Verdict BeforeUpload(int64_t num_bytes);

  // Floating-point operations of the session so far.
  void set_flops(double flops) { flops_ = flops; }

  // Settles; once. Errors of the storage: the session's spending counts in any
  // case.
  absl::Status End();
  // What the session took, once it has ended; absent without limits.
  std::optional<Amounts> spent() const;

 private:
  // All that the session has done so far.
  Work Done() const;

  Limits* const limits_;
  const Transport& transport_;
  const int64_t connections_before_;
  const int64_t sent_before_;
  const int64_t received_before_;
  double flops_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_SESSION_LIMITS_H_
