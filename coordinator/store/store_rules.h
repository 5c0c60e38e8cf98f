// The rules that every RoundStore keeps, as functions of rows: which change is
// legal in which state, and what the refusal says. The stores differ only in
// where the rows lie. Pure; thread-safe.
#ifndef SHOAL_COORDINATOR_STORE_STORE_RULES_H_
#define SHOAL_COORDINATOR_STORE_STORE_RULES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

// --- what is not there -----------------------------------------------------
absl::Status TaskNotFound(absl::string_view name);
absl::Status RoundNotFound(int64_t id);
absl::Status ModelNotFound(const Digest& digest);
absl::Status AssignmentNotFound(int64_t round_id, absl::string_view device_id);
absl::Status DeviceNotFound(absl::string_view text);
// The one device that `text` means, of those whose id starts with it or whose
// name it is. NOT_FOUND; INVALID_ARGUMENT when several match or text is empty.
absl::StatusOr<DeviceRow> PickDevice(absl::string_view text,
                                     std::vector<DeviceRow> matches);
absl::Status InvitationNotFound();

// --- what is there already: ALREADY_EXISTS ---------------------------------
absl::Status TaskExists(absl::string_view name);
absl::Status AssignmentExists(int64_t round_id, absl::string_view device_id);
absl::Status InvitationExists();
absl::Status TokenKeyExists(int64_t id);

// --- what is passed in: INVALID_ARGUMENT -----------------------------------
// The model is version 0 of the task and the task's current model.
absl::Status CheckNewTask(const TaskRow& task, const ModelRow& model);
// The charge says what it is for, and its task trains with privacy.
absl::Status CheckNewCharge(const TaskRow& task, const NewCharge& charge);
// The row's size is that of the bytes.
absl::Status CheckModelBytes(const ModelRow& model, absl::string_view bytes);
// At least one contribution, no device twice, no norm that is not a number. A
// group's rows are those of the segment's round, and so are its contributions.
absl::Status CheckNewSegment(const NewSegment& segment,
                             absl::Span<const ContributionRow> contributions);
// Updates of other rounds' assignments are those of earlier ones, and joined by
// asynchronous rounds alone.
absl::Status CheckEarlierRounds(
    const RoundRow& round, absl::Span<const ContributionRow> contributions);
// The model is what the round was to make; noise is that of a task with
// privacy.
absl::Status CheckRoundResult(const RoundRow& round, const TaskRow& task,
                              const RoundResult& result);
absl::Status CheckNewInvitation(const InvitationRow& row);
// `offset` and `size` are not negative; OUT_OF_RANGE beyond `num_bytes`.
absl::Status CheckModelRange(const Digest& digest, int64_t num_bytes,
                             int64_t offset, int64_t size);

// --- who is forgotten: FAILED_PRECONDITION ---------------------------------
absl::Status DeviceForgotten();

// --- leadership ------------------------------------------------------------
// A lease as it is stored.
struct HeldLease {
  std::string holder;
  int64_t epoch = 0;
  absl::Time expires = absl::InfinitePast();
};
// The lease after `holder` has taken or renewed it; FAILED_PRECONDITION while
// another holder's runs.
absl::StatusOr<HeldLease> NextLease(absl::string_view task,
                                    const std::optional<HeldLease>& held,
                                    absl::string_view holder, absl::Time now,
                                    absl::Duration duration);
// ABORTED unless `lease` is the one held; INVALID_ARGUMENT when it belongs to
// another task than `task`.
absl::Status CheckLease(const Lease& lease, absl::string_view task,
                        const std::optional<HeldLease>& held);

// --- states: FAILED_PRECONDITION -------------------------------------------
// May a population with this budget ("": none) and these tasks get the task?
absl::Status CheckPrivacyBudget(const TaskRow& task, absl::string_view budget,
                                absl::Span<const TaskRow> others);
// May the task get this state while its unfinished round, if any, is there?
absl::Status CheckTaskState(const TaskRow& task,
                            const std::optional<RoundRow>& unfinished,
                            TaskState state);
absl::Status CheckOpenRound(const TaskRow& task,
                            const std::optional<RoundRow>& unfinished,
                            const NewRound& round);
// May the round take one more assignment?
absl::Status CheckAssignable(const RoundRow& round);
absl::Status CheckNotFull(const RoundRow& round);
// May a device that has an assignment of the round get another, until
// `deadline`? Asynchronous rounds, which wait for as long as it takes, give one
// to who has let as much time pass and has not contributed.
bool MayAssignAgain(const RoundRow& round, const AssignmentRow& held,
                    absl::Time now, absl::Time deadline);
// May rows be added to a group of the round that has `known` of them? ABORTED
// when others have been added than their writer knows.
absl::Status CheckGroupRows(const RoundRow& round,
                            const std::optional<HeldLease>& held,
                            const NewGroupRows& rows, int64_t known);
absl::Status CheckBurnable(const RoundRow& round);
absl::Status CheckSealable(const RoundRow& round, int min_reports);
// May a population with `known` charges be charged? ABORTED when it has others
// than the charge's writer knows.
absl::Status CheckCharge(absl::string_view population, const NewCharge& charge,
                         int64_t known);
absl::Status CheckRevealable(const RoundRow& round);
absl::Status CheckCommittable(const RoundRow& round);
absl::Status CheckUnfinished(const RoundRow& round);
// Are the segments of a round that failed for this reason evidence to keep?
// With privacy none are: a sum without its noise tells what the noise was.
bool KeepsSegments(const TaskRow& task, absl::string_view failure);
// Would `size` more contributions stay within the round's max_accepted()?
bool HasRoomFor(const RoundRow& round, size_t size);

// --- what a change does ----------------------------------------------------
RoundRow MakeRound(const NewRound& round);
void MarkAssigned(RoundRow& round, absl::Time deadline);
void MarkStopped(RoundRow& round, TaskRow& task, absl::Time now);
void MarkFailed(RoundRow& round, TaskRow& task, absl::string_view failure,
                absl::Time now);
// Takes contributions of a burnt group back.
void MarkBurnt(RoundRow& round, int contributions, int64_t bytes_up);
void MarkCommitted(RoundRow& round, TaskRow& task, const RoundResult& result,
                   absl::Time now);
void Apply(const DeviceSighting& sighting, DeviceRow& device);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_STORE_RULES_H_
