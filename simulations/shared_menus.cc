#include "simulations/shared_menus.h"

namespace shoal::simulations {
namespace {

// Whether the two lead to the same menus: how long an update may be and how
// long a transfer may rest matters to neither.
bool SameForMenus(const protocol::Plan& a, const protocol::Plan& b) {
  return a.model == b.model && a.training == b.training &&
         a.algorithm == b.algorithm && a.limits == b.limits &&
         a.max_examples == b.max_examples && a.codec == b.codec &&
         a.secure_aggregation == b.secure_aggregation &&
         a.uniform_weights == b.uniform_weights &&
         a.noisy_sums == b.noisy_sums && a.device_noise == b.device_noise;
}

}  // namespace

std::shared_ptr<const client::DeviceMenu> SharedMenus::MenuOf(
    const protocol::Assignment& assignment, const learning::Dataset& data,
    int64_t memory_bytes) {
  const int64_t model_bytes = assignment.model.num_bytes;
  const bool is_known = plan_.has_value() && model_bytes_ == model_bytes &&
                        SameForMenus(*plan_, assignment.plan);
  if (!is_known || static_cast<int64_t>(menus_.size()) >= kMaxMenus) {
    menus_.clear();
    plan_ = assignment.plan;
    model_bytes_ = model_bytes;
  }
  auto& menu = menus_[Device(data.num_examples(), data.num_features(),
                             data.num_classes(), data.labels_per_example(),
                             data.num_targets(), memory_bytes)];
  if (menu == nullptr) {
    menu = std::make_shared<const client::DeviceMenu>(client::MakeDeviceMenu(
        assignment, data, memory_bytes, /*fetched_bytes=*/model_bytes));
  }
  return menu;
}

}  // namespace shoal::simulations
