#include "coordinator/engine/task_setup.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "aggregation/staleness.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/units.h"
#include "learning/device_memory.h"
#include "learning/initial_model.h"
#include "learning/model.h"
#include "privacy/differential_privacy/update_noise.h"
#include "protocol/codec.h"

namespace shoal::coordinator {
namespace {

constexpr double kSmallestNormBound = 1000;
constexpr double kMedianNorms = 100;
constexpr double kLeastSecureBound = 1e-6;
// Of sums under noise: 2^62 over 2^27 steps.
constexpr int64_t kPrivateRange = int64_t{1} << 35;
constexpr int64_t kLargestPrivateWeight = int64_t{1} << 32;

int64_t MaxWeight(const configuration::Task& task) {
  if (task.round.asynchronous.has_value()) return aggregation::kFreshWeight;
  const bool uniform =
      task.round.weighting == configuration::Weighting::kUniform;
  return uniform ? 1 : task.update_limits.max_examples;
}

// The largest norm bound whose sum has kMinScale: the scale is a power of two
// with updates * norm * weight * scale < 2^62.
double LargestNormBound(const configuration::Task& task) {
  const double others = static_cast<double>(task.round.max_accepted()) *
                        static_cast<double>(MaxWeight(task));
  return 0x1p61 / kMinScale / others;
}

absl::Status CheckRange(const configuration::Task& task) {
  const double wanted =
      task.update_limits.norm_bound.value_or(kSmallestNormBound);
  const double largest = LargestNormBound(task);
  RoundRow round;
  round.norm_bound = wanted;
  round.max_assigned = task.round.max_assigned();
  round.asynchronous = task.round.asynchronous.has_value();
  round.cohort = task.round.cohort;
  if (RangeOf(task, round).IsValid() && wanted <= largest) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "update_limits: norm_bound ", NumberText(wanted), ", max_examples ",
      task.update_limits.max_examples, " and ", task.round.max_accepted(),
      " devices per round cannot be summed up precisely, expected a norm_bound "
      "of at most ",
      largest, " or fewer examples or devices"));
}

// That some device can train within the task's own limit.
absl::Status CheckMemory(const TaskSetup& setup) {
  const std::optional<int64_t>& limit = setup.task.device_limits.memory_bytes;
  SHOAL_ASSIGN_OR_RETURN(const int64_t least,
                         LeastMemoryBytes(setup, /*num_examples=*/1));
  if (!limit.has_value() || *limit >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "device_limits.memory: ", SizeText(*limit),
      " lets no device train this model, expected at least ", SizeText(least)));
}

// That updates fit a ring.
absl::Status CheckSecureUpdate(const learning::Model& model,
                               const configuration::Task& task) {
  protocol::SecureRound round;
  round.task = task.name;
  round.settings = SecureSettingsOf(task);
  round.num_values = learning::TraitsOf(task.algorithm).num_vectors *
                     model.layout().num_parameters();
  round.norm_bound = NormBound(task, 0);
  round.max_weight = MaxWeight(task);
  const absl::Status status = protocol::SecureUpdate::Create(round).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat("secure_aggregation: ", status.message()));
}

bool AddsLocalNoise(const configuration::Task& task) {
  return task.differential_privacy.has_value() &&
         std::holds_alternative<configuration::LocalNoise>(
             task.differential_privacy->noise);
}

// Whether devices say under their masks if they have shortened their updates.
bool VotesUnderMasks(const configuration::Task& task) {
  return task.secure_aggregation.has_value() &&
         task.differential_privacy->adaptive_clip.has_value();
}

// REQUIRES: AddsLocalNoise().
absl::StatusOr<privacy::UpdateNoise> LocalNoiseOf(const TaskSetup& setup) {
  return privacy::UpdateNoise::Create(setup.privacy->options.clip_norm,
                                      setup.num_update_values(),
                                      setup.privacy->noise.noise_multiplier);
}

// That the task's noise can be drawn, and summed up.
absl::Status CheckNoise(const TaskSetup& setup) {
  if (!AddsLocalNoise(setup.task)) {
    return privacy::CheckNoise(setup.privacy->noise,
                               GridOf(setup, setup.privacy->options.clip_norm));
  }
  SHOAL_ASSIGN_OR_RETURN(const privacy::UpdateNoise noise, LocalNoiseOf(setup));
  const double largest = LargestNormBound(setup.task);
  if (noise.NormBound() <= largest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "updates under noise have norms of up to ", noise.NormBound(),
      ", which cannot be summed up precisely, expected at most ", largest));
}

// Of a device that masks its update, with what it keeps until the next round.
int64_t MaskingMemory(const TaskSetup& setup) {
  RoundRow round;
  round.norm_bound = setup.privacy.has_value()
                         ? setup.privacy->options.clip_norm
                         : NormBound(setup.task, 0);
  const int64_t kept = setup.model->private_layout().num_parameters() +
                       (setup.num_vectors() - 1) * setup.num_parameters();
  return SecureUpdateOf(setup, round).MaskingBytes() +
         static_cast<int64_t>(sizeof(float)) * kept;
}

}  // namespace

absl::StatusOr<int64_t> LeastMemoryBytes(const TaskSetup& setup,
                                         int64_t num_examples) {
  SHOAL_ASSIGN_OR_RETURN(
      int64_t least,
      learning::LeastMemoryBytes(*setup.model, setup.task.training,
                                 num_examples, setup.task.algorithm));
  for (const auto& sub_model : setup.sub_models) {
    learning::TrainingOptions training = setup.task.training;
    if (sub_model->last_layers() > 0) {
      training.last_layers = sub_model->last_layers();
    }
    const learning::Model& model =
        sub_model->narrow() == nullptr ? *setup.model : *sub_model->narrow();
    SHOAL_ASSIGN_OR_RETURN(
        const int64_t bytes,
        learning::LeastMemoryBytes(model, training, num_examples,
                                   setup.task.algorithm));
    least = std::min(least, bytes);
  }
  if (AddsLocalNoise(setup.task)) {
    SHOAL_ASSIGN_OR_RETURN(const privacy::UpdateNoise noise,
                           LocalNoiseOf(setup));
    least = std::max(
        least, noise.WorkingBytes() + setup.num_update_values() *
                                          static_cast<int64_t>(sizeof(float)));
  }
  return setup.task.secure_aggregation.has_value()
             ? std::max(least, MaskingMemory(setup))
             : least;
}

absl::StatusOr<std::shared_ptr<const TaskSetup>> MakeTaskSetup(
    const configuration::Task& task) {
  auto setup = std::make_shared<TaskSetup>();
  SHOAL_ASSIGN_OR_RETURN(setup->model, learning::Model::Create(task.model));
  const learning::Model* model = setup->model.get();
  SHOAL_RETURN_IF_ERROR(CheckRange(task));
  SHOAL_RETURN_IF_ERROR(
      learning::CheckAlgorithm(task.algorithm, task.training, *model));
  if (const absl::Status server = configuration::CheckServerHalf(task);
      !server.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("algorithm.", learning::TraitsOf(task.algorithm).name,
                     ": ", server.message()));
  }
  if (const absl::Status rounds = configuration::CheckAsynchronous(task);
      !rounds.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("round.asynchronous: ", rounds.message()));
  }
  if (const absl::Status groups = configuration::CheckSecureAggregation(task);
      !groups.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("secure_aggregation: ", groups.message()));
  }
  if (const absl::Status privacy =
          configuration::CheckDifferentialPrivacy(task);
      !privacy.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("differential_privacy: ", privacy.message()));
  }
  if (task.secure_aggregation.has_value()) {
    SHOAL_RETURN_IF_ERROR(CheckSecureUpdate(*model, task));
  }
  if (task.differential_privacy.has_value()) {
    const int64_t num_values = learning::TraitsOf(task.algorithm).num_vectors *
                               model->layout().num_parameters();
    SHOAL_ASSIGN_OR_RETURN(setup->privacy,
                           aggregation::PlanTaskPrivacy(task, num_values));
  }
  setup->task = task;
  setup->layout = model->layout();
  setup->has_classes = model->target() == learning::Target::kLabels;
  setup->predictions_per_example = model->predictions_per_example();
  SHOAL_ASSIGN_OR_RETURN(setup->sub_models,
                         learning::MakeSubModels(*model, task.training));
  setup->update_values.push_back(setup->num_update_values());
  if (setup->privacy.has_value()) {
    if (const absl::Status noise = CheckNoise(*setup); !noise.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("differential_privacy: ", noise.message()));
    }
  }
  for (const auto& sub_model : setup->sub_models) {
    setup->update_values.push_back(sub_model->num_values());
  }
  SHOAL_RETURN_IF_ERROR(CheckMemory(*setup));
  SHOAL_ASSIGN_OR_RETURN(setup->least_memory_bytes,
                         LeastMemoryBytes(*setup, task.training.batch_size));
  return setup;
}

configuration::Task CalibratedTask(const TaskSetup& setup) {
  configuration::Task task = setup.task;
  if (setup.privacy.has_value()) {
    task.differential_privacy = setup.privacy->options;
  }
  return task;
}

absl::StatusOr<std::string> InitialModel(const TaskSetup& setup,
                                         absl::string_view given) {
  std::string made;
  if (given.empty()) {
    if (setup.task.model.preprocessing.needs_statistics()) {
      return absl::InvalidArgumentError(
          "the task's model standardises or imputes its features and needs "
          "their means and deviations: create the task with --statistics and "
          "what `shoal-agent statistics` wrote on its devices, or with "
          "--initial-model");
    }
    SHOAL_ASSIGN_OR_RETURN(
        made, learning::MakeInitialModel(setup.task.model, setup.task.seed,
                                         /*statistics=*/nullptr));
    given = made;
  }
  const absl::StatusOr<learning::StoredModel> model =
      learning::ParseModel(given);
  if (!model.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the initial model: ", model.status().message()));
  }
  if (model->layout != setup.layout) {
    return absl::InvalidArgumentError(
        absl::StrCat("the initial model is not of the task's model, ",
                     setup.task.model.ToString(), ": ",
                     learning::DifferenceOf(model->layout, setup.layout)));
  }
  learning::ParameterVector control;
  if (setup.num_vectors() > 1) control.resize(setup.num_parameters());
  return learning::SerializeModel(setup.layout, model->parameters, control);
}

double NormBound(const configuration::Task& task, double last_median_norm) {
  if (task.update_limits.norm_bound.has_value()) {
    return *task.update_limits.norm_bound;
  }
  if (task.secure_aggregation.has_value() && last_median_norm > 0) {
    return std::clamp(kBoundPerMeanNorm * last_median_norm, kLeastSecureBound,
                      LargestNormBound(task));
  }
  return std::min(std::max(kSmallestNormBound, kMedianNorms * last_median_norm),
                  LargestNormBound(task));
}

protocol::Plan PlanOf(const TaskSetup& setup, double norm_bound) {
  const configuration::Task& task = setup.task;
  protocol::Plan plan;
  plan.model = task.model;
  plan.training = task.training;
  plan.algorithm = task.algorithm;
  plan.limits = task.device_limits;
  plan.norm_bound = norm_bound;
  plan.max_examples = task.update_limits.max_examples;
  plan.codec = learning::UpdateCodec::kFloat32;
  plan.idle_window = task.round.idle_window;
  plan.uniform_weights =
      task.round.weighting == configuration::Weighting::kUniform;
  plan.noisy_sums = task.differential_privacy.has_value();
  if (task.secure_aggregation.has_value()) {
    plan.secure_aggregation = SecureSettingsOf(task);
  }
  if (task.differential_privacy.has_value()) {
    plan.clip_votes = VotesUnderMasks(task);
    plan.clip_layers = task.differential_privacy->clip_layers;
    plan.device_noise = aggregation::DeviceNoiseOf(*setup.privacy);
  }
  if (AddsLocalNoise(task)) plan.norm_bound = setup.privacy->options.clip_norm;
  return plan;
}

bool AsksForPrivateUpdates(const configuration::Task& task) {
  const auto& privacy = task.differential_privacy;
  return privacy.has_value() &&
         (privacy->clip_layers || configuration::IsOfDevices(privacy->noise) ||
          VotesUnderMasks(task));
}

double PrivateNormBound(const TaskSetup& setup, double clip_norm) {
  if (!AddsLocalNoise(setup.task)) return clip_norm;
  const absl::StatusOr<privacy::UpdateNoise> noise = LocalNoiseOf(setup);
  SHOAL_CHECK(noise.ok());  // MakeTaskSetup has tried it
  return noise->NormBound();
}

protocol::SecureAggregation SecureSettingsOf(const configuration::Task& task) {
  protocol::SecureAggregation settings = *task.secure_aggregation;
  settings.max_group = std::min(settings.max_group, task.round.max_assigned());
  return settings;
}

protocol::SecureUpdate SecureUpdateOf(const TaskSetup& setup,
                                      const RoundRow& round) {
  protocol::SecureRound secure;
  secure.task = setup.task.name;
  secure.round_id = round.id;
  secure.base_model = round.base_model;
  const protocol::Plan plan = PlanOf(setup, round.norm_bound);
  secure.work = protocol::DigestOfWork(plan, round.number - 1, round.number);
  secure.settings = SecureSettingsOf(setup.task);
  secure.num_values = setup.num_update_values();
  secure.norm_bound = round.norm_bound;
  secure.max_weight = MaxWeight(setup.task);
  secure.noisy_sums = plan.noisy_sums;
  secure.clip_votes = plan.clip_votes;
  secure.device_noise = plan.device_noise;
  absl::StatusOr<protocol::SecureUpdate> update =
      protocol::SecureUpdate::Create(secure);
  SHOAL_CHECK(update.ok());  // MakeTaskSetup and PlanTaskPrivacy have tried it
  return *std::move(update);
}

privacy::IntegerGrid GridOf(const TaskSetup& setup, double clip_norm) {
  RoundRow round;
  round.norm_bound = clip_norm;
  round.max_assigned = setup.task.round.max_assigned();
  const int64_t length = setup.num_update_values();
  if (setup.task.secure_aggregation.has_value()) {
    return {length, SecureUpdateOf(setup, round).EncodedNormBound()};
  }
  // Every value is rounded by half a step at most; sums of squares are, too,
  // but by much less than this.
  constexpr double kSummed = 1 + 0x1p-24;
  return {length, kSummed * clip_norm * RangeOf(setup.task, round).Scale() +
                      std::sqrt(static_cast<double>(length)) / 2};
}

aggregation::FixedPointRange RangeOf(const configuration::Task& task,
                                     const RoundRow& round) {
  aggregation::FixedPointRange range;
  range.norm_bound = round.norm_bound;
  range.max_weight = MaxWeight(task);
  range.max_updates = round.max_accepted();
  if (task.differential_privacy.has_value()) {
    // Updates all weigh 1, on a grid that is as coarse as if they could weigh
    // more: it has 2^26 steps or more in a norm, and noise fits 64 bits.
    range.max_weight = std::clamp<int64_t>(kPrivateRange / range.max_updates, 1,
                                           kLargestPrivateWeight);
  }
  return range;
}

}  // namespace shoal::coordinator
