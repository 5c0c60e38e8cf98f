#include "client/device_plan.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "learning/update_codec.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

Objection Object(AbandonReason reason, const std::string& sentence) {
  return {absl::FailedPreconditionError(sentence), reason};
}

// Values of one example in all layers: inputs, hidden layers, outputs.
int64_t ValuesPerExample(const learning::ModelSpec& spec) {
  int64_t values = spec.inputs() + spec.outputs();
  if (const auto* mlp = std::get_if<learning::MlpSpec>(&spec.architecture)) {
    for (const int width : mlp->hidden) values += width;
  }
  return values;
}

std::string LayoutText(const learning::ParameterLayout& layout) {
  std::string text = absl::StrCat(layout.num_parameters(), " parameters");
  const auto& tensors = layout.tensors();
  constexpr size_t kShown = 4;
  for (size_t i = 0; i < std::min(tensors.size(), kShown); ++i) {
    absl::StrAppend(&text, i == 0 ? ": " : ", ", tensors[i].name, " [",
                    absl::StrJoin(tensors[i].dims, ", "), "]");
  }
  if (tensors.size() > kShown) absl::StrAppend(&text, ", …");
  return text;
}

Objection CheckMemory(const protocol::Plan& plan, const learning::Model& model,
                      int64_t num_examples, int64_t memory_bytes) {
  const int64_t needed = PeakMemoryBytes(
      model, std::min<int64_t>(plan.training.batch_size, num_examples));
  std::optional<int64_t> limit = plan.limits.memory_bytes;
  if (memory_bytes > 0) {
    limit = std::min(limit.value_or(memory_bytes), memory_bytes);
  }
  if (!limit.has_value() || needed <= *limit) return {};
  return Object(
      AbandonReason::kMemory,
      absl::StrCat("training ", model.spec().ToString(), " takes about ",
                   needed, " bytes of memory, this device may use ", *limit));
}

Objection CheckData(const protocol::Plan& plan, const learning::Dataset& data) {
  if (data.num_examples() < 1) {
    return Object(AbandonReason::kData, "this device has no examples");
  }
  if (data.num_examples() > plan.max_examples) {
    return Object(
        AbandonReason::kData,
        absl::StrCat("this device has ", data.num_examples(),
                     " examples, the plan takes up to ", plan.max_examples));
  }
  if (data.num_features() != plan.model.inputs() ||
      data.num_classes() != plan.model.outputs()) {
    return Object(
        AbandonReason::kData,
        absl::StrCat("this device's examples have ", data.num_features(),
                     " features and ", data.num_classes(), " classes, model ",
                     plan.model.ToString(), " takes ", plan.model.inputs(),
                     " and ", plan.model.outputs()));
  }
  return {};
}

// A model that is much larger than the plan's is not the plan's.
Objection CheckSize(const protocol::ModelReference& reference,
                    const learning::Model& model) {
  constexpr int64_t kSlack = 1 << 20;  // for names and shapes
  const int64_t values =
      static_cast<int64_t>(sizeof(float)) * model.layout().num_parameters();
  if (reference.num_bytes <= values + kSlack) return {};
  return Object(AbandonReason::kTraining,
                absl::StrCat("the model to fetch has ", reference.num_bytes,
                             " bytes, the values of the plan's ",
                             model.spec().ToString(), " have ", values));
}

Objection CheckBudgets(const protocol::Plan& plan,
                       const learning::Model& model) {
  const int64_t upload =
      learning::EncodedUpdateBytes(plan.codec, model.layout().num_parameters());
  if (plan.limits.upload_bytes.has_value() &&
      upload > *plan.limits.upload_bytes) {
    return Object(
        AbandonReason::kBytes,
        absl::StrCat("the update has ", upload, " bytes, the plan allows ",
                     *plan.limits.upload_bytes));
  }
  // A limit that cannot be kept is not accepted.
  if (plan.limits.energy_joules.has_value()) {
    return Object(AbandonReason::kEnergy,
                  absl::StrCat("the plan allows ", *plan.limits.energy_joules,
                               " J, and this device has no energy meter"));
  }
  return {};
}

}  // namespace

int64_t PeakMemoryBytes(const learning::Model& model, int64_t batch_size) {
  constexpr int64_t kFloat = sizeof(float);
  const int64_t parameters = model.layout().num_parameters();
  const int64_t activations = batch_size * ValuesPerExample(model.spec());
  // Forward and backward pass each hold the activations once.
  return kFloat * (3 * parameters + 2 * activations);
}

Objection CheckPlan(const protocol::Assignment& assignment,
                    const learning::Model& model, const learning::Dataset& data,
                    int64_t memory_bytes) {
  Objection objection = CheckSize(assignment.model, model);
  if (objection.why.ok()) objection = CheckData(assignment.plan, data);
  if (objection.why.ok()) objection = CheckBudgets(assignment.plan, model);
  if (objection.why.ok()) {
    objection =
        CheckMemory(assignment.plan, model, data.num_examples(), memory_bytes);
  }
  return objection;
}

absl::Status CheckLayout(const learning::ParameterLayout& fetched,
                         const learning::Model& planned) {
  if (fetched == planned.layout()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the fetched model has ", LayoutText(fetched), "; the plan's ",
      planned.spec().ToString(), " has ", LayoutText(planned.layout())));
}

}  // namespace shoal::client
