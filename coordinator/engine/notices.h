// What a replica notices of a task that is in no row. It is there to explain,
// nothing is decided by it: every replica has its own, in memory, and a restart
// forgets it.
#ifndef SHOAL_COORDINATOR_ENGINE_NOTICES_H_
#define SHOAL_COORDINATOR_ENGINE_NOTICES_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {

// Check-ins that one round has left without an assignment, for one reason.
struct RefusedCheckIns {
  protocol::RefusalCode code = protocol::RefusalCode::kNotEligible;
  int64_t count = 0;   // a device that asks three times counts three times
  std::string newest;  // the sentence of the newest one
};

struct TaskNotices {
  absl::Status held_up;  // what the store does to the task; OK: nothing
  std::vector<RefusedCheckIns> refused;  // by one round, most frequent first
};

// Counts what the two newest rounds of a task refuse: one entry per code and
// round, however many devices ask. Thread-compatible.
class RefusalCounts {
 public:
  // Rounds that are older than the two newest ones are ignored.
  void Add(int64_t round_id, protocol::RefusalCode code, std::string sentence);
  // Most frequent first; empty for a round that is not known any more.
  std::vector<RefusedCheckIns> Of(int64_t round_id) const;

 private:
  struct OfRound {
    int64_t round_id = 0;
    std::map<protocol::RefusalCode, RefusedCheckIns> by_code;
  };
  std::array<OfRound, 2> rounds_;  // newest first
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_NOTICES_H_
