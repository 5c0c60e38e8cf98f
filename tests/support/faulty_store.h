// A RoundStore that fails on demand, around one that works.
#ifndef SHOAL_TESTS_SUPPORT_FAULTY_STORE_H_
#define SHOAL_TESTS_SUPPORT_FAULTY_STORE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/engine/round_store.h"

namespace shoal::testing {

// How one call goes wrong.
enum class StoreFault {
  kNone,
  kBefore,  // fails, and nothing has happened
  kAfter,   // has happened, but fails: a connection lost at the wrong moment
};

// Thread-safe when `decide` is. `store` must outlive it.
class FaultyStore final : public coordinator::RoundStore {
 public:
  // Asked before every call, with the method's name.
  using Decide = std::function<StoreFault(absl::string_view method)>;

  explicit FaultyStore(coordinator::RoundStore& store) : store_(store) {}

  // Replaces what decides; nothing: all works.
  void SetFaults(Decide decide) { decide_ = std::move(decide); }
  // What failing calls return.
  void SetError(absl::Status error) { error_ = std::move(error); }

  std::string Describe() const override { return store_.Describe(); }

#define SHOAL_FORWARD(Result, Method, Parameters, Arguments)               \
  Result Method Parameters override {                                      \
    return Call<Result>(#Method, [&] { return store_.Method Arguments; }); \
  }

  SHOAL_FORWARD(absl::StatusOr<coordinator::Lease>, AcquireLease,
                (const std::string& task, const std::string& holder,
                 absl::Time now, absl::Duration duration),
                (task, holder, now, duration))
  SHOAL_FORWARD(absl::Status, CreateTask,
                (const coordinator::TaskRow& task,
                 const coordinator::ModelRow& model, absl::string_view bytes),
                (task, model, bytes))
  SHOAL_FORWARD(absl::StatusOr<coordinator::TaskRow>, GetTask,
                (const std::string& name), (name))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::TaskRow>>, ListTasks,
                (), ())
  SHOAL_FORWARD(absl::Status, SetTaskState,
                (const std::string& name, coordinator::TaskState state,
                 const std::string& note, absl::Time now),
                (name, state, note, now))
  SHOAL_FORWARD(absl::StatusOr<coordinator::ModelRow>, GetModel,
                (const Digest& digest), (digest))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::ModelRow>>, ListModels,
                (const std::string& task, int limit), (task, limit))
  SHOAL_FORWARD(absl::StatusOr<std::string>, ReadModel,
                (const Digest& digest, int64_t offset, int64_t size),
                (digest, offset, size))
  SHOAL_FORWARD(absl::StatusOr<coordinator::RoundRow>, OpenRound,
                (const coordinator::Lease& lease,
                 const coordinator::NewRound& round),
                (lease, round))
  SHOAL_FORWARD(absl::StatusOr<coordinator::RoundRow>, GetRound, (int64_t id),
                (id))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::RoundRow>>, ListRounds,
                (const std::string& task, int limit, int64_t before_id),
                (task, limit, before_id))
  SHOAL_FORWARD(absl::StatusOr<std::optional<coordinator::RoundRow>>,
                GetUnfinishedRound, (const std::string& task), (task))
  SHOAL_FORWARD(absl::Status, RecordAssignment,
                (int64_t round_id, const std::string& device_id, absl::Time now,
                 absl::Time deadline),
                (round_id, device_id, now, deadline))
  SHOAL_FORWARD(absl::Status, RecordOutcome,
                (int64_t round_id, const std::string& device_id,
                 const std::string& outcome),
                (round_id, device_id, outcome))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::AssignmentRow>>,
                ListAssignments, (int64_t round_id), (round_id))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::OpenAssignmentRow>>,
                ListOpenAssignments,
                (const std::string& task, int64_t min_number, absl::Time since),
                (task, min_number, since))
  SHOAL_FORWARD(absl::StatusOr<coordinator::RoundSnapshot>, ReadRound,
                (int64_t round_id), (round_id))
  SHOAL_FORWARD(absl::StatusOr<coordinator::SegmentResult>, CommitSegment,
                (const coordinator::NewSegment& segment,
                 absl::Span<const coordinator::ContributionRow> contributions),
                (segment, contributions))
  SHOAL_FORWARD(absl::StatusOr<std::optional<coordinator::ContributionRow>>,
                GetContribution,
                (int64_t round_id, const std::string& device_id),
                (round_id, device_id))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::ContributionRow>>,
                ListContributions, (int64_t round_id), (round_id))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::SegmentRow>>,
                ReadSegments, (int64_t round_id), (round_id))
  SHOAL_FORWARD(absl::Status, AppendGroupRows,
                (const coordinator::NewGroupRows& rows), (rows))
  SHOAL_FORWARD(absl::Status, BurnGroup,
                (const coordinator::NewGroupRows& rows), (rows))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::GroupRow>>,
                ReadGroupRows, (int64_t round_id), (round_id))
  SHOAL_FORWARD(absl::StatusOr<coordinator::RoundRow>, SealRound,
                (const coordinator::Lease& lease, int64_t id, int min_reports,
                 const std::optional<coordinator::NewCharge>& charge,
                 absl::Time now),
                (lease, id, min_reports, charge, now))
  SHOAL_FORWARD(absl::Status, RevealRound,
                (const coordinator::Lease& lease, int64_t id, absl::Time now),
                (lease, id, now))
  SHOAL_FORWARD(absl::Status, CommitRound,
                (const coordinator::Lease& lease,
                 const coordinator::RoundResult& result,
                 absl::string_view model_bytes, absl::Time now),
                (lease, result, model_bytes, now))
  SHOAL_FORWARD(absl::Status, FailRound,
                (const coordinator::Lease& lease, int64_t id,
                 const std::string& failure, absl::Time now),
                (lease, id, failure, now))
  SHOAL_FORWARD(absl::StatusOr<std::string>, GetOptimizerState,
                (const std::string& task), (task))
  SHOAL_FORWARD(absl::StatusOr<std::string>, GetPrivacyBudget,
                (const std::string& population), (population))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::ChargeRow>>,
                ListCharges, (const std::string& population), (population))
  SHOAL_FORWARD(absl::StatusOr<Secret>, GetMechanismState,
                (const std::string& task), (task))
  SHOAL_FORWARD(absl::Status, UpsertDevice,
                (const coordinator::DeviceRow& device), (device))
  SHOAL_FORWARD(absl::Status, TouchDevice,
                (const coordinator::DeviceSighting& sighting), (sighting))
  SHOAL_FORWARD(absl::StatusOr<coordinator::DeviceRow>, GetDevice,
                (const std::string& id), (id))
  SHOAL_FORWARD(absl::StatusOr<coordinator::DeviceRow>, FindDevice,
                (const std::string& text), (text))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::DeviceRow>>,
                ListDevices, (int limit, const std::string& after_id),
                (limit, after_id))
  SHOAL_FORWARD(absl::StatusOr<int64_t>, CountDevices, (absl::Time seen_since),
                (seen_since))
  SHOAL_FORWARD(absl::StatusOr<coordinator::Participation>, GetParticipation,
                (const std::string& population, const std::string& task,
                 const std::string& device_id),
                (population, task, device_id))
  SHOAL_FORWARD(absl::Status, RecordFault, (const coordinator::FaultRow& fault),
                (fault))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::FaultRow>>, ListFaults,
                (const std::string& device_id, int64_t round_id, int limit),
                (device_id, round_id, limit))
  SHOAL_FORWARD(absl::Status, ForgetDevice, (const std::string& device_id),
                (device_id))
  SHOAL_FORWARD(absl::StatusOr<bool>, IsForgotten,
                (const std::string& device_id), (device_id))
  SHOAL_FORWARD(absl::Status, CreateInvitation,
                (const coordinator::InvitationRow& row), (row))
  SHOAL_FORWARD(absl::Status, UseInvitation,
                (const Digest& token_hash, const std::string& device_id,
                 absl::Time now),
                (token_hash, device_id, now))
  SHOAL_FORWARD(absl::StatusOr<std::vector<coordinator::TokenKeyRow>>,
                ListTokenKeys, (), ())
  SHOAL_FORWARD(absl::Status, AddTokenKey,
                (const coordinator::TokenKeyRow& row), (row))
  SHOAL_FORWARD(absl::Status, DeleteTokenKeysBefore, (int64_t id), (id))
#undef SHOAL_FORWARD

 private:
  template <typename Result, typename Work>
  Result Call(absl::string_view method, const Work& work) {
    const StoreFault fault = decide_ ? decide_(method) : StoreFault::kNone;
    if (fault == StoreFault::kBefore) return error_;
    Result result = work();
    if (fault == StoreFault::kAfter) return error_;
    return result;
  }

  coordinator::RoundStore& store_;
  Decide decide_;
  absl::Status error_ = absl::UnavailableError("the store is away");
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_FAULTY_STORE_H_
