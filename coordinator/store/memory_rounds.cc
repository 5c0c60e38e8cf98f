#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "base/status_macros.h"
#include "coordinator/store/memory_tables.h"

namespace shoal::coordinator {
namespace {

// The entries in the order of their keys: of device ids, first of all.
template <typename Key, typename Row>
std::vector<const std::pair<const Key, Row>*> Sorted(
    const absl::flat_hash_map<Key, Row>& rows) {
  std::vector<const std::pair<const Key, Row>*> entries;
  entries.reserve(rows.size());
  for (const auto& entry : rows) entries.push_back(&entry);
  absl::c_sort(entries, [](const auto* a, const auto* b) {
    return a->first < b->first;
  });
  return entries;
}

template <typename Key, typename Row>
std::vector<Row> ValuesOf(const absl::flat_hash_map<Key, Row>& rows) {
  std::vector<Row> values;
  values.reserve(rows.size());
  for (const auto* entry : Sorted(rows)) values.push_back(entry->second);
  return values;
}

}  // namespace

absl::StatusOr<MemoryStore::Round*> MemoryStore::FindRound(int64_t id) {
  const auto round = rounds_.find(id);
  if (round == rounds_.end()) return RoundNotFound(id);
  return &round->second;
}

// Only a task's newest round can be unfinished.
MemoryStore::Round* MemoryStore::UnfinishedRound(const Task& task) {
  if (task.rounds.empty()) return nullptr;
  Round& round = rounds_.at(task.rounds.back());
  return IsFinal(round.row.state) ? nullptr : &round;
}

std::optional<RoundRow> MemoryStore::UnfinishedRow(const Task& task) {
  const Round* round = UnfinishedRound(task);
  return round != nullptr ? std::make_optional(round->row) : std::nullopt;
}

absl::StatusOr<MemoryStore::Led> MemoryStore::FindLed(const Lease& lease,
                                                      int64_t round_id) {
  SHOAL_ASSIGN_OR_RETURN(Round * round, FindRound(round_id));
  SHOAL_ASSIGN_OR_RETURN(Task * task, FindTask(round->row.task));
  SHOAL_RETURN_IF_ERROR(CheckLease(lease, task->row.name, task->lease));
  return Led{task, round};
}

void MemoryStore::EndRound(Round& round) {
  for (const std::string& device_id : round.withdrawn) {
    round.assignments.erase(device_id);
    round.counted_later.erase(device_id);
    absl::erase_if(round.contributions, [&](const auto& entry) {
      return entry.first.first == device_id;
    });
  }
  round.withdrawn.clear();
  round.groups.clear();
  round.segment_bytes.clear();
}

absl::Status MemoryStore::AddGroupRows(Round& round, const NewGroupRows& rows) {
  auto group = absl::c_find_if(round.groups, [&](const auto& entry) {
    return entry.first == rows.session;
  });
  const bool is_new = group == round.groups.end();
  SHOAL_ASSIGN_OR_RETURN(const Task* task, FindTask(round.row.task));
  SHOAL_RETURN_IF_ERROR(CheckGroupRows(round.row, task->lease, rows,
                                       is_new ? 0 : std::ssize(group->second)));
  // A group begins with its first row.
  if (rows.rows.empty()) return absl::OkStatus();
  if (is_new) {
    group = round.groups.insert(group, {rows.session, {}});
    round.summaries.emplace_back();
  }
  group->second.insert(group->second.end(), rows.rows.begin(), rows.rows.end());
  GroupSummary& summary = round.summaries[group - round.groups.begin()];
  summary = rows.summary;
  summary.session = rows.session;
  return absl::OkStatus();
}

void MemoryStore::AddFault(const FaultRow& fault) {
  if (devices_.IsForgotten(fault.device_id)) return;
  devices_.RecordFault(fault);
  const auto round = rounds_.find(fault.round_id);
  if (round == rounds_.end()) return;
  const auto assignment = round->second.assignments.find(fault.device_id);
  if (assignment == round->second.assignments.end()) return;
  if (!assignment->second.outcome.empty()) return;
  assignment->second.outcome = std::string(kBarred);
}

void MemoryStore::ForgetOld(Task& task) {
  const auto keep = static_cast<size_t>(options_.keep_newest);
  if (keep == 0) return;
  if (task.rounds.size() > keep) {
    Round& round = rounds_.at(task.rounds[task.rounds.size() - keep - 1]);
    round.assignments.clear();
    round.contributions.clear();
    round.counted_later.clear();
    round.segments.clear();
    round.summaries.clear();
  }
  if (task.models.size() > keep) {
    const Digest old = task.models[task.models.size() - keep - 1].digest;
    const auto is_newer = [&](const ModelRow& row) {
      return row.digest == old;
    };
    // Versions may have the same bytes.
    if (std::none_of(task.models.end() - static_cast<ptrdiff_t>(keep),
                     task.models.end(), is_newer)) {
      models_.erase(old);
    }
  }
}

absl::StatusOr<RoundRow> MemoryStore::OpenRound(const Lease& lease,
                                                const NewRound& round) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(Task * task, FindTask(round.task));
  SHOAL_RETURN_IF_ERROR(CheckLease(lease, round.task, task->lease));
  SHOAL_RETURN_IF_ERROR(CheckOpenRound(task->row, UnfinishedRow(*task), round));
  RoundRow row = MakeRound(round);
  row.id = static_cast<int64_t>(rounds_.size()) + 1;
  rounds_[row.id].row = row;
  task->rounds.push_back(row.id);
  if (!round.mechanism_state.empty()) {
    ledger_.SetState(task->row.name, round.mechanism_state);
  }
  return row;
}

absl::StatusOr<RoundRow> MemoryStore::GetRound(int64_t id) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Round* round, FindRound(id));
  return round->row;
}

absl::StatusOr<std::vector<RoundRow>> MemoryStore::ListRounds(
    const std::string& task, int limit, int64_t before_id) {
  MutexLock lock(mutex_);
  std::vector<RoundRow> rows;
  const auto found = tasks_.find(task);
  if (found == tasks_.end()) return rows;
  const std::vector<int64_t>& ids = found->second.rounds;
  auto id = std::make_reverse_iterator(
      before_id == 0 ? ids.end()
                     : std::lower_bound(ids.begin(), ids.end(), before_id));
  for (; id != ids.rend() && static_cast<int>(rows.size()) < limit; ++id) {
    rows.push_back(rounds_.at(*id).row);
  }
  return rows;
}

absl::StatusOr<std::optional<RoundRow>> MemoryStore::GetUnfinishedRound(
    const std::string& task) {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(task);
  if (found == tasks_.end()) return std::nullopt;
  return UnfinishedRow(found->second);
}

absl::Status MemoryStore::RecordAssignment(int64_t round_id,
                                           const std::string& device_id,
                                           absl::Time now,
                                           absl::Time deadline) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(Round * round, FindRound(round_id));
  SHOAL_RETURN_IF_ERROR(CheckAssignable(round->row));
  if (devices_.IsForgotten(device_id)) return DeviceForgotten();
  const auto held = round->assignments.find(device_id);
  if (held != round->assignments.end()) {
    if (!MayAssignAgain(round->row, held->second, now, deadline)) {
      return AssignmentExists(round_id, device_id);
    }
    held->second = {device_id, now, ""};
    return absl::OkStatus();
  }
  SHOAL_RETURN_IF_ERROR(CheckNotFull(round->row));
  round->assignments[device_id] = {device_id, now, ""};
  MarkAssigned(round->row, deadline);
  return absl::OkStatus();
}

absl::Status MemoryStore::RecordOutcome(int64_t round_id,
                                        const std::string& device_id,
                                        const std::string& outcome) {
  MutexLock lock(mutex_);
  const auto round = rounds_.find(round_id);
  if (round == rounds_.end()) return AssignmentNotFound(round_id, device_id);
  const auto assignment = round->second.assignments.find(device_id);
  if (assignment == round->second.assignments.end()) {
    return AssignmentNotFound(round_id, device_id);
  }
  if (assignment->second.outcome.empty()) assignment->second.outcome = outcome;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AssignmentRow>> MemoryStore::ListAssignments(
    int64_t round_id) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Round* round, FindRound(round_id));
  return ValuesOf(round->assignments);
}

absl::StatusOr<RoundSnapshot> MemoryStore::ReadRound(int64_t round_id) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Round* round, FindRound(round_id));
  RoundSnapshot snapshot{round->row, ValuesOf(round->assignments)};
  snapshot.groups = round->summaries;
  if (!round->row.asynchronous) return snapshot;
  for (const auto& [key, row] : round->contributions) {
    const int64_t number = row.earlier_round == 0
                               ? round->row.number
                               : rounds_.at(row.earlier_round).row.number;
    ++snapshot.staleness[round->row.number - number];
  }
  return snapshot;
}

absl::StatusOr<std::vector<OpenAssignmentRow>> MemoryStore::ListOpenAssignments(
    const std::string& task, int64_t min_number, absl::Time since) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Task* found, FindTask(task));
  std::vector<OpenAssignmentRow> rows;
  // Numbers never fall.
  auto id = found->rounds.end();
  while (id != found->rounds.begin() &&
         rounds_.at(*(id - 1)).row.number >= min_number) {
    --id;
  }
  for (; id != found->rounds.end(); ++id) {
    const Round& round = rounds_.at(*id);
    for (const auto* entry : Sorted(round.assignments)) {
      const AssignmentRow& assignment = entry->second;
      if (!assignment.outcome.empty() || assignment.assigned < since) continue;
      rows.push_back({*id, round.row.number, round.row.base_model, assignment});
    }
  }
  return rows;
}

const ContributionRow* MemoryStore::FindContribution(
    const Round& round, const std::string& device_id) {
  const auto later = round.counted_later.find(device_id);
  const bool is_later = later != round.counted_later.end();
  const Round& sum = is_later ? rounds_.at(later->second) : round;
  const auto row =
      sum.contributions.find({device_id, is_later ? round.row.id : int64_t{0}});
  return row != sum.contributions.end() ? &row->second : nullptr;
}

void MemoryStore::CountAssignment(Round& round, ContributionRow& row,
                                  int64_t sum_round) {
  if (row.earlier_round != 0) round.counted_later[row.device_id] = sum_round;
  const auto assignment = round.assignments.find(row.device_id);
  if (assignment == round.assignments.end()) return;
  assignment->second.outcome =
      std::exchange(row.outcome, std::string(kContributed));
}

absl::StatusOr<SegmentResult> MemoryStore::CommitSegment(
    const NewSegment& segment,
    absl::Span<const ContributionRow> contributions) {
  SHOAL_RETURN_IF_ERROR(CheckNewSegment(segment, contributions));
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(Round * round, FindRound(segment.round_id));
  SegmentResult result;
  if (round->row.state != RoundState::kCollecting) {
    result.kind = SegmentResult::kClosed;
    return result;
  }
  SHOAL_RETURN_IF_ERROR(CheckEarlierRounds(round->row, contributions));
  for (const ContributionRow& row : contributions) {
    Round* assigned = round;
    if (row.earlier_round != 0) {
      SHOAL_ASSIGN_OR_RETURN(assigned, FindRound(row.earlier_round));
    }
    if (FindContribution(*assigned, row.device_id) != nullptr ||
        devices_.IsForgotten(row.device_id)) {
      result.kind = SegmentResult::kDuplicates;
      result.duplicates.push_back(row.device_id);
    }
  }
  if (result.kind == SegmentResult::kDuplicates) return result;
  if (!HasRoomFor(round->row, contributions.size())) {
    result.kind = SegmentResult::kClosed;
    return result;
  }
  if (segment.group.has_value()) {
    SHOAL_RETURN_IF_ERROR(AddGroupRows(*round, *segment.group));
  }
  result.segment_id = ++last_segment_;
  round->segments.push_back(
      {result.segment_id, std::string(segment.sum),
       segment.group.has_value() ? segment.group->session : Digest()});
  round->segment_bytes[result.segment_id] = segment.bytes_up;
  for (ContributionRow row : contributions) {
    row.segment_id = result.segment_id;
    CountAssignment(
        row.earlier_round == 0 ? *round : rounds_.at(row.earlier_round), row,
        segment.round_id);
    round->contributions.insert_or_assign({row.device_id, row.earlier_round},
                                          row);
  }
  round->row.accepted += static_cast<int>(contributions.size());
  round->row.bytes_up += segment.bytes_up;
  if (segment.group.has_value()) {
    for (const FaultRow& fault : segment.group->faults) AddFault(fault);
  }
  result.accepted = round->row.accepted;
  return result;
}

absl::StatusOr<std::optional<ContributionRow>> MemoryStore::GetContribution(
    int64_t round_id, const std::string& device_id) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Round* round, FindRound(round_id));
  const ContributionRow* row = FindContribution(*round, device_id);
  return row != nullptr ? std::make_optional(*row) : std::nullopt;
}

absl::StatusOr<std::vector<ContributionRow>> MemoryStore::ListContributions(
    int64_t round_id) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Round* round, FindRound(round_id));
  return ValuesOf(round->contributions);
}

absl::StatusOr<std::vector<SegmentRow>> MemoryStore::ReadSegments(
    int64_t round_id) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Round* round, FindRound(round_id));
  return round->segments;
}

absl::Status MemoryStore::AppendGroupRows(const NewGroupRows& rows) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(Round * round, FindRound(rows.round_id));
  SHOAL_RETURN_IF_ERROR(AddGroupRows(*round, rows));
  for (const FaultRow& fault : rows.faults) AddFault(fault);
  return absl::OkStatus();
}

absl::Status MemoryStore::BurnGroup(const NewGroupRows& rows) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(Round * round, FindRound(rows.round_id));
  SHOAL_RETURN_IF_ERROR(CheckBurnable(round->row));
  SHOAL_RETURN_IF_ERROR(AddGroupRows(*round, rows));
  std::set<int64_t> burnt;
  int64_t bytes_up = 0;
  std::erase_if(round->segments, [&](const SegmentRow& segment) {
    if (segment.session != rows.session) return false;
    burnt.insert(segment.id);
    bytes_up += round->segment_bytes[segment.id];
    return true;
  });
  int contributions = 0;
  absl::erase_if(round->contributions, [&](const auto& entry) {
    if (!burnt.contains(entry.second.segment_id)) return false;
    ++contributions;
    const std::string& device_id = entry.first.first;
    const auto assignment = round->assignments.find(device_id);
    if (assignment != round->assignments.end()) {
      assignment->second.outcome =
          std::string(round->withdrawn.contains(device_id) ? kWithdrawn : "");
    }
    return true;
  });
  MarkBurnt(round->row, contributions, bytes_up);
  for (const FaultRow& fault : rows.faults) AddFault(fault);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<GroupRow>> MemoryStore::ReadGroupRows(
    int64_t round_id) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Round* round, FindRound(round_id));
  std::vector<GroupRow> rows;
  for (const auto& [session, of_group] : round->groups) {
    for (const std::string& row : of_group) rows.push_back({session, row});
  }
  return rows;
}

absl::StatusOr<RoundRow> MemoryStore::SealRound(
    const Lease& lease, int64_t id, int min_reports,
    const std::optional<NewCharge>& charge, absl::Time now) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Led led, FindLed(lease, id));
  RoundRow& row = led.round->row;
  SHOAL_RETURN_IF_ERROR(CheckSealable(row, min_reports));
  if (charge.has_value()) {
    const TaskRow& task = led.task->row;
    SHOAL_RETURN_IF_ERROR(CheckNewCharge(task, *charge));
    SHOAL_RETURN_IF_ERROR(CheckCharge(task.population, *charge,
                                      ledger_.CountCharges(task.population)));
    ledger_.AddCharge({0, task.population, task.name, id, charge->event, now});
    if (!charge->mechanism_state.empty()) {
      ledger_.SetState(task.name, charge->mechanism_state);
    }
  }
  row.state = RoundState::kSealed;
  row.contributors = ContributorsDigest(ValuesOf(led.round->contributions));
  return row;
}

absl::Status MemoryStore::RevealRound(const Lease& lease, int64_t id,
                                      absl::Time now) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Led led, FindLed(lease, id));
  SHOAL_RETURN_IF_ERROR(CheckRevealable(led.round->row));
  led.round->row.state = RoundState::kRevealed;
  return absl::OkStatus();
}

absl::Status MemoryStore::CommitRound(const Lease& lease,
                                      const RoundResult& result,
                                      absl::string_view model_bytes,
                                      absl::Time now) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Led led, FindLed(lease, result.round_id));
  SHOAL_RETURN_IF_ERROR(CheckCommittable(led.round->row));
  SHOAL_RETURN_IF_ERROR(
      CheckRoundResult(led.round->row, led.task->row, result));
  SHOAL_RETURN_IF_ERROR(CheckModelBytes(result.model, model_bytes));
  models_.emplace(result.model.digest,
                  Model{result.model, std::string(model_bytes)});
  led.task->models.push_back(result.model);
  led.task->optimizer_state = result.optimizer_state;
  ledger_.SetState(led.task->row.name, result.mechanism_state);
  MarkCommitted(led.round->row, led.task->row, result, now);
  devices_.RecordParticipation(led.task->row, led.round->row.number,
                               ValuesOf(led.round->contributions));
  led.round->segments.clear();
  EndRound(*led.round);
  ForgetOld(*led.task);
  return absl::OkStatus();
}

absl::Status MemoryStore::FailRound(const Lease& lease, int64_t id,
                                    const std::string& failure,
                                    absl::Time now) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Led led, FindLed(lease, id));
  SHOAL_RETURN_IF_ERROR(CheckUnfinished(led.round->row));
  MarkFailed(led.round->row, led.task->row, failure, now);
  if (!KeepsSegments(led.task->row, failure)) led.round->segments.clear();
  EndRound(*led.round);
  ForgetOld(*led.task);
  return absl::OkStatus();
}

}  // namespace shoal::coordinator
