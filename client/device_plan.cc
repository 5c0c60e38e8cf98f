#include "client/device_plan.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "client/menu/upload_work.h"
#include "learning/device_memory.h"
#include "learning/local_update.h"
#include "learning/sub_model.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

Objection Object(AbandonReason reason, const std::string& sentence) {
  return {absl::FailedPreconditionError(sentence), reason};
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
  const std::optional<int64_t> limit = MemoryLimit(plan, memory_bytes);
  std::optional<int64_t> block;
  if (limit.has_value()) {
    block = learning::BlockBytes(model, *limit, plan.algorithm);
  }
  const absl::Status fits =
      learning::PlanLocalUpdate(model, plan.training, num_examples, block,
                                plan.algorithm)
          .status();
  if (fits.ok()) return {};
  if (!absl::IsResourceExhausted(fits)) {
    return {fits, AbandonReason::kTraining};
  }
  return Object(
      AbandonReason::kMemory,
      absl::StrCat("this device may use ", *limit,
                   " bytes of memory, which leaves ",
                   std::max<int64_t>(*block, 0),
                   " beside the model and the update; ", fits.message()));
}

Objection CheckData(const protocol::Plan& plan, const learning::Model& model,
                    const learning::Dataset& data) {
  Objection objection = CheckNumExamples(plan, data.num_examples());
  if (!objection.why.ok()) return objection;
  const absl::Status fit = learning::CheckFit(model, data);
  if (!fit.ok())
    return Object(AbandonReason::kData, std::string(fit.message()));
  return {};
}

// Of a version of the model, and of an update.
int64_t NumValues(const protocol::Plan& plan, const learning::Model& model) {
  return learning::TraitsOf(plan.algorithm).num_vectors *
         model.layout().num_parameters();
}

// Of an update: the values that stay on the device.
int64_t DeviceBytes(const protocol::Plan& plan, const learning::Model& model) {
  const int64_t controls = learning::TraitsOf(plan.algorithm).num_vectors - 1;
  const int64_t num_parameters = model.layout().num_parameters();
  return static_cast<int64_t>(sizeof(float)) *
         (model.num_values() - num_parameters + controls * num_parameters);
}

// A model that is much larger than the plan's is not the plan's.
Objection CheckSize(const protocol::Assignment& assignment,
                    const learning::Model& model) {
  constexpr int64_t kSlack = 1 << 20;  // for names and shapes
  const protocol::ModelReference& reference = assignment.model;
  const int64_t values =
      static_cast<int64_t>(sizeof(float)) * NumValues(assignment.plan, model);
  if (reference.num_bytes <= values + kSlack) return {};
  return Object(AbandonReason::kTraining,
                absl::StrCat("the model to fetch has ", reference.num_bytes,
                             " bytes, the values of the plan's ",
                             model.spec().ToString(), " have ", values));
}

Objection CheckUpload(const protocol::Plan& plan,
                      const learning::Model& model) {
  const absl::StatusOr<Work> upload = UploadWork(plan, NumValues(plan, model));
  if (!upload.ok()) return {upload.status(), AbandonReason::kConditions};
  if (MaySend(plan, *upload)) return {};
  return Object(
      AbandonReason::kBytes,
      absl::StrCat("the update has ", static_cast<int64_t>(upload->bytes_sent),
                   " bytes, the plan allows ", *plan.limits.upload_bytes));
}

Objection CheckPlan(const protocol::Assignment& assignment,
                    const DeviceModel& device, const learning::Dataset& data,
                    int64_t memory_bytes) {
  const learning::Model& model = device.model();
  Objection objection = CheckSize(assignment, device.whole());
  const absl::Status algorithm = learning::CheckAlgorithm(
      assignment.plan.algorithm, assignment.plan.training, device.whole());
  if (!algorithm.ok()) return {algorithm, AbandonReason::kTraining};
  if (objection.why.ok()) objection = CheckData(assignment.plan, model, data);
  if (objection.why.ok()) objection = CheckUpload(assignment.plan, model);
  if (objection.why.ok()) {
    objection =
        CheckMemory(assignment.plan, model, data.num_examples(), memory_bytes);
  }
  return objection;
}

}  // namespace

Objection CheckPlanSizes(const protocol::Assignment& assignment,
                         const learning::Model& model) {
  Objection objection = CheckSize(assignment, model);
  if (objection.why.ok()) objection = CheckUpload(assignment.plan, model);
  return objection;
}

Objection CheckMasking(const protocol::Plan& plan, const learning::Model& model,
                       int64_t memory_bytes) {
  if (!plan.secure_aggregation.has_value() && !plan.device_noise.has_value()) {
    return {};
  }
  if (!plan.training.sub_model_widths.empty() ||
      !plan.training.sub_model_layers.empty()) {
    return Object(AbandonReason::kConditions,
                  "the plan asks for secure aggregation or noise and has "
                  "sub-models, which do not go together");
  }
  const absl::StatusOr<int64_t> masking =
      MaskingBytes(plan, NumValues(plan, model));
  if (!masking.ok()) return {masking.status(), AbandonReason::kConditions};
  const std::optional<int64_t> limit = MemoryLimit(plan, memory_bytes);
  const int64_t needed = *masking + DeviceBytes(plan, model);
  if (needed <= limit.value_or(needed)) return {};
  return Object(
      AbandonReason::kMemory,
      absl::StrCat(
          "this device may use ", *limit, " bytes of memory, to ",
          plan.secure_aggregation.has_value() ? "mask" : "add noise to",
          " the update takes ", needed));
}

Objection CheckNumExamples(const protocol::Plan& plan, int64_t num_examples) {
  if (num_examples < 1) {
    return Object(AbandonReason::kData, "this device has no examples");
  }
  if (num_examples <= plan.max_examples) return {};
  return Object(
      AbandonReason::kData,
      absl::StrCat("this device has ", num_examples,
                   " examples, the plan takes up to ", plan.max_examples));
}

bool IsWholeWork(const MenuEntry& entry, const protocol::Plan& plan) {
  return entry.model == 0 && entry.training.epochs == plan.training.epochs &&
         entry.training.last_layers == plan.training.last_layers;
}

std::optional<int64_t> MemoryLimit(const protocol::Plan& plan,
                                   int64_t memory_bytes) {
  if (memory_bytes == 0) return plan.limits.memory_bytes;
  return std::min(plan.limits.memory_bytes.value_or(memory_bytes),
                  memory_bytes);
}

DeviceMenu MakeDeviceMenu(const protocol::Assignment& assignment,
                          const learning::Dataset& data, int64_t memory_bytes,
                          int64_t fetched_bytes) {
  const protocol::Plan& plan = assignment.plan;
  std::vector<double> widths = {1};
  widths.insert(widths.end(), plan.training.sub_model_widths.begin(),
                plan.training.sub_model_widths.end());
  DeviceMenu menu;
  learning::WorkLimit first_limit = learning::WorkLimit::kMemory;
  std::vector<MenuModel> models;
  for (const double width : widths) {
    auto candidate = DeviceModel::Create(plan.model, width);
    if (!candidate.ok()) {
      menu.objection = {candidate.status(), AbandonReason::kTraining};
      return menu;
    }
    if (width == 1) {
      const absl::Status parts =
          learning::MakeSubModels((*candidate)->whole(), plan.training)
              .status();
      if (!parts.ok()) {
        menu.objection = {parts, AbandonReason::kTraining};
        return menu;
      }
      menu.objection = CheckMasking(plan, (*candidate)->whole(), memory_bytes);
      if (!menu.objection.why.ok()) return menu;
    }
    menu.objection = CheckPlan(assignment, **candidate, data, memory_bytes);
    // What is too large may do when it is narrower.
    if (width == 1 && menu.objection.reason == AbandonReason::kBytes) {
      first_limit = learning::WorkLimit::kBytes;
    }
    if (!menu.objection.why.ok() &&
        menu.objection.reason != AbandonReason::kMemory &&
        menu.objection.reason != AbandonReason::kBytes) {
      return menu;
    }
    const learning::Model& model = (*candidate)->model();
    MenuModel option = {&model, width, std::nullopt};
    const auto limit = MemoryLimit(plan, memory_bytes);
    if (limit.has_value())
      option.block_bytes = learning::BlockBytes(model, *limit, plan.algorithm);
    models.push_back(option);
    menu.models.push_back(*std::move(candidate));
  }
  menu.entries = MakeMenu({.plan = &plan,
                           .num_examples = data.num_examples(),
                           .fetched_bytes = fetched_bytes},
                          models);
  if (!menu.entries.empty()) {
    if (!IsWholeWork(menu.entries[0], plan)) menu.limit = first_limit;
    menu.objection = {};
  }
  SHOAL_CHECK(!menu.entries.empty() || !menu.objection.why.ok());
  return menu;
}

absl::Status CheckControl(const learning::ModelView& fetched,
                          const learning::LocalAlgorithm& algorithm) {
  const learning::AlgorithmTraits traits = learning::TraitsOf(algorithm);
  if (traits.num_vectors == 1 || !fetched.control.empty()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the fetched model has no control variates, which ",
                   traits.name, " needs"));
}

absl::Status CheckLayout(const learning::ParameterLayout& fetched,
                         const learning::Model& planned) {
  if (fetched == planned.layout()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the fetched model has ", LayoutText(fetched), "; the plan's ",
      planned.spec().ToString(), " has ", LayoutText(planned.layout())));
}

}  // namespace shoal::client
