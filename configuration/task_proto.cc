#include "configuration/task_proto.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/units.h"
#include "configuration/differential_privacy_proto.h"
#include "configuration/server_optimizer_proto.h"
#include "learning/model.h"
#include "learning/sub_model.h"
#include "protocol/wire.h"

namespace shoal::configuration {
namespace {

using protocol::RuleViolation;

// 1 GiB as float32: beyond it no device trains.
constexpr int64_t kMaxParameters = 268'435'456;
// Of the cohort, in tenths: reports below which a round fails by default.
constexpr int kDefaultMinReportsTenths = 8;
// By default an update may be so many times further behind than the average
// one, which is as many versions behind as cohorts work at the same time.
constexpr int kDefaultStaleness = 10;

// The value of a part that the rules have found right.
template <typename T>
T Checked(absl::StatusOr<T> value) {
  SHOAL_CHECK(value.ok());
  return *std::move(value);
}

// What devices may train instead of all of the model; each part is checked by
// itself first, so that the error names its place.
void CheckSubModels(const learning::Model& model, const v1::Training& training,
                    std::vector<RuleViolation>& violations) {
  const size_t before = violations.size();
  for (int i = 0; i < training.sub_model_widths_size(); ++i) {
    const absl::Status status =
        learning::SubModel::Create(model, training.sub_model_widths(i))
            .status();
    if (status.ok()) continue;
    violations.push_back({absl::StrCat("training.sub_model_widths[", i, "]"),
                          std::string(status.message())});
  }
  for (int i = 0; i < training.sub_model_layers_size(); ++i) {
    const absl::Status status =
        learning::SubModel::LastLayers(
            model, static_cast<int>(training.sub_model_layers(i)))
            .status();
    if (status.ok()) continue;
    violations.push_back({absl::StrCat("training.sub_model_layers[", i, "]"),
                          std::string(status.message())});
  }
  if (violations.size() > before) return;
  learning::TrainingOptions options;
  options.last_layers = static_cast<int>(training.last_layers());
  options.sub_model_widths.assign(training.sub_model_widths().begin(),
                                  training.sub_model_widths().end());
  options.sub_model_layers.assign(training.sub_model_layers().begin(),
                                  training.sub_model_layers().end());
  const absl::Status all = learning::MakeSubModels(model, options).status();
  if (!all.ok()) violations.push_back({"training", std::string(all.message())});
}

AsynchronousRounds AsynchronousOf(const v1::RoundPolicy& round) {
  const v1::AsynchronousRounds& proto = round.asynchronous();
  AsynchronousRounds rounds;
  rounds.concurrency = static_cast<int>(proto.concurrency());
  const int cohort = std::max(static_cast<int>(round.cohort()), 1);
  rounds.max_staleness =
      proto.has_max_staleness()
          ? static_cast<int>(proto.max_staleness())
          : kDefaultStaleness * ((rounds.concurrency + cohort - 1) / cohort);
  if (proto.has_staleness_exponent()) {
    rounds.staleness_exponent = proto.staleness_exponent();
  }
  return rounds;
}

bool IsDrawn(const v1::Task& task) {
  return task.has_differential_privacy() &&
         SamplingRate(FromProto(task.differential_privacy())).has_value();
}

RoundPolicy RoundOf(const v1::Task& task) {
  const v1::RoundPolicy& proto = task.round();
  RoundPolicy round;
  round.cohort = static_cast<int>(proto.cohort());
  round.drawn = IsDrawn(task);
  if (proto.has_over_selection()) round.over_selection = proto.over_selection();
  round.min_reports = proto.has_min_reports()
                          ? static_cast<int>(proto.min_reports())
                          : (kDefaultMinReportsTenths * round.cohort + 9) / 10;
  if (round.drawn) round.min_reports = 0;
  round.min_separation = static_cast<int>(proto.min_separation());
  if (proto.has_deadline()) {
    round.deadline = protocol::FromProto(proto.deadline());
  }
  if (proto.has_idle_window()) {
    round.idle_window = protocol::FromProto(proto.idle_window());
  }
  if (proto.has_asynchronous()) round.asynchronous = AsynchronousOf(proto);
  if (task.algorithm().has_scaffold() || proto.has_asynchronous() ||
      task.has_differential_privacy()) {
    round.weighting = Weighting::kUniform;
  }
  if (proto.has_weighting()) {
    round.weighting = static_cast<Weighting>(proto.weighting());
  }
  return round;
}

// What an algorithm asks of the rest of the task.
void CheckAlgorithm(const learning::Model& model, const v1::Task& proto,
                    std::vector<RuleViolation>& violations) {
  const auto training = protocol::FromProto(proto.training());
  const auto algorithm = protocol::FromProto(proto.algorithm());
  // What is wrong by itself has been said, and what is absent is FedAvg.
  if (!training.ok() || !algorithm.ok()) return;
  const absl::string_view name = learning::TraitsOf(*algorithm).name;
  const absl::Status status =
      learning::CheckAlgorithm(*algorithm, *training, model);
  if (!status.ok()) {
    violations.push_back(
        {absl::StrCat("algorithm.", name), std::string(status.message())});
  }
  Task task;
  task.algorithm = *algorithm;
  task.server_optimizer = FromProto(proto.server_optimizer());
  task.round = RoundOf(proto);
  if (const absl::Status server = CheckServerHalf(task); !server.ok()) {
    violations.push_back(
        {absl::StrCat("algorithm.", name), std::string(server.message())});
  }
}

// What asynchronous rounds ask of the rest of the task.
void CheckRounds(const v1::Task& proto,
                 std::vector<RuleViolation>& violations) {
  Task task;
  task.round = RoundOf(proto);
  const auto training = protocol::FromProto(proto.training());
  if (training.ok()) task.training = *training;
  const auto algorithm = protocol::FromProto(proto.algorithm());
  if (algorithm.ok()) task.algorithm = *algorithm;
  const absl::Status status = CheckAsynchronous(task);
  if (status.ok()) return;
  violations.push_back({"round.asynchronous", std::string(status.message())});
}

UpdateLimits UpdateLimitsOf(const v1::Task& task) {
  const v1::UpdateLimits& proto = task.update_limits();
  UpdateLimits limits;
  if (proto.has_norm_bound()) limits.norm_bound = proto.norm_bound();
  if (proto.has_max_examples()) {
    limits.max_examples = static_cast<int64_t>(proto.max_examples());
  }
  return limits;
}

// What secure aggregation asks of the rest of the task.
void CheckGroups(const v1::Task& proto,
                 std::vector<RuleViolation>& violations) {
  if (!proto.has_secure_aggregation()) return;
  const auto settings = protocol::FromProto(proto.secure_aggregation());
  const auto training = protocol::FromProto(proto.training());
  // What is wrong by itself has been said.
  if (!settings.ok() || !training.ok() ||
      !protocol::CheckRules(proto.round()).empty() ||
      !protocol::CheckRules(proto.update_limits()).empty()) {
    return;
  }
  Task task;
  task.round = RoundOf(proto);
  task.update_limits = UpdateLimitsOf(proto);
  task.training = *training;
  task.secure_aggregation = *settings;
  const absl::Status status = CheckSecureAggregation(task);
  if (status.ok()) return;
  violations.push_back({"secure_aggregation", std::string(status.message())});
}

// What differential privacy asks of the rest of the task.
void CheckPrivacy(const v1::Task& proto,
                  std::vector<RuleViolation>& violations) {
  if (!proto.has_differential_privacy()) return;
  const auto training = protocol::FromProto(proto.training());
  // What is wrong by itself has been said, and what is absent is FedAvg.
  if (!training.ok() || proto.rounds() == 0 ||
      !protocol::CheckRules(proto.differential_privacy()).empty() ||
      !protocol::CheckRules(proto.round()).empty() ||
      !protocol::CheckRules(proto.update_limits()).empty()) {
    return;
  }
  Task task;
  task.training = *training;
  const auto algorithm = protocol::FromProto(proto.algorithm());
  if (algorithm.ok()) task.algorithm = *algorithm;
  task.round = RoundOf(proto);
  task.rounds = static_cast<int64_t>(proto.rounds());
  task.update_limits = UpdateLimitsOf(proto);
  if (proto.has_secure_aggregation()) {
    const auto settings = protocol::FromProto(proto.secure_aggregation());
    if (!settings.ok()) return;
    task.secure_aggregation = *settings;
  }
  task.differential_privacy = FromProto(proto.differential_privacy());
  const absl::Status status = CheckDifferentialPrivacy(task);
  if (status.ok()) return;
  violations.push_back({"differential_privacy", std::string(status.message())});
}

// What only a model made of the definition shows.
void CheckModel(const learning::ModelSpec& spec, const v1::Task& proto,
                std::vector<RuleViolation>& violations) {
  const v1::Training& training = proto.training();
  const auto model = learning::Model::Create(spec);
  if (!model.ok()) {
    violations.push_back({"model", std::string(model.status().message())});
    return;
  }
  const learning::ParameterLayout& layout = (*model)->layout();
  if (layout.num_parameters() > kMaxParameters) {
    violations.push_back(
        {"model",
         absl::StrCat(layout.num_parameters(), " parameters, expected at most ",
                      kMaxParameters)});
  }
  const int num_layers = (*model)->num_trainable_layers();
  if (static_cast<int64_t>(training.last_layers()) > num_layers) {
    violations.push_back(
        {"training.last_layers",
         absl::StrCat(training.last_layers(), ", expected at most the ",
                      num_layers, " trainable layers that the model has")});
  }
  CheckSubModels(**model, training, violations);
  CheckAlgorithm(**model, proto, violations);
}

void AddBelow(absl::string_view path, std::vector<RuleViolation> inner,
              std::vector<RuleViolation>& violations) {
  for (RuleViolation& violation : inner) {
    violations.push_back({protocol::JoinPath(path, violation.path),
                          std::move(violation.problem)});
  }
}

v1::RoundPolicy RoundToProto(const RoundPolicy& round) {
  v1::RoundPolicy proto;
  proto.set_cohort(round.cohort);
  if (round.asynchronous.has_value()) {
    v1::AsynchronousRounds& rounds = *proto.mutable_asynchronous();
    rounds.set_concurrency(round.asynchronous->concurrency);
    rounds.set_max_staleness(round.asynchronous->max_staleness);
    rounds.set_staleness_exponent(round.asynchronous->staleness_exponent);
  } else if (!round.drawn) {
    proto.set_over_selection(round.over_selection);
  }
  if (!round.drawn) proto.set_min_reports(round.min_reports);
  proto.set_min_separation(round.min_separation);
  *proto.mutable_deadline() = protocol::ToProto(round.deadline);
  *proto.mutable_idle_window() = protocol::ToProto(round.idle_window);
  proto.set_weighting(static_cast<v1::Weighting>(round.weighting));
  return proto;
}

}  // namespace

std::vector<RuleViolation> CheckTaskAsAWhole(const v1::Task& proto) {
  std::vector<RuleViolation> violations;
  const v1::RoundPolicy& round = proto.round();
  if (round.has_min_reports() && round.has_cohort() &&
      round.min_reports() > round.cohort()) {
    violations.push_back(
        {"round.min_reports",
         absl::StrCat(round.min_reports(), " is more than round.cohort, ",
                      round.cohort())});
  }
  if (round.has_asynchronous() && round.has_over_selection()) {
    violations.push_back({"round.over_selection",
                          "does not go with round.asynchronous, whose "
                          "concurrency says how many devices work"});
  }
  if (IsDrawn(proto)) {
    const auto refuse = [&](absl::string_view path, absl::string_view why) {
      violations.push_back(
          {std::string(path),
           absl::StrCat("does not go with differential_privacy's "
                        "sampling_rate: ",
                        why)});
    };
    if (round.has_over_selection()) {
      refuse("round.over_selection",
             "every device that is drawn is counted, and nobody else");
    }
    if (round.has_min_reports()) {
      refuse("round.min_reports",
             "a round is summed up however few devices were drawn");
    }
  }
  if (proto.server_optimizer().sgd().nesterov() &&
      proto.server_optimizer().sgd().momentum() == 0) {
    violations.push_back({"server_optimizer.sgd.nesterov",
                          "given without server_optimizer.sgd.momentum, "
                          "expected a momentum more than 0"});
  }
  AddBelow("model", protocol::CheckAsAWhole(proto.model()), violations);
  AddBelow("training", protocol::CheckAsAWhole(proto.training()), violations);
  CheckRounds(proto, violations);
  CheckGroups(proto, violations);
  CheckPrivacy(proto, violations);
  const auto spec = protocol::FromProto(proto.model());
  if (spec.ok()) CheckModel(*spec, proto, violations);
  return violations;
}

Task CheckedTaskFromProto(const v1::Task& proto) {
  Task task;
  task.name = proto.name();
  task.population = proto.population();
  task.model = Checked(protocol::FromProto(proto.model()));
  task.training = Checked(protocol::FromProto(proto.training()));
  auto* cosine =
      std::get_if<learning::CosineRate>(&task.training.schedule.shape);
  if (cosine != nullptr && cosine->rounds == 0) {
    cosine->rounds = static_cast<int64_t>(proto.rounds());
  }
  if (proto.has_algorithm()) {
    task.algorithm = Checked(protocol::FromProto(proto.algorithm()));
  }
  task.server_optimizer = FromProto(proto.server_optimizer());
  task.round = RoundOf(proto);
  task.rounds = static_cast<int64_t>(proto.rounds());
  task.device_limits = Checked(protocol::FromProto(proto.device_limits()));
  task.update_limits = UpdateLimitsOf(proto);
  task.seed = proto.seed();
  if (proto.has_secure_aggregation()) {
    task.secure_aggregation =
        Checked(protocol::FromProto(proto.secure_aggregation()));
  }
  if (proto.has_differential_privacy()) {
    task.differential_privacy = FromProto(proto.differential_privacy());
  }
  return task;
}

absl::StatusOr<Task> TaskFromProto(const v1::Task& proto) {
  SHOAL_RETURN_IF_ERROR(protocol::CheckAllKnown(proto, "the task"));
  std::vector<RuleViolation> violations = protocol::CheckRules(proto);
  if (violations.empty()) violations = CheckTaskAsAWhole(proto);
  if (violations.empty()) return CheckedTaskFromProto(proto);
  return absl::InvalidArgumentError(absl::StrJoin(
      violations, "; ", [](std::string* out, const RuleViolation& violation) {
        absl::StrAppend(out, violation.path, ": ", violation.problem);
      }));
}

v1::Task TaskToProto(const Task& task) {
  v1::Task proto;
  proto.set_name(task.name);
  proto.set_population(task.population);
  *proto.mutable_model() = protocol::ToProto(task.model);
  *proto.mutable_training() = protocol::ToProto(task.training);
  *proto.mutable_algorithm() = protocol::ToProto(task.algorithm);
  *proto.mutable_server_optimizer() = ToProto(task.server_optimizer);
  *proto.mutable_round() = RoundToProto(task.round);
  proto.set_rounds(static_cast<uint64_t>(task.rounds));
  *proto.mutable_device_limits() = protocol::ToProto(task.device_limits);
  v1::UpdateLimits& limits = *proto.mutable_update_limits();
  if (task.update_limits.norm_bound.has_value()) {
    limits.set_norm_bound(*task.update_limits.norm_bound);
  }
  limits.set_max_examples(
      static_cast<uint64_t>(task.update_limits.max_examples));
  proto.set_seed(task.seed);
  if (task.secure_aggregation.has_value()) {
    *proto.mutable_secure_aggregation() =
        protocol::ToProto(*task.secure_aggregation);
  }
  if (task.differential_privacy.has_value()) {
    *proto.mutable_differential_privacy() = ToProto(*task.differential_privacy);
  }
  return proto;
}

}  // namespace shoal::configuration
