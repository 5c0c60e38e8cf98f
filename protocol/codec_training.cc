// How a device trains, and the smaller parts that plans and task files share.
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/units.h"
#include "protocol/codec.h"
#include "protocol/schema/access.h"

namespace shoal::protocol {
namespace {

using schema::Message;
using schema::MutablePart;
using schema::Part;
using schema::Read;
using schema::Write;

// Of AdamW, where absent: Loshchilov and Hutter's 0.01 of a step.
constexpr double kDefaultAdamWDecay = 0.01;

void WriteRule(const learning::SgdOptimizer& sgd, Message& optimizer) {
  Message& part = MutablePart(optimizer, "sgd");
  Write(part, "momentum", sgd.momentum);
  Write(part, "nesterov", sgd.nesterov);
  Write(part, "weight_decay", sgd.weight_decay);
}

// Adam and AdamW have the same settings.
void WriteRule(const learning::AdamOptimizer& adam, Message& optimizer) {
  Message& part = MutablePart(optimizer, adam.decoupled ? "adamw" : "adam");
  Write(part, "beta1", adam.beta1);
  Write(part, "beta2", adam.beta2);
  Write(part, "epsilon", adam.epsilon);
  Write(part, "weight_decay", adam.weight_decay);
}

learning::SgdOptimizer SgdFrom(const Message& message) {
  learning::SgdOptimizer sgd;
  Read(message, "momentum", sgd.momentum);
  Read(message, "nesterov", sgd.nesterov);
  Read(message, "weight_decay", sgd.weight_decay);
  return sgd;
}

learning::AdamOptimizer AdamFrom(const Message& message, bool decoupled) {
  learning::AdamOptimizer adam;
  if (decoupled) adam.weight_decay = kDefaultAdamWDecay;
  Read(message, "beta1", adam.beta1);
  Read(message, "beta2", adam.beta2);
  Read(message, "epsilon", adam.epsilon);
  Read(message, "weight_decay", adam.weight_decay);
  adam.decoupled = decoupled;
  return adam;
}

// REQUIRES: `message` has passed its rules, or is absent and thus empty.
learning::LocalOptimizer OptimizerFrom(const Message& message) {
  learning::LocalOptimizer optimizer;
  const absl::string_view chosen = schema::Chosen(message);
  if (chosen == "sgd") {
    optimizer.rule = SgdFrom(Part(message, "sgd"));
  } else if (chosen == "adam") {
    optimizer.rule = AdamFrom(Part(message, "adam"), /*decoupled=*/false);
  } else if (chosen == "adamw") {
    optimizer.rule = AdamFrom(Part(message, "adamw"), /*decoupled=*/true);
  }
  return optimizer;
}

void WriteShape(const learning::LearningRateSchedule& schedule,
                Message& message) {
  std::visit(
      [&message](const auto& shape) {
        using Shape = std::decay_t<decltype(shape)>;
        if constexpr (std::is_same_v<Shape, learning::ConstantRate>) {
          MutablePart(message, "constant");
        } else if constexpr (std::is_same_v<Shape, learning::CosineRate>) {
          Message& cosine = MutablePart(message, "cosine");
          Write(cosine, "final_fraction", shape.final_fraction);
          if (shape.rounds != 0) Write(cosine, "rounds", shape.rounds);
        } else {
          static_assert(std::is_same_v<Shape, learning::StepRate>);
          Message& step = MutablePart(message, "step");
          Write(step, "every_rounds", shape.every_rounds);
          Write(step, "factor", shape.factor);
        }
      },
      schedule.shape);
}

learning::CosineRate CosineFrom(const Message& message) {
  learning::CosineRate cosine;
  Read(message, "final_fraction", cosine.final_fraction);
  Read(message, "rounds", cosine.rounds);
  return cosine;
}

learning::StepRate StepFrom(const Message& message) {
  learning::StepRate step;
  Read(message, "every_rounds", step.every_rounds);
  Read(message, "factor", step.factor);
  return step;
}

// REQUIRES: as OptimizerFrom.
learning::LearningRateSchedule ScheduleFrom(const Message& message) {
  learning::LearningRateSchedule schedule;
  const absl::string_view chosen = schema::Chosen(message);
  if (chosen == "cosine") {
    schedule.shape = CosineFrom(Part(message, "cosine"));
  } else if (chosen == "step") {
    schedule.shape = StepFrom(Part(message, "step"));
  }
  return schedule;
}

// Devices compute with floats: what is 0 there is not more than 0. An absent
// number has a default that is.
void CheckAsFloat(const Message& message, absl::string_view field,
                  absl::string_view path,
                  std::vector<schema::Violation>& violations) {
  double number = 1;
  Read(message, field, number);
  if (static_cast<float>(number) > 0) return;
  violations.push_back(
      {std::string(path),
       absl::StrCat(NumberText(number),
                    " is 0 as a float, expected at least 1.5e-45")});
}

}  // namespace

std::vector<schema::Violation> CheckTrainingAsAWhole(const Message& training) {
  std::vector<schema::Violation> violations;
  CheckAsFloat(training, "learning_rate", "learning_rate", violations);
  const Message& optimizer = Part(training, "optimizer");
  CheckAsFloat(Part(optimizer, "adam"), "epsilon", "optimizer.adam.epsilon",
               violations);
  CheckAsFloat(Part(optimizer, "adamw"), "epsilon", "optimizer.adamw.epsilon",
               violations);
  const learning::SgdOptimizer sgd =
      SgdFrom(Part(Part(training, "optimizer"), "sgd"));
  if (sgd.nesterov && sgd.momentum == 0) {
    violations.push_back({"optimizer.sgd.nesterov",
                          "given without optimizer.sgd.momentum, expected a "
                          "momentum more than 0"});
  }
  uint32_t batch_size =
      static_cast<uint32_t>(learning::TrainingOptions().batch_size);
  uint32_t micro_batch_size = 0;
  Read(training, "batch_size", batch_size);
  Read(training, "micro_batch_size", micro_batch_size);
  if (micro_batch_size > batch_size) {
    violations.push_back(
        {"micro_batch_size",
         absl::StrCat(micro_batch_size, " is more than batch_size, ",
                      batch_size)});
  }
  std::vector<double> widths;
  Read(training, "sub_model_widths", widths);
  for (size_t i = 1; i < widths.size(); ++i) {
    if (widths[i] < widths[i - 1]) continue;
    violations.push_back({absl::StrCat("sub_model_widths[", i, "]"),
                          absl::StrCat(NumberText(widths[i]),
                                       ", expected less than the one before, ",
                                       NumberText(widths[i - 1]))});
  }
  std::vector<int> layers;
  Read(training, "sub_model_layers", layers);
  for (size_t i = 1; i < layers.size(); ++i) {
    if (layers[i] < layers[i - 1]) continue;
    violations.push_back(
        {absl::StrCat("sub_model_layers[", i, "]"),
         absl::StrCat(layers[i], ", expected less than the one before, ",
                      layers[i - 1])});
  }
  return violations;
}

Message ToSchema(const learning::TrainingOptions& options) {
  Message training(schema::TypeNamed("Training"));
  Write(training, "epochs", options.epochs);
  Write(training, "batch_size", options.batch_size);
  Write(training, "learning_rate", options.learning_rate);
  WriteShape(options.schedule, MutablePart(training, "schedule"));
  Write(training, "warmup_rounds", options.schedule.warmup_rounds);
  Message& optimizer = MutablePart(training, "optimizer");
  std::visit([&](const auto& rule) { WriteRule(rule, optimizer); },
             options.optimizer.rule);
  if (options.optimizer.clip_norm != 0) {
    Write(training, "clip_norm", options.optimizer.clip_norm);
  }
  if (options.micro_batch_size != 0) {
    Write(training, "micro_batch_size", options.micro_batch_size);
  }
  if (options.last_layers != 0) {
    Write(training, "last_layers", options.last_layers);
  }
  Write(training, "keep_order", options.keep_order);
  Write(training, "sub_model_widths", options.sub_model_widths);
  Write(training, "sub_model_layers", options.sub_model_layers);
  return training;
}

absl::StatusOr<learning::TrainingOptions> TrainingFrom(
    const Message& training) {
  SHOAL_RETURN_IF_ERROR(CheckAllKnown(training, "the training"));
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckRules(training)));
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckTrainingAsAWhole(training)));
  learning::TrainingOptions options;
  Read(training, "epochs", options.epochs);
  Read(training, "batch_size", options.batch_size);
  Read(training, "learning_rate", options.learning_rate);
  options.schedule = ScheduleFrom(Part(training, "schedule"));
  Read(training, "warmup_rounds", options.schedule.warmup_rounds);
  options.optimizer = OptimizerFrom(Part(training, "optimizer"));
  Read(training, "clip_norm", options.optimizer.clip_norm);
  Read(training, "micro_batch_size", options.micro_batch_size);
  Read(training, "last_layers", options.last_layers);
  Read(training, "keep_order", options.keep_order);
  Read(training, "sub_model_widths", options.sub_model_widths);
  Read(training, "sub_model_layers", options.sub_model_layers);
  return options;
}

Message ToSchema(const DeviceLimits& limits) {
  Message message(schema::TypeNamed("DeviceLimits"));
  if (limits.energy_joules.has_value()) {
    Write(message, "energy_per_round", *limits.energy_joules);
  }
  if (limits.memory_bytes.has_value()) {
    Write(message, "memory", *limits.memory_bytes);
  }
  if (limits.upload_bytes.has_value()) {
    Write(message, "upload_per_round", *limits.upload_bytes);
  }
  return message;
}

absl::StatusOr<DeviceLimits> DeviceLimitsFrom(const Message& message) {
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckRules(message)));
  DeviceLimits limits;
  const auto read = [&message](absl::string_view name, auto& limit) {
    if (Has(message, name)) Read(message, name, limit.emplace());
  };
  read("energy_per_round", limits.energy_joules);
  read("memory", limits.memory_bytes);
  read("upload_per_round", limits.upload_bytes);
  return limits;
}

}  // namespace shoal::protocol
