#include "coordinator/engine/batch.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "aggregation/staleness.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "coordinator/engine/failpoints.h"
#include "privacy/differential_privacy/adaptive_clip.h"
#include "privacy/differential_privacy/clipping.h"

namespace shoal::coordinator {
namespace {

using aggregation::Accumulator;
using Uploads = std::vector<std::shared_ptr<Upload>>;

// How many versions the model of an update is behind that of the round.
int64_t StalenessOf(const RoundRow& row, const Upload& upload) {
  return row.number - upload.assigned.number;
}

int64_t WeightOf(const TaskSetup& setup, const RoundRow& row,
                 const Upload& upload) {
  const auto& asynchronous = setup.task.round.asynchronous;
  if (!asynchronous.has_value()) return upload.update.weight;
  return aggregation::StalenessWeight(StalenessOf(row, upload),
                                      asynchronous->staleness_exponent);
}

Accumulator NoSum(const TaskSetup& setup, const RoundRow& row) {
  return Accumulator(RangeOf(setup.task, row), setup.num_update_values(),
                     static_cast<int>(setup.sub_models.size()));
}

// Updates that cannot be clipped are zeros.
void Clip(double clip_norm, absl::Span<float> update) {
  const absl::StatusOr<privacy::ClipRule> rule =
      privacy::ClipRule::Create(clip_norm);
  SHOAL_CHECK(rule.ok());  // the round was opened with it
  rule->Apply(update);
}

void Fold(const TaskSetup& setup, const RoundRow& row, const Uploads& batch,
          ThreadPool* pool, Accumulator& sum) {
  std::vector<aggregation::WeightedUpdate> updates;
  updates.reserve(batch.size());
  std::vector<float> whole;  // the whole model's form of one update at a time
  for (const auto& upload : batch) {
    const aggregation::ValidUpdate& update = upload->update;
    if (setup.privacy.has_value()) {
      whole.assign(update.decoded.delta.begin(), update.decoded.delta.end());
      Clip(row.norm_bound, absl::MakeSpan(whole));
      // Nothing but the values is summed up, and every update weighs the same.
      sum.Add({{whole, 1, learning::UpdateReport{}}}, pool);
      continue;
    }
    if (update.shape == 0) {
      updates.push_back({update.decoded.delta, WeightOf(setup, row, *upload),
                         update.decoded.report});
      continue;
    }
    whole.resize(setup.num_parameters());
    setup.sub_models[update.shape - 1]->PutBack(update.decoded.delta,
                                                absl::MakeSpan(whole));
    sum.Add({{whole, update.weight, update.decoded.report, update.shape}},
            pool);
  }
  sum.Add(updates, pool);
}

// All that is kept of an update's norm under privacy: what an adaptive clip
// norm follows, in a sum under noise.
double VoteOn(const TaskSetup& setup, double clip_norm, double norm) {
  if (!setup.privacy->options.adaptive_clip.has_value()) return 0;
  return static_cast<double>(privacy::AdaptiveClip::Vote(norm, clip_norm));
}

std::vector<ContributionRow> RowsOf(const TaskSetup& setup,
                                    const RoundRow& round,
                                    const Uploads& batch) {
  std::vector<ContributionRow> rows;
  rows.reserve(batch.size());
  for (const auto& upload : batch) {
    ContributionRow row;
    row.device_id = upload->device_id;
    row.update_digest = upload->digest;
    row.weight = WeightOf(setup, round, *upload);
    row.norm = setup.privacy.has_value()
                   ? VoteOn(setup, round.norm_bound, upload->update.norm)
                   : upload->update.norm;
    if (upload->assigned.round_id != round.id) {
      row.earlier_round = upload->assigned.round_id;
    }
    const learning::WorkLimit limit = upload->update.decoded.report.limit;
    if (limit != learning::WorkLimit::kNone && !setup.privacy.has_value()) {
      absl::StrAppend(&row.outcome, ": ", learning::ToString(limit));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::StatusOr<SegmentResult> WriteSegment(
    EngineCore& core, const RoundRow& row, absl::string_view sum,
    const Uploads& batch, absl::Span<const ContributionRow> contributions) {
  NewSegment segment;
  segment.round_id = row.id;
  segment.replica = core.options.replica;
  segment.sum = sum;
  for (const auto& upload : batch) {
    segment.bytes_up += upload->bytes.num_bytes();
  }
  Failpoint("before_commit_segment");
  absl::StatusOr<SegmentResult> result =
      core.deps.store.CommitSegment(segment, contributions);
  if (result.ok() && result->kind == SegmentResult::kCommitted) {
    Failpoint("after_commit_segment");
  }
  core.Noted(result.status()).IgnoreError();  // returned as well
  return result;
}

// Adds a batch to what is kept of its round. `own`: its sum; absent when the
// store had no need of one.
void Remember(const TaskSetup& setup, const RoundRow& row, const Uploads& batch,
              ThreadPool* pool, std::optional<Accumulator> own,
              RoundSum& kept) {
  if (kept.round_id != row.id) kept = {row.id, std::nullopt};
  if (!own.has_value()) {
    if (!kept.sum.has_value()) kept.sum = NoSum(setup, row);
    Fold(setup, row, batch, pool, *kept.sum);
  } else if (!kept.sum.has_value()) {
    kept.sum = std::move(own);
  } else if (!kept.sum->Merge(*own).ok()) {
    kept.sum.reset();  // never: two sums of one round fit together
  }
}

}  // namespace

void Acknowledge(EngineCore& core, RunningTask& task, RunningRound& round,
                 const Uploads& batch, std::vector<ContributionRow> rows,
                 int64_t segment_id, absl::Time now) {
  MutexLock lock(core.mutex);
  for (ContributionRow& row : rows) {
    row.segment_id = segment_id;
    round.Count(row);
  }
  // After all are counted: the receipts say how far the round is.
  for (const auto& upload : batch) {
    core.Tell(*upload, core.ReceiptFor(task, upload->assigned.round_id,
                                       upload->digest, segment_id, now));
  }
}

Uploads TakeDuplicates(Uploads& batch,
                       const std::vector<std::string>& devices) {
  const absl::flat_hash_set<std::string> counted(devices.begin(),
                                                 devices.end());
  Uploads duplicates;
  Uploads rest;
  for (auto& upload : batch) {
    (counted.contains(upload->device_id) ? duplicates : rest)
        .push_back(std::move(upload));
  }
  batch = std::move(rest);
  return duplicates;
}

absl::Status CommitBatch(EngineCore& core, RunningTask& task,
                         RunningRound& round, RoundSum& kept, absl::Time now) {
  Uploads batch;
  RoundRow row;
  {
    MutexLock lock(core.mutex);
    row = round.row();
    batch = round.TakeBatch(core.batch_rule());
  }
  // Ends: every conflict makes the batch smaller.
  while (!batch.empty()) {
    std::optional<Accumulator> sum;
    if (core.deps.store.keeps_sums()) {
      sum = NoSum(*task.setup, row);
      Fold(*task.setup, row, batch, core.deps.fold_pool, *sum);
    }
    std::vector<ContributionRow> rows = RowsOf(*task.setup, row, batch);
    const absl::StatusOr<SegmentResult> result = WriteSegment(
        core, row, sum.has_value() ? sum->Serialize() : "", batch, rows);
    if (!result.ok()) {
      MutexLock lock(core.mutex);
      round.PutBack(std::move(batch));
      return result.status();
    }
    if (result->kind == SegmentResult::kCommitted) {
      Acknowledge(core, task, round, batch, std::move(rows), result->segment_id,
                  now);
      Remember(*task.setup, row, batch, core.deps.fold_pool, std::move(sum),
               kept);
      return absl::OkStatus();
    }
    Uploads refused = std::move(batch);
    batch.clear();
    if (result->kind == SegmentResult::kDuplicates) {
      batch = std::move(refused);
      refused = TakeDuplicates(batch, result->duplicates);
    } else {
      MutexLock lock(core.mutex);
      task.stale = true;  // sealed or over, without us
      if (row.asynchronous) {
        round.PutBack(std::move(refused));  // for the next one
        return absl::OkStatus();
      }
    }
    ResolveUploads(core, task, round, refused, now);
    if (refused.empty()) {
      MutexLock lock(core.mutex);
      round.PutBack(std::move(batch));
      return absl::InternalError(
          "the store names duplicates that are not in the batch");
    }
  }
  return absl::OkStatus();
}

void ResolveUploads(EngineCore& core, RunningTask& task, RunningRound& round,
                    const Uploads& uploads, absl::Time now) {
  for (const auto& upload : uploads) {
    const int64_t round_id = upload->assigned.round_id;
    const absl::StatusOr<std::optional<ContributionRow>> row =
        core.deps.store.GetContribution(round_id, upload->device_id);
    MutexLock lock(core.mutex);
    if (row.ok() && row->has_value()) {
      const ContributionRow& counted = **row;
      // In the sum of this round, or in that of one which the rows will tell.
      const bool here =
          round_id == round.row().id && counted.earlier_round == 0;
      if (here) round.Count(counted);
      if (!here) task.stale = true;
      if (counted.update_digest == upload->digest) {
        core.Tell(*upload, core.ReceiptFor(task, round_id, upload->digest,
                                           counted.segment_id, now));
        if (!here) round.Drop(*upload, RoundOver(round_id));
        if (!here) round.Lose(upload->device_id);
        continue;
      }
    }
    absl::Status end = RoundOver(round_id);
    if (!row.ok() && !absl::IsNotFound(row.status())) {
      end = StoreUnavailable(row.status());
    } else if (row.ok() && row->has_value()) {
      end = protocol::RefusalError(
          protocol::RefusalCode::kDigestConflict,
          "another update was counted for this assignment already");
    }
    round.Drop(*upload, end);
    core.Tell(*upload, end);
  }
}

}  // namespace shoal::coordinator
