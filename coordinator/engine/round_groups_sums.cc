// The masked sums of groups: what is added to them, and what comes out in the
// end.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/aggregate.h"
#include "coordinator/engine/batch.h"
#include "coordinator/engine/failpoints.h"
#include "coordinator/engine/round_groups.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;
using secure_aggregation::RingVector;
using Uploads = std::vector<std::shared_ptr<Upload>>;

void Add(const RingVector& vector, RingVector& sum) {
  for (int64_t i = 0; i < vector.length(); ++i) {
    sum.Set(i, sum.Get(i) + vector.Get(i));
  }
}

std::vector<int64_t> SignedValues(const RingVector& vector) {
  std::vector<int64_t> values(vector.length());
  for (int64_t i = 0; i < vector.length(); ++i) {
    values[i] = vector.GetSigned(i);
  }
  return values;
}

void SetSigned(absl::Span<const int64_t> values, RingVector& vector) {
  for (int64_t i = 0; i < vector.length(); ++i) {
    vector.Set(i, static_cast<uint64_t>(values[i]));
  }
}

// Of a number that devices claim, what counts.
int64_t Bounded(absl::int128 number) {
  return static_cast<int64_t>(
      std::clamp<absl::int128>(number, 0, std::numeric_limits<int64_t>::max()));
}

// What devices claim, at most one vote each.
int64_t VotesIn(const protocol::SecureTotals& totals, int64_t num_updates) {
  return static_cast<int64_t>(
      std::clamp<absl::int128>(totals.votes, -num_updates, num_updates));
}

}  // namespace

absl::Status RoundGroups::CommitBatch(absl::Time now) {
  std::map<Digest, Uploads> by_group;
  {
    MutexLock lock(core_.mutex);
    for (auto& upload : round_->TakeBatch(core_.batch_rule())) {
      if (upload->phase == Upload::kCounted) {
        // The rows say so, and it was not learnt when it was done.
        core_.Tell(*upload, core_.ReceiptFor(task_, round_id_, upload->digest,
                                             upload->segment_id, now));
        continue;
      }
      by_group[upload->masked->session].push_back(std::move(upload));
    }
  }
  while (!by_group.empty()) {
    auto one = by_group.extract(by_group.begin());
    const absl::Status committed =
        CommitOf(one.key(), std::move(one.mapped()), now);
    if (committed.ok()) continue;
    MutexLock lock(core_.mutex);
    for (auto& [session, uploads] : by_group) {
      round_->PutBack(std::move(uploads));
    }
    return committed;
  }
  return absl::OkStatus();
}

absl::Status RoundGroups::CommitOf(const Digest& session, Uploads uploads,
                                   absl::Time now) {
  const auto found = groups_.find(session);
  LiveGroup* group = found != groups_.end() ? &found->second : nullptr;
  std::vector<RefusedUpload> refused;
  Uploads members = TakeMembers(group, uploads, refused, now);
  if (members.empty()) {
    const absl::Status written =
        group != nullptr ? WriteRows(*group, now) : absl::OkStatus();
    if (written.ok()) {
      TellRefused(refused);
    } else {
      PutBack(std::move(members), refused);
    }
    return written;
  }
  std::vector<RingVector> sums = update_->NoSum();
  std::vector<ContributionRow> rows;
  NewSegment segment;
  segment.round_id = round_id_;
  segment.replica = core_.options.replica;
  for (const auto& upload : members) {
    SHOAL_RETURN_IF_ERROR(
        protocol::AddPacked(upload->masked->vectors, absl::MakeSpan(sums)));
    segment.bytes_up += upload->bytes.num_bytes();
    ContributionRow& row = rows.emplace_back();
    row.device_id = upload->device_id;
    row.update_digest = upload->digest;
  }
  std::string bytes;
  if (core_.deps.store.keeps_sums()) {
    bytes = protocol::EncodeMaskedUpload(session, "", sums);
  }
  segment.sum = bytes;
  segment.group = group->NewRows(round_id_, false, now);
  segment.group->lease = lease_;
  Failpoint("before_commit_segment");
  const absl::StatusOr<SegmentResult> result =
      core_.deps.store.CommitSegment(segment, rows);
  core_.Noted(result.status()).IgnoreError();  // returned as well
  if (!result.ok() || result->kind != SegmentResult::kCommitted) {
    stale_ = true;  // the group is ahead of its rows
  }
  if (!result.ok()) {
    PutBack(std::move(members), refused);
    return result.status();
  }
  if (result->kind == SegmentResult::kCommitted) {
    Failpoint("after_commit_segment");
    group->RowsWritten(*segment.group);
    MaskedSums& kept = sums_[session];
    if (kept.sums.empty()) kept.sums = update_->NoSum();
    for (size_t i = 0; i < sums.size(); ++i) Add(sums[i], kept.sums[i]);
    kept.num_updates += static_cast<int>(members.size());
    Acknowledge(core_, task_, *round_, members, std::move(rows),
                result->segment_id, now);
    NoteLost(*group);
    TellRefused(refused);
    return absl::OkStatus();
  }
  Uploads ended = std::move(members);
  // Why they were to be refused is no row.
  for (RefusedUpload& one : refused) ended.push_back(std::move(one.upload));
  members.clear();
  if (result->kind == SegmentResult::kDuplicates) {
    members = std::move(ended);
    ended = TakeDuplicates(members, result->duplicates);
    if (ended.empty()) {
      return absl::InternalError(
          "the store names duplicates that are not in the batch");
    }
  }
  {
    MutexLock lock(core_.mutex);
    if (result->kind == SegmentResult::kClosed) task_.stale = true;
    round_->PutBack(std::move(members));
  }
  ResolveUploads(core_, task_, *round_, ended, now);
  return absl::OkStatus();
}

Uploads RoundGroups::TakeMembers(LiveGroup* group, Uploads& uploads,
                                 std::vector<RefusedUpload>& refused,
                                 absl::Time now) {
  Uploads members;
  for (auto& upload : uploads) {
    const auto refuse = [&](RefusalCode code, absl::string_view why) {
      refused.push_back({std::move(upload), RefusalError(code, why)});
    };
    const auto guilty = guilty_.find(upload->device_id);
    if (guilty != guilty_.end()) {
      refuse(RefusalCode::kGroupFault, guilty->second);
      continue;
    }
    const std::optional<int> index =
        group != nullptr ? group->IndexOf(upload->device_id) : std::nullopt;
    if (group != nullptr && !index.has_value()) {
      // Nobody has told it of that group.
      const absl::Status why =
          Blame(upload->device_id, "in its masked upload",
                "it is for a group that the device is not in", now);
      refused.push_back({std::move(upload), why});
      continue;
    }
    if (!index.has_value() || group->is_settled()) {
      refuse(RefusalCode::kGroupOver,
             "the group does not wait for masked updates any more");
      continue;
    }
    secure_aggregation::Group& session = group->session();
    absl::Status taken;
    if (session.IsMaskedInput(upload->masked->message)) {
      taken = session.OnMessage(*index, upload->masked->message);
    } else {
      const absl::string_view why = "its vectors come without their message";
      session.Exclude(*index, why);
      taken = absl::InvalidArgumentError(why);
    }
    if (taken.ok()) {
      members.push_back(std::move(upload));
    } else {
      refuse(absl::IsInvalidArgument(taken) ? RefusalCode::kGroupFault
                                            : RefusalCode::kGroupOver,
             taken.message());
    }
  }
  return members;
}

void RoundGroups::TellRefused(const std::vector<RefusedUpload>& refused) {
  MutexLock lock(core_.mutex);
  for (const RefusedUpload& one : refused) {
    round_->Drop(*one.upload, one.why);
    core_.Tell(*one.upload, one.why);
  }
}

void RoundGroups::PutBack(Uploads uploads,
                          std::vector<RefusedUpload>& refused) {
  for (RefusedUpload& one : refused) uploads.push_back(std::move(one.upload));
  MutexLock lock(core_.mutex);
  round_->PutBack(std::move(uploads));
}

absl::StatusOr<std::vector<RingVector>> RoundGroups::SumsOf(
    const LiveGroup& group, const std::vector<SegmentRow>& segments) {
  const std::vector<bool>& contributors = group.session().contributors();
  const auto kept = sums_.find(group.id());
  if (kept != sums_.end() &&
      kept->second.num_updates ==
          std::count(contributors.begin(), contributors.end(), true)) {
    return kept->second.sums;
  }
  std::vector<RingVector> sums = update_->NoSum();
  for (const SegmentRow& segment : segments) {
    if (segment.session != group.id()) continue;
    const auto part =
        protocol::DecodeMaskedUpload(segment.sum, update_->session());
    if (!part.ok()) {
      return absl::DataLossError(absl::StrCat("segment ", segment.id,
                                              " of round ", round_id_, ": ",
                                              part.status().message()));
    }
    SHOAL_RETURN_IF_ERROR(
        protocol::AddPacked(part->vectors, absl::MakeSpan(sums)));
  }
  return sums;
}

absl::StatusOr<RoundOutput> RoundGroups::Aggregate(RoundPrivacy* privacy,
                                                   absl::Time now) {
  RoundStore& store = core_.deps.store;
  const RoundRow row = Row();
  SHOAL_ASSIGN_OR_RETURN(const std::vector<ContributionRow> contributions,
                         ReadContributions(store, row));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<SegmentRow> segments,
                         store.ReadSegments(row.id));
  absl::flat_hash_set<std::string> counted;
  for (const ContributionRow& one : contributions) {
    counted.insert(one.device_id);
  }
  std::vector<RingVector> total = update_->NoTotal();
  for (const auto& [id, group] : groups_) {
    if (group.is_burnt()) continue;
    for (int i = 0; i < group.session().num_members(); ++i) {
      if (!group.session().contributors()[i]) continue;
      if (counted.erase(group.session().device_id(i)) == 1) continue;
      return absl::DataLossError(
          absl::StrCat("member ", i, " of group ", id.ToShortHex(),
                       " is not among the contributions of round ", row.id));
    }
    SHOAL_ASSIGN_OR_RETURN(std::vector<RingVector> sums,
                           SumsOf(group, segments));
    group.session().Unmask(core_.deps.fold_pool, absl::MakeSpan(sums));
    update_->AddGroup(sums, absl::MakeSpan(total));
  }
  if (!counted.empty()) {
    return absl::DataLossError(absl::StrCat(counted.size(),
                                            " contributions of round ", row.id,
                                            " are in no group"));
  }
  RoundMean mean;
  const protocol::SecureTotals totals = update_->TotalsOf(total);
  mean.totals.num_updates = std::ssize(contributions);
  if (privacy != nullptr) {
    SHOAL_ASSIGN_OR_RETURN(
        const std::vector<int64_t> noisy,
        privacy->Release(row, SignedValues(total[0]),
                         VotesIn(totals, mean.totals.num_updates)));
    SetSigned(noisy, total[0]);
    mean.values.resize(noisy.size());
    SHOAL_RETURN_IF_ERROR(
        update_->MeanOver(total[0], row.cohort, absl::MakeSpan(mean.values)));
    return MakeOutput(store, *task_.setup, row, std::move(mean), now);
  }
  mean.totals.weight = Bounded(totals.weight);
  mean.totals.num_examples = Bounded(totals.num_examples);
  mean.totals.base_num_correct = Bounded(totals.base_num_correct);
  mean.totals.base_loss = totals.base_loss;
  // What devices claim lets the next bound at most double.
  mean.median_norm =
      std::clamp(update_->MeanNorm(totals, mean.totals.num_updates), 0.0,
                 2 * row.norm_bound / kBoundPerMeanNorm);
  const bool uniform = policy().weighting == configuration::Weighting::kUniform;
  if (uniform && totals.weight != mean.totals.num_updates) {
    return absl::OutOfRangeError(
        absl::StrCat("the members claim a weight of ", mean.totals.weight,
                     ", expected 1 of each of the ", mean.totals.num_updates));
  }
  mean.values.resize(task_.setup->num_update_values());
  if (const absl::Status decoded =
          update_->Mean(total, absl::MakeSpan(mean.values));
      !decoded.ok()) {
    return absl::OutOfRangeError(decoded.message());
  }
  if (std::holds_alternative<learning::FedNovaLocal>(
          task_.setup->task.algorithm)) {
    // The mean of what the updates were divided by.
    const double divisor = static_cast<double>(totals.divisors) *
                           protocol::kTotalsDivisorUnit /
                           static_cast<double>(totals.weight);
    if (!(divisor > 0)) {
      return absl::OutOfRangeError(absl::StrCat(
          "the members claim to have divided their updates by ", divisor));
    }
    for (double& value : mean.values) value *= divisor;
  }
  return MakeOutput(store, *task_.setup, row, std::move(mean), now);
}

}  // namespace shoal::coordinator
