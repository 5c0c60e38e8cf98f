// Named places at which tests kill the process: the fault tests set
// SHOAL_FAILPOINT=NAME[:COUNT] and the process ends there as by kill -9, the
// COUNT-th time it comes by (default 1). Without the variable a failpoint is
// one comparison.
#ifndef SHOAL_COORDINATOR_ENGINE_FAILPOINTS_H_
#define SHOAL_COORDINATOR_ENGINE_FAILPOINTS_H_

#include "absl/strings/string_view.h"

namespace shoal::coordinator {

// The names in use, for the fault tests: every one is visited by them. Those
// that every committed round comes by,
inline constexpr absl::string_view kRoundFailpoints[] = {
    "after_open_round",     "after_assignment",   "before_commit_segment",
    "after_commit_segment", "before_seal",        "after_seal",
    "before_commit_round",  "after_commit_round",
};
// those that every group of secure aggregation comes by,
inline constexpr absl::string_view kGroupFailpoints[] = {
    "before_group_rows",
    "after_group_rows",
    "before_reveal",
    "after_reveal",
};
// and the others.
inline constexpr absl::string_view kOtherFailpoints[] = {
    "after_create_task",
    "before_fail_round",
    "after_fail_round",
    "after_use_invitation",
};

void Failpoint(absl::string_view name);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_FAILPOINTS_H_
