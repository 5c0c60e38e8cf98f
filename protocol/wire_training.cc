// How a device trains.
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "protocol/units.h"
#include "protocol/wire.h"

namespace shoal::protocol {
namespace {

// Of AdamW, where absent: Loshchilov and Hutter's 0.01 of a step.
constexpr double kDefaultAdamWDecay = 0.01;

v1::LocalOptimizer OptimizerProto(const learning::SgdOptimizer& sgd) {
  v1::LocalOptimizer proto;
  proto.mutable_sgd()->set_momentum(sgd.momentum);
  proto.mutable_sgd()->set_nesterov(sgd.nesterov);
  proto.mutable_sgd()->set_weight_decay(sgd.weight_decay);
  return proto;
}

// Adam and AdamW have the same settings.
template <typename Proto>
void SetAdam(const learning::AdamOptimizer& adam, Proto& proto) {
  proto.set_beta1(adam.beta1);
  proto.set_beta2(adam.beta2);
  proto.set_epsilon(adam.epsilon);
  proto.set_weight_decay(adam.weight_decay);
}

v1::LocalOptimizer OptimizerProto(const learning::AdamOptimizer& adam) {
  v1::LocalOptimizer proto;
  if (adam.decoupled) {
    SetAdam(adam, *proto.mutable_adamw());
  } else {
    SetAdam(adam, *proto.mutable_adam());
  }
  return proto;
}

learning::SgdOptimizer SgdFrom(const v1::SgdOptimizer& proto) {
  return {.momentum = proto.momentum(),
          .nesterov = proto.nesterov(),
          .weight_decay = proto.weight_decay()};
}

template <typename Proto>
learning::AdamOptimizer AdamFrom(const Proto& proto, bool decoupled) {
  learning::AdamOptimizer adam;
  if (proto.has_beta1()) adam.beta1 = proto.beta1();
  if (proto.has_beta2()) adam.beta2 = proto.beta2();
  if (proto.has_epsilon()) adam.epsilon = proto.epsilon();
  if (decoupled) adam.weight_decay = kDefaultAdamWDecay;
  if (proto.has_weight_decay()) adam.weight_decay = proto.weight_decay();
  adam.decoupled = decoupled;
  return adam;
}

// REQUIRES: `proto` has passed its rules, or is absent and thus empty.
learning::LocalOptimizer OptimizerFrom(const v1::LocalOptimizer& proto) {
  learning::LocalOptimizer optimizer;
  switch (proto.kind_case()) {
    case v1::LocalOptimizer::kSgd:
      optimizer.rule = SgdFrom(proto.sgd());
      break;
    case v1::LocalOptimizer::kAdam:
      optimizer.rule = AdamFrom(proto.adam(), /*decoupled=*/false);
      break;
    case v1::LocalOptimizer::kAdamw:
      optimizer.rule = AdamFrom(proto.adamw(), /*decoupled=*/true);
      break;
    case v1::LocalOptimizer::KIND_NOT_SET:
      break;
  }
  return optimizer;
}

v1::LearningRateSchedule ScheduleProto(
    const learning::LearningRateSchedule& schedule) {
  v1::LearningRateSchedule proto;
  std::visit(
      [&proto](const auto& shape) {
        using Shape = std::decay_t<decltype(shape)>;
        if constexpr (std::is_same_v<Shape, learning::ConstantRate>) {
          proto.mutable_constant();
        } else if constexpr (std::is_same_v<Shape, learning::CosineRate>) {
          v1::CosineSchedule& cosine = *proto.mutable_cosine();
          cosine.set_final_fraction(shape.final_fraction);
          if (shape.rounds != 0) cosine.set_rounds(shape.rounds);
        } else {
          static_assert(std::is_same_v<Shape, learning::StepRate>);
          proto.mutable_step()->set_every_rounds(shape.every_rounds);
          proto.mutable_step()->set_factor(shape.factor);
        }
      },
      schedule.shape);
  return proto;
}

learning::StepRate StepFrom(const v1::StepSchedule& proto) {
  learning::StepRate step;
  step.every_rounds = static_cast<int64_t>(proto.every_rounds());
  if (proto.has_factor()) step.factor = proto.factor();
  return step;
}

// REQUIRES: as OptimizerFrom.
learning::LearningRateSchedule ScheduleFrom(
    const v1::LearningRateSchedule& proto) {
  learning::LearningRateSchedule schedule;
  switch (proto.shape_case()) {
    case v1::LearningRateSchedule::kConstant:
      break;
    case v1::LearningRateSchedule::kCosine:
      schedule.shape = learning::CosineRate{
          .final_fraction = proto.cosine().final_fraction(),
          .rounds = static_cast<int64_t>(proto.cosine().rounds())};
      break;
    case v1::LearningRateSchedule::kStep:
      schedule.shape = StepFrom(proto.step());
      break;
    case v1::LearningRateSchedule::SHAPE_NOT_SET:
      break;
  }
  return schedule;
}

// Devices compute with floats: what is 0 there is not more than 0. An absent
// setting has another default.
void CheckAsFloat(bool given, double number, absl::string_view path,
                  std::vector<RuleViolation>& violations) {
  if (!given || static_cast<float>(number) > 0) return;
  violations.push_back(
      {std::string(path),
       absl::StrCat(NumberText(number),
                    " is 0 as a float, expected at least 1.5e-45")});
}

}  // namespace

std::vector<RuleViolation> CheckAsAWhole(const v1::Training& proto) {
  std::vector<RuleViolation> violations;
  CheckAsFloat(proto.has_learning_rate(), proto.learning_rate(),
               "learning_rate", violations);
  const v1::AdamOptimizer& adam = proto.optimizer().adam();
  CheckAsFloat(adam.has_epsilon(), adam.epsilon(), "optimizer.adam.epsilon",
               violations);
  const v1::AdamWOptimizer& adamw = proto.optimizer().adamw();
  CheckAsFloat(adamw.has_epsilon(), adamw.epsilon(), "optimizer.adamw.epsilon",
               violations);
  const v1::SgdOptimizer& sgd = proto.optimizer().sgd();
  if (sgd.nesterov() && sgd.momentum() == 0) {
    violations.push_back({"optimizer.sgd.nesterov",
                          "given without optimizer.sgd.momentum, expected a "
                          "momentum more than 0"});
  }
  const uint32_t batch_size =
      proto.has_batch_size()
          ? proto.batch_size()
          : static_cast<uint32_t>(learning::TrainingOptions().batch_size);
  if (proto.micro_batch_size() > batch_size) {
    violations.push_back(
        {"micro_batch_size",
         absl::StrCat(proto.micro_batch_size(), " is more than batch_size, ",
                      batch_size)});
  }
  for (int i = 1; i < proto.sub_model_widths_size(); ++i) {
    if (proto.sub_model_widths(i) < proto.sub_model_widths(i - 1)) continue;
    violations.push_back(
        {absl::StrCat("sub_model_widths[", i, "]"),
         absl::StrCat(NumberText(proto.sub_model_widths(i)),
                      ", expected less than the one before, ",
                      NumberText(proto.sub_model_widths(i - 1)))});
  }
  return violations;
}

v1::Training ToProto(const learning::TrainingOptions& options) {
  v1::Training proto;
  proto.set_epochs(options.epochs);
  proto.set_batch_size(options.batch_size);
  proto.set_learning_rate(options.learning_rate);
  *proto.mutable_schedule() = ScheduleProto(options.schedule);
  proto.set_warmup_rounds(options.schedule.warmup_rounds);
  *proto.mutable_optimizer() =
      std::visit([](const auto& rule) { return OptimizerProto(rule); },
                 options.optimizer.rule);
  if (options.optimizer.clip_norm != 0) {
    proto.set_clip_norm(options.optimizer.clip_norm);
  }
  if (options.micro_batch_size != 0) {
    proto.set_micro_batch_size(options.micro_batch_size);
  }
  if (options.last_layers != 0) proto.set_last_layers(options.last_layers);
  proto.set_keep_order(options.keep_order);
  for (const double width : options.sub_model_widths) {
    proto.add_sub_model_widths(width);
  }
  return proto;
}

absl::StatusOr<learning::TrainingOptions> FromProto(const v1::Training& proto) {
  SHOAL_RETURN_IF_ERROR(CheckAllKnown(proto, "the training"));
  SHOAL_RETURN_IF_ERROR(CheckRulesStatus(proto));
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckAsAWhole(proto)));
  learning::TrainingOptions options;
  if (proto.has_epochs()) options.epochs = static_cast<int>(proto.epochs());
  if (proto.has_batch_size()) {
    options.batch_size = static_cast<int>(proto.batch_size());
  }
  options.learning_rate = proto.learning_rate();
  options.schedule = ScheduleFrom(proto.schedule());
  options.schedule.warmup_rounds = static_cast<int64_t>(proto.warmup_rounds());
  options.optimizer = OptimizerFrom(proto.optimizer());
  options.optimizer.clip_norm = proto.clip_norm();
  options.micro_batch_size = static_cast<int>(proto.micro_batch_size());
  options.last_layers = static_cast<int>(proto.last_layers());
  options.keep_order = proto.keep_order();
  options.sub_model_widths = {proto.sub_model_widths().begin(),
                              proto.sub_model_widths().end()};
  return options;
}

}  // namespace shoal::protocol
