#include "coordinator/engine/round_refusals.h"

#include "absl/strings/str_cat.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {

absl::Status RoundOver(int64_t round_id) {
  return protocol::RefusalError(
      protocol::RefusalCode::kRoundOver,
      absl::StrCat("round ", round_id, " takes no more reports"));
}

absl::Status TooStale(int64_t round_id, int64_t behind, int max_staleness) {
  return protocol::RefusalError(
      protocol::RefusalCode::kTooStale,
      absl::StrCat("the model of round ", round_id, " is ", behind,
                   " versions behind, expected at most ", max_staleness));
}

}  // namespace shoal::coordinator
