// What an agent tells about itself: status.json in its state folder, written
// after every session and when examples have come, shown by `shoal-agent
// status`.
#ifndef SHOAL_CLIENT_AGENT_AGENT_STATUS_H_
#define SHOAL_CLIENT_AGENT_AGENT_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

struct AgentStatus {
  std::string version;      // of the agent
  std::string coordinator;  // HOST:PORT
  std::string population;
  absl::Time updated;
  int64_t examples = 0;  // that the device holds
  // Since the device was enrolled, over all starts of the agent.
  int64_t sessions = 0;
  int64_t contributions = 0;
  std::optional<int64_t> model_version;  // the newest that the device holds
  std::optional<SessionReport> last;     // since the agent started
};

// "contributed", "not_assigned", …
absl::string_view OutcomeName(SessionReport::Outcome outcome);

// "takes_part", "opted_out", "forgetting"
absl::string_view ParticipationName(Participation participation);

// Goes on with the numbers that the folder's status has; with none where it has
// no status, or a damaged one.
void TakeUpNumbers(const std::string& state_folder, AgentStatus& status);

// Without `last` that of the folder's status stays.
absl::Status WriteAgentStatus(const std::string& state_folder,
                              const AgentStatus& status);

// The status for people, or the JSON object with `participation`, when the
// device is being forgotten `forgetting_since`, and `pending_upload` added.
// NOT_FOUND when the folder is no device's; DATA_LOSS when the file is damaged.
absl::StatusOr<std::string> ShowAgentStatus(const std::string& state_folder,
                                            bool json);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_AGENT_STATUS_H_
