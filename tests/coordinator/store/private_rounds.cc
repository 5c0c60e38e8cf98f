#include "tests/coordinator/store/private_rounds.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tests/coordinator/store/store_fixture.h"

namespace shoal::coordinator {
namespace {

Lease LeaseOf(RoundStore& store, const std::string& task) {
  return Require(store.AcquireLease(task, "us", Now(), kLeaseTime));
}

}  // namespace

absl::Status CreateTaskWith(RoundStore& store, const std::string& name,
                            const std::string& budget) {
  const std::string model = "initial model of " + name;
  TaskRow task = MakeTask(name, model);
  task.rounds = 9;
  task.privacy_budget = budget;
  return store.CreateTask(task, MakeModel(name, 0, model), model);
}

NewCharge MakeCharge(int64_t known, absl::string_view event,
                     absl::string_view state) {
  NewCharge charge;
  charge.event = std::string(event);
  charge.known = known;
  charge.mechanism_state = Secret(std::string(state));
  return charge;
}

int64_t Collect(RoundStore& store, const std::string& task,
                const std::vector<int>& devices) {
  const Lease lease = LeaseOf(store, task);
  const TaskRow row = Require(store.GetTask(task));
  const int64_t id = Require(store.OpenRound(lease, MakeRoundOf(row))).id;
  std::vector<ContributionRow> rows;
  for (const int device : devices) {
    SHOAL_EXPECT_OK(store.RecordAssignment(id, DeviceId(device), Now(), Now()));
    rows.push_back(MakeContribution(device));
  }
  Require(store.CommitSegment({id, "us", "sum", 7}, rows));
  return id;
}

absl::StatusOr<RoundRow> Seal(RoundStore& store, int64_t round_id,
                              const std::optional<NewCharge>& charge) {
  const RoundRow round = Require(store.GetRound(round_id));
  return store.SealRound(LeaseOf(store, round.task), round_id, 1, charge,
                         Now());
}

absl::Status Release(RoundStore& store, int64_t round_id,
                     absl::string_view state, absl::string_view model) {
  const RoundRow round = Require(store.GetRound(round_id));
  const std::string bytes = model.empty()
                                ? absl::StrCat("model of round ", round_id)
                                : std::string(model);
  RoundResult result = MakeResult(round, bytes);
  result.mechanism_state = Secret(std::string(state));
  return store.CommitRound(LeaseOf(store, round.task), result, bytes, Now());
}

absl::Status RunRound(RoundStore& store, const std::string& task,
                      absl::string_view event, absl::string_view state) {
  const int64_t id = Collect(store, task);
  std::optional<NewCharge> charge;
  if (!event.empty()) {
    const int64_t known = std::ssize(Require(store.ListCharges("writers")));
    charge = MakeCharge(known, event);
  }
  SHOAL_RETURN_IF_ERROR(Seal(store, id, charge).status());
  return Release(store, id, state);
}

std::vector<std::string> EventsOf(RoundStore& store) {
  std::vector<std::string> events;
  for (const ChargeRow& row : Require(store.ListCharges("writers"))) {
    events.push_back(row.event);
  }
  return events;
}

std::string StateOf(RoundStore& store, const std::string& task) {
  return std::string(Require(store.GetMechanismState(task)).Reveal());
}

}  // namespace shoal::coordinator
