// Rounds as people see them.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_ROUND_TEXT_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_ROUND_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::shoalctl {

std::string RoundsTable(const v1::ListRoundsResponse& list, absl::Time now);
std::string RoundFields(const v1::RoundReport& round, absl::Time now);
// "round 7  model 3  committed  16/16 reports  loss 0.412  accuracy 0.87".
std::string RoundLine(const v1::RoundReport& round);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_ROUND_TEXT_H_
