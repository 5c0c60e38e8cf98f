// Rows of the store as operators see them.
#ifndef SHOAL_COORDINATOR_SERVICE_ADMIN_REPORTS_H_
#define SHOAL_COORDINATOR_SERVICE_ADMIN_REPORTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "configuration/task.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/engine/rows.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::coordinator {

class Traffic;

// Times that have not happened and digests that are empty stay unset.
v1::ModelReport ToReport(const ModelRow& row);
v1::DeviceReport ToReport(const DeviceRow& row);
// Without its newest round and its trouble. DATA_LOSS when the definition does
// not parse.
absl::StatusOr<v1::TaskReport> ToReport(const TaskRow& row);
// `bytes_down`: of the round's base model; `explanation`: of ExplainRound.
// Without the loss of its model.
v1::RoundReport ToReport(const RoundRow& row,
                         absl::Span<const AssignmentRow> assignments,
                         int64_t bytes_down, const std::string& explanation);

// Reads what the reports above need. Errors of the store; DATA_LOSS when a
// task's definition does not parse. Thread-safe.
class ReportReader {
 public:
  // All must outlive this.
  ReportReader(RoundStore& store, const Traffic& traffic, const Clock& clock)
      : store_(store), traffic_(traffic), clock_(clock) {}

  absl::StatusOr<v1::RoundReport> Round(const RoundRow& row) const;
  // All of one task.
  absl::StatusOr<std::vector<v1::RoundReport>> Rounds(
      const std::string& task, absl::Span<const RoundRow> rows) const;
  // With its newest round, when it has one, and why its last rounds failed,
  // when they did and it goes on.
  absl::StatusOr<v1::TaskReport> Task(const TaskRow& row) const;

  RoundStore& store() const { return store_; }

 private:
  absl::StatusOr<v1::RoundReport> Round(const RoundRow& row,
                                        const configuration::Task& task) const;
  // `failed`: the task's last round that is over.
  absl::StatusOr<std::string> Trouble(const TaskRow& row,
                                      const RoundRow& failed) const;

  RoundStore& store_;
  const Traffic& traffic_;
  const Clock& clock_;
};

// The state of the wire; nothing for a state that nobody can ask for.
std::optional<TaskState> FromProto(v1::TaskState state);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_ADMIN_REPORTS_H_
