// Rows of the store as operators see them.
#ifndef SHOAL_COORDINATOR_SERVICE_ADMIN_REPORTS_H_
#define SHOAL_COORDINATOR_SERVICE_ADMIN_REPORTS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "configuration/task.h"
#include "coordinator/engine/explain.h"
#include "coordinator/engine/notices.h"
#include "coordinator/engine/privacy_report.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/engine/rows.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::coordinator {

// Times that have not happened and digests that are empty stay unset.
v1::ModelReport ToReport(const ModelRow& row);
v1::DeviceReport ToReport(const DeviceRow& row);
v1::DeviceFault ToReport(const FaultRow& row);
// Without its newest round and its trouble. DATA_LOSS when the definition does
// not parse.
absl::StatusOr<v1::TaskReport> ToReport(const TaskRow& row);
v1::PrivacyReport ToReport(const TaskRow& row, const PrivacyReport& report);
// `explanation`: of ExplainRound. Without the loss of its model.
v1::RoundReport ToReport(const RoundRow& row,
                         absl::Span<const AssignmentRow> assignments,
                         const std::string& explanation);

// Reads what the reports above need. Errors of the store; DATA_LOSS when a
// task's definition does not parse. Thread-safe.
class ReportReader {
 public:
  // RoundEngine::NoticesOf. Thread-safe.
  using NoticesOf =
      std::function<TaskNotices(const std::string& task, int64_t round_id)>;

  // Whether reports on rounds and tasks say which devices broke the protocol of
  // secure aggregation.
  enum Naming { kNamesDevices, kNamesNoDevices };

  // All must outlive this, and what `notices_of` uses its methods' calls.
  ReportReader(RoundStore& store, const Clock& clock, NoticesOf notices_of,
               Naming naming = kNamesDevices)
      : store_(store),
        clock_(clock),
        notices_of_(std::move(notices_of)),
        naming_(naming) {}

  absl::StatusOr<v1::RoundReport> Round(const RoundRow& row) const;
  // With its faults.
  absl::StatusOr<v1::DeviceReport> Device(const DeviceRow& row) const;
  // All of one task.
  absl::StatusOr<std::vector<v1::RoundReport>> Rounds(
      const std::string& task, absl::Span<const RoundRow> rows) const;
  // With its newest round, when it has one, and its trouble, when it has some
  // and goes on: what holds it up, why its last rounds failed, and why nobody
  // gets into the open one.
  absl::StatusOr<v1::TaskReport> Task(const TaskRow& row) const;

  RoundStore& store() const { return store_; }

 private:
  // Everything that is known of a round and its task.
  struct Told {
    RoundRow round;
    std::vector<AssignmentRow> assignments;
    std::map<int64_t, int64_t> staleness;
    TaskRow task_row;
    configuration::Task task;
    TaskNotices notices;
    std::vector<GroupSummary> groups;
    std::vector<FaultRow> faults;

    RoundStory story() const {
      return {round,   assignments, task_row, task,
              notices, staleness,   groups,   faults};
    }
  };
  absl::StatusOr<Told> Tell(const RoundRow& row, const TaskRow& task_row) const;
  v1::RoundReport Report(const Told& told) const;
  // `newest`: the task's last rounds, newest first.
  absl::StatusOr<std::string> Trouble(const TaskRow& row,
                                      absl::Span<const RoundRow> newest) const;

  RoundStore& store_;
  const Clock& clock_;
  const NoticesOf notices_of_;
  const Naming naming_;
};

// The state of the wire; nothing for a state that nobody can ask for.
std::optional<TaskState> FromProto(v1::TaskState state);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_ADMIN_REPORTS_H_
