// What an operator's program asks of a coordinator, over the Admin service.
#ifndef SHOAL_SIMULATIONS_LIVE_OPERATOR_CLIENT_H_
#define SHOAL_SIMULATIONS_LIVE_OPERATOR_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "configuration/task.h"
#include "protocol/certificates.h"
#include "simulations/live/round_record.h"

namespace shoal::simulations {

// Payload that the coordinator has received and sent since it started.
struct CoordinatorTraffic {
  int64_t bytes_up = 0;
  int64_t bytes_down = 0;
};

// A task as the coordinator has it.
struct TaskRecord {
  configuration::Task task;
  bool completed = false;  // all rounds committed
  bool stopped = false;    // by an operator, for good
  int64_t rounds_committed = 0;
  int64_t rounds_failed = 0;
  std::string trouble;  // in sentences, while there is some
};

// Calls block, for half a minute at most. Errors: UNAVAILABLE when the
// coordinator cannot be reached; refusals (protocol/refusal.h); what the
// coordinator answers. Thread-safe.
class OperatorClient {
 public:
  // `operator_identity`: key and certificate with the role operator.
  static std::unique_ptr<OperatorClient> Connect(
      const std::string& address, const std::string& ca_pem,
      const protocol::KeyAndCertificate& operator_identity);
  // To a coordinator that runs without TLS: everybody is an operator there.
  static std::unique_ptr<OperatorClient> ConnectInsecurely(
      const std::string& address);
  virtual ~OperatorClient() = default;

  // An invitation for that many devices.
  virtual absl::StatusOr<std::string> Invite(int uses, absl::Duration valid_for,
                                             const std::string& label) = 0;
  // `initial_model`: serialised; empty: drawn from the task's seed.
  virtual absl::Status CreateTask(const configuration::Task& task,
                                  const std::string& initial_model) = 0;
  // NOT_FOUND when there is none of that name.
  virtual absl::StatusOr<TaskRecord> GetTask(const std::string& name) = 0;
  // Rounds of the task with ids above `id`, oldest first.
  virtual absl::StatusOr<std::vector<RoundRecord>> RoundsAfter(
      const std::string& task, int64_t id) = 0;
  // Digest of the task's model of that version.
  virtual absl::StatusOr<Digest> ModelDigest(const std::string& task,
                                             int64_t version) = 0;
  // The serialised model, checked against its digest.
  virtual absl::StatusOr<std::string> DownloadModel(const Digest& digest) = 0;
  virtual absl::StatusOr<CoordinatorTraffic> Traffic() = 0;

  // Calls `on_change`, from a thread of its own, whenever a round of the task
  // has changed, until the watch dies or the task ends.
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  virtual std::unique_ptr<Watch> WatchRounds(
      const std::string& task, std::function<void()> on_change) = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_OPERATOR_CLIENT_H_
