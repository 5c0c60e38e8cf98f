#include "client/assigned_work.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/model_fetch.h"
#include "client/own_trainer.h"
#include "client/private_values.h"
#include "client/run_or_zeros.h"
#include "client/update_privacy.h"
#include "learning/device_memory.h"
#include "learning/sub_model.h"
#include "learning/update_codec.h"

namespace shoal::client {

using protocol::AbandonReason;

learning::WorkLimit LimitFrom(AbandonReason reason) {
  switch (reason) {
    case AbandonReason::kEnergy:
      return learning::WorkLimit::kEnergy;
    case AbandonReason::kMemory:
      return learning::WorkLimit::kMemory;
    case AbandonReason::kBytes:
      return learning::WorkLimit::kBytes;
    case AbandonReason::kConditions:
    case AbandonReason::kTraining:
    case AbandonReason::kData:
    case AbandonReason::kShutdown:
      return learning::WorkLimit::kConditions;
  }
  SHOAL_CHECK(false);
}

AssignedWork::AssignedWork(const WorkSite& site,
                           const protocol::Assignment& assignment)
    : site_(site),
      assignment_(assignment),
      deadline_(site.clock.Monotonic() + assignment.time_left) {}

Objection AssignedWork::Choose(SessionLimits& limits) {
  if (chosen()) return {};
  const absl::Status agreed = CheckAgreed(assignment_, site_.group);
  if (!agreed.ok()) return {agreed, AbandonReason::kConditions};
  const absl::Status noise = CheckNoise(assignment_.plan);
  if (!noise.ok()) return {noise, AbandonReason::kConditions};
  const absl::Status promises =
      CheckPromises(assignment_.plan, site_.group.policy);
  if (!promises.ok()) return {promises, AbandonReason::kConditions};
  Objection unmasked = CheckNotUnmasked();
  if (!unmasked.why.ok()) return unmasked;
  const std::shared_ptr<const DeviceMenu> menu = Menu();
  if (!menu->objection.why.ok()) return menu->objection;
  const Governor::Choice choice = limits.Choose(
      assignment_, deadline_ - site_.clock.Monotonic(), menu->entries);
  if (!choice.verdict.ok()) {
    return {absl::FailedPreconditionError(choice.verdict.why),
            choice.verdict.reason};
  }
  limit_ = menu->limit;
  plan_ = menu->entries[choice.index];
  if (choice.less_for.has_value() && !IsWholeWork(plan_, assignment_.plan)) {
    limit_ = *choice.less_for == AbandonReason::kConditions
                 ? learning::WorkLimit::kTime
                 : LimitFrom(*choice.less_for);
  }
  model_ = menu->models[plan_.model];
  return {};
}

std::shared_ptr<const DeviceMenu> AssignedWork::Menu() const {
  const int64_t fetched = assignment_.model.num_bytes;
  Trainer* const own = site_.source.trainer();
  if (own != nullptr) {
    return std::make_shared<const DeviceMenu>(
        MakeOwnMenu(assignment_, *own, site_.memory_bytes, fetched));
  }
  const learning::Dataset& data = *site_.source.data();
  if (site_.menus != nullptr) {
    return site_.menus->MenuOf(assignment_, data, site_.memory_bytes);
  }
  return std::make_shared<const DeviceMenu>(
      MakeDeviceMenu(assignment_, data, site_.memory_bytes, fetched));
}

Objection AssignedWork::Adopt(HeldModel model, absl::Duration transfer_time) {
  base_ = std::move(model);
  fetch_time_ = transfer_time;
  absl::Status fits = CheckLayout(base_.view.layout, model_->whole());
  fits.Update(CheckControl(base_.view, assignment_.plan.algorithm));
  if (!fits.ok()) return {fits, AbandonReason::kTraining};
  const protocol::ModelReference& reference = assignment_.model;
  const NewestModel newest = {assignment_.task, model_->whole().spec(),
                              reference.digest, reference.version,
                              model_->width()};
  const auto known = site_.state.LoadNewest();
  if (known.ok() && *known == newest) return {};
  const absl::Status saved = site_.state.SaveNewest(newest);
  if (saved.ok()) return {};
  return {StorageError(saved), AbandonReason::kConditions};
}

Objection AssignedWork::BeginTraining() {
  const absl::StatusOr<Kept> kept = LoadKept();
  if (!kept.ok()) {
    return {StorageError(kept.status()), AbandonReason::kConditions};
  }
  auto run = MakeRun(*kept);
  if (!run.ok()) return {run.status(), AbandonReason::kTraining};
  training_ = *std::move(run);
  if (assignment_.plan.noisy_sums) {
    training_ =
        RunOrZeros(std::move(training_),
                   model_->model().layout().num_parameters(), diverged_);
  }
  return {};
}

absl::StatusOr<AssignedWork::Kept> AssignedWork::LoadKept() {
  Kept kept;
  SHOAL_ASSIGN_OR_RETURN(
      kept.private_values,
      LoadPrivateValues(site_.state, assignment_.task, model_->model()));
  if (learning::TraitsOf(assignment_.plan.algorithm).num_vectors == 1) {
    return kept;
  }
  SHOAL_ASSIGN_OR_RETURN(
      kept.control, LoadControl(site_.state, assignment_.task, model_->model(),
                                assignment_.model.version));
  return kept;
}

absl::StatusOr<std::unique_ptr<TrainingRun>> AssignedWork::MakeRun(
    const Kept& kept) {
  std::vector<uint64_t> round = {
      static_cast<uint64_t>(assignment_.round_number)};
  if (assignment_.plan.secure_aggregation.has_value()) {
    // A round that is tried once more gets another update: the first may be in
    // a sum that became known, and two sums could be subtracted.
    round.push_back(static_cast<uint64_t>(assignment_.round_id));
  }
  const uint64_t seed = DeriveSeed(site_.seed, "train", round);
  const absl::Span<const float> base =
      model_->Parameters(base_.view.parameters, taken_out_);
  if (site_.source.trainer() != nullptr) {
    return BeginOwnTraining(assignment_, plan_, seed, base,
                            *site_.source.trainer());
  }
  learning::LocalRun run;
  run.seed = seed;
  run.round = assignment_.model.version;
  run.private_values = kept.private_values;
  run.control = base_.view.control;
  run.own_control = kept.control;
  const auto limit = MemoryLimit(assignment_.plan, site_.memory_bytes);
  if (limit.has_value()) {
    run.memory_bytes = learning::BlockBytes(model_->model(), *limit,
                                            assignment_.plan.algorithm);
  }
  run.plan = plan_.memory;
  const TrainingOrder order = {model_->model(),
                               base,
                               *site_.source.data(),
                               plan_.training,
                               assignment_.plan.algorithm,
                               run,
                               plan_.cost};
  return site_.backend != nullptr ? site_.backend->Begin(order)
                                  : BeginLocalTraining(order);
}

absl::Status AssignedWork::Step() {
  const absl::Status status = training_->Step();
  if (!status.ok()) training_.reset();
  return status;
}

double AssignedWork::flops() const {
  return training_->share_before() * plan_.cost.before.flops +
         training_->work_in_steps() * plan_.cost.step.flops;
}

absl::Duration AssignedWork::train_until() const {
  // The upload is taken to be as fast as the download was, or half as fast to
  // be sure; a tenth of the time is kept in any case.
  const absl::Duration tenth = assignment_.time_left / 10;
  return deadline_ - std::max(tenth, 2 * fetch_time_);
}

absl::Duration AssignedWork::group_until() const {
  // Masked updates come before the deadline. Then there is a window for each of
  // the last two phases; the rest is for a coordinator that starts anew.
  constexpr int kWindows = 10;
  return deadline_ + kWindows * assignment_.plan.idle_window;
}

Objection AssignedWork::Finish(learning::WorkLimit early) {
  const bool ended_early = !training_->done();
  if (ended_early) limit_ = early;
  absl::StatusOr<learning::LocalUpdate> update = training_->Finish();
  training_.reset();
  if (!update.ok()) {
    return {update.status(), ended_early ? AbandonReason::kConditions
                                         : AbandonReason::kTraining};
  }
  update_ = *std::move(update);
  const absl::Status hidden =
      MakePrivate(assignment_.plan, model_->whole().layout(), *site_.group.rng,
                  absl::MakeSpan(update_.delta));
  if (!hidden.ok()) return {hidden, AbandonReason::kConditions};
  if (!assignment_.plan.secure_aggregation.has_value()) {
    auto encoded = std::make_shared<const std::string>(
        learning::EncodeUpdate(assignment_.plan.codec, Report(), SentValues()));
    const Digest digest = site_.backend != nullptr
                              ? site_.backend->DigestOf(*encoded)
                              : Sha256(*encoded);
    return Keep(std::move(encoded), digest);
  }
  base_ = {};  // what masking takes is counted without it
  auto group = GroupPart::Create(site_.group, assignment_,
                                 std::move(update_.delta), Report());
  if (!group.ok()) return {group.status(), AbandonReason::kConditions};
  group_ = *std::move(group);
  return {};
}

absl::Span<const float> AssignedWork::SentValues() const {
  const absl::Span<const float> delta = update_.delta;
  const int layers = plan_.training.last_layers;
  if (layers == assignment_.plan.training.last_layers) return delta;
  const auto part = learning::SubModel::LastLayers(model_->model(), layers);
  SHOAL_CHECK(part.ok());
  return delta.last((*part)->num_values());
}

learning::UpdateReport AssignedWork::Report() const {
  if (assignment_.plan.noisy_sums) return {.num_examples = 1};
  return {.num_examples = update_.num_examples,
          .num_steps = update_.num_steps,
          .divisor = update_.divisor,
          .base_loss_sum = update_.base_score.loss_sum,
          .base_num_correct = update_.base_score.num_correct.value_or(0),
          .limit = limit_};
}

Objection AssignedWork::KeepMasked(EncodedUpdate masked) {
  const Digest digest = Sha256(*masked);
  return Keep(std::move(masked), digest);
}

Digest AssignedWork::MadeFrom() const {
  return Sha256(absl::StrCat(assignment_.task, "/", assignment_.round_id, "/",
                             assignment_.model.digest.ToHex()));
}

Objection AssignedWork::CheckNotUnmasked() const {
  if (!assignment_.plan.secure_aggregation.has_value()) return {};
  const absl::StatusOr<bool> was = site_.state.WasUnmasked(MadeFrom());
  if (!was.ok())
    return {StorageError(was.status()), AbandonReason::kConditions};
  if (!*was) return {};
  return {absl::FailedPreconditionError(absl::StrCat(
              "this device has helped to unmask the update that it would make "
              "again, of round ",
              assignment_.round_id, " of task '", assignment_.task,
              "': expected another round (the coordinator's database may have "
              "been restored from a backup)")),
          AbandonReason::kConditions};
}

Objection AssignedWork::KeepUnmasked() {
  const absl::Status kept = site_.state.AddUnmasked(MadeFrom());
  if (kept.ok()) return {};
  return {StorageError(kept), AbandonReason::kConditions};
}

Objection AssignedWork::Keep(EncodedUpdate encoded, const Digest& digest) {
  encoded_ = std::move(encoded);
  const absl::Duration left = deadline_ - site_.clock.Monotonic();
  pending_ = {.token = assignment_.token,
              .task = assignment_.task,
              .round_id = assignment_.round_id,
              .digest = digest,
              .num_bytes = static_cast<int64_t>(encoded_->size()),
              .deadline = site_.clock.Now() + left};
  absl::Status kept;
  if (!update_.private_values.empty()) {
    kept = site_.state.SavePrivate(
        assignment_.task,
        {model_->model().private_layout(), update_.private_values});
  }
  if (kept.ok() && !update_.control.empty()) {
    kept = site_.state.SaveNextControl(
        assignment_.task, {model_->model().layout(), update_.control});
  }
  if (kept.ok()) kept = site_.state.SavePending(*pending_, encoded_);
  if (kept.ok()) return {};
  return {StorageError(kept), AbandonReason::kConditions};
}

}  // namespace shoal::client
