#include "client/menu/plan_menu.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "client/menu/upload_work.h"
#include "learning/device_memory.h"
#include "learning/local_training.h"
#include "learning/memory_plan.h"
#include "learning/sub_model.h"
#include "learning/training_flops.h"

namespace shoal::client {
namespace {

constexpr double kFlopsPerMac = 2;
constexpr double kWorthOfHalving = 0.98;

// `most`, its half and so on down to 1.
std::vector<int> Halvings(int most) {
  std::vector<int> result;
  for (int n = most; n >= 1; n /= 2) result.push_back(n);
  return result;
}

// Makes the entries of one model.
class Entries {
 public:
  Entries(const MenuRequest& request, const MenuModel& model, size_t index)
      : request_(request),
        plan_(*request.plan),
        model_(*model.model),
        option_(model),
        index_(index),
        traits_(learning::TraitsOf(plan_.algorithm)) {}

  // `planned_values`: those that the plan trains.
  void AddTo(std::vector<MenuEntry>& menu, double planned_values) const {
    AddLayers(plan_.training.last_layers, model_.layout().num_parameters(),
              planned_values, menu);
    if (index_ != 0) return;
    for (const int layers : plan_.training.sub_model_layers) {
      const auto part = learning::SubModel::LastLayers(model_, layers);
      SHOAL_CHECK(part.ok());
      AddLayers(layers, (*part)->num_values(), planned_values, menu);
    }
  }

 private:
  void AddLayers(int layers, int64_t sent_values, double planned_values,
                 std::vector<MenuEntry>& menu) const {
    const absl::StatusOr<Work> upload =
        UploadWork(plan_, traits_.num_vectors * sent_values);
    if (!upload.ok() || !MaySend(plan_, *upload)) return;
    for (int halvings = 0; halvings <= learning::kMaxBatchHalvings;
         ++halvings) {
      const int batch = plan_.training.batch_size >> halvings;
      // Of a gradient of all examples the mini-batches are but parts.
      if (batch < 1 || (halvings > 0 && !traits_.trains)) break;
      AddEpochs(layers, halvings, *upload, planned_values, menu);
    }
  }

  void AddEpochs(int layers, int halvings, const Work& upload,
                 double planned_values, std::vector<MenuEntry>& menu) const {
    MenuEntry entry;
    entry.model = index_;
    entry.training = plan_.training;
    entry.training.last_layers = layers;
    entry.training.batch_size >>= halvings;
    entry.training.micro_batch_size =
        std::min(entry.training.micro_batch_size, entry.training.batch_size);
    const auto memory =
        learning::PlanLocalUpdate(model_, entry.training, request_.num_examples,
                                  option_.block_bytes, plan_.algorithm);
    if (!memory.ok()) return;
    entry.block_bytes = memory->bytes();
    entry.memory.emplace(model_, *memory);
    entry.cost = CostOfEpoch(*memory, entry.training);
    entry.cost.upload = upload;
    const double values =
        static_cast<double>(memory->num_trained_values()) / planned_values;
    const int64_t steps_per_epoch = entry.cost.num_steps;
    for (const int epochs : Halvings(plan_.training.epochs)) {
      entry.training.epochs = epochs;
      entry.cost.num_steps = epochs * steps_per_epoch;
      const double share =
          std::min(1.0, values * epochs / plan_.training.epochs);
      entry.cost.worth = std::sqrt(share) * std::pow(kWorthOfHalving, halvings);
      entry.less = LessText(entry.training, memory->given_up());
      menu.push_back(entry);
    }
  }

  // Of one epoch, and of what comes before the training.
  PlanCost CostOfEpoch(const learning::MemoryPlan& memory,
                       const learning::TrainingOptions& training) const {
    const int64_t rows =
        std::min<int64_t>(training.batch_size, request_.num_examples);
    PlanCost cost;
    cost.before.bytes_received = static_cast<double>(request_.fetched_bytes);
    // The received model is scored on all examples.
    cost.before.flops = kFlopsPerMac *
                        static_cast<double>(model_.forward_macs()) *
                        static_cast<double>(request_.num_examples);
    const double per_example = learning::FlopsPerExample(model_, memory);
    const double of_all =
        per_example * static_cast<double>(request_.num_examples);
    if (!traits_.trains) {
      // All but the last part comes before the one step.
      const double last =
          per_example * static_cast<double>(learning::LastPart(
                            request_.num_examples, memory.rows()));
      cost.before.flops += of_all - last;
      cost.step.flops = last;
      cost.num_steps = 1;
      return cost;
    }
    if (traits_.full_gradient) cost.before.flops += of_all;
    cost.step.flops = per_example * static_cast<double>(rows);
    cost.num_steps =
        (request_.num_examples + training.batch_size - 1) / training.batch_size;
    return cost;
  }

  std::string LessText(const learning::TrainingOptions& training,
                       const std::vector<std::string>& given_up) const {
    std::vector<std::string> parts;
    if (option_.width != 1) {
      parts.push_back(absl::StrCat("a sub-model of width ", option_.width));
    }
    if (training.last_layers != plan_.training.last_layers) {
      parts.push_back(
          training.last_layers == 1
              ? "the last layer"
              : absl::StrCat("the last ", training.last_layers, " layers"));
    }
    if (training.epochs != plan_.training.epochs) {
      parts.push_back(absl::StrCat(training.epochs, " of ",
                                   plan_.training.epochs, " epochs"));
    }
    if (training.batch_size != plan_.training.batch_size) {
      parts.push_back(absl::StrCat("mini-batches of ", training.batch_size));
    }
    if (!given_up.empty()) {
      parts.push_back(absl::StrCat("to fit into memory ",
                                   absl::StrJoin(given_up, " and ")));
    }
    return absl::StrJoin(parts, ", ");
  }

  const MenuRequest& request_;
  const protocol::Plan& plan_;
  const learning::Model& model_;
  const MenuModel& option_;
  const size_t index_;
  const learning::AlgorithmTraits traits_;
};

// Of the plan as it was sent, on the whole model; at least 1.
double PlannedValues(const MenuRequest& request, const MenuModel& whole) {
  const auto memory = learning::PlanLocalUpdate(
      *whole.model, request.plan->training, request.num_examples, std::nullopt);
  const int64_t values = memory.ok() ? memory->num_trained_values() : 0;
  return static_cast<double>(std::max<int64_t>(values, 1));
}

}  // namespace

std::vector<MenuEntry> MakeMenu(const MenuRequest& request,
                                absl::Span<const MenuModel> models) {
  SHOAL_CHECK(request.plan != nullptr && request.num_examples >= 1);
  std::vector<MenuEntry> menu;
  if (models.empty()) return menu;
  const double planned_values = PlannedValues(request, models.front());
  for (size_t i = 0; i < models.size(); ++i) {
    Entries(request, models[i], i).AddTo(menu, planned_values);
  }
  return menu;
}

std::vector<PlanCost> CostsOf(absl::Span<const MenuEntry> menu) {
  std::vector<PlanCost> costs;
  costs.reserve(menu.size());
  for (const MenuEntry& entry : menu) costs.push_back(entry.cost);
  return costs;
}

}  // namespace shoal::client
