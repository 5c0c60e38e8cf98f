// What the calls of a load test came to, and its sessions.
#ifndef SHOAL_SIMULATIONS_LOAD_CALL_LOG_H_
#define SHOAL_SIMULATIONS_LOAD_CALL_LOG_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "simulations/load/latencies.h"

namespace shoal::simulations {

enum class CallKind { kCheckIn, kFetch, kQuery, kUpload, kAggregate, kAbandon };
inline constexpr int kNumCallKinds = 6;
// "check_in", "fetch", …
absl::string_view NameOf(CallKind kind);

// A call that is over. Times are on one monotonic clock.
struct CallRecord {
  CallKind kind = CallKind::kCheckIn;
  absl::Duration start;
  absl::Duration end;
  int64_t bytes_up = 0;  // payload
  int64_t bytes_down = 0;
  absl::Status status;
};

// Of the calls of one kind.
struct CallFigures {
  Latencies answered;
  // The others: by the refusal's name, or the status code's.
  std::map<std::string, int64_t> errors;
  int64_t bytes_up = 0;
  int64_t bytes_down = 0;
  absl::Duration first = absl::InfiniteDuration();  // start of a call
  absl::Duration last = -absl::InfiniteDuration();  // end of a call

  int64_t num_errors() const;
  // Answers per second, from the first call's start to the last one's end; 0
  // when there was none.
  double AnsweredPerSecond() const;
};

struct LoadFigures {
  std::array<CallFigures, kNumCallKinds> calls;
  int64_t assigned = 0;  // check-ins that led to an assignment
  // Sessions that are over, by how they ended: "contributed", …
  std::map<std::string, int64_t> sessions;
  // What the last of those said that did not end well.
  std::map<std::string, std::string> explanations;

  const CallFigures& Of(CallKind kind) const {
    return calls[static_cast<int>(kind)];
  }
};

// Thread-safe.
class CallLog {
 public:
  void AddCall(const CallRecord& call) SHOAL_EXCLUDES(mutex_);
  void AddAssignment() SHOAL_EXCLUDES(mutex_);
  // `explanation`: why it did not end well; "": it did.
  void AddSession(absl::string_view outcome, absl::string_view explanation)
      SHOAL_EXCLUDES(mutex_);
  LoadFigures Figures() const SHOAL_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  LoadFigures figures_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_CALL_LOG_H_
