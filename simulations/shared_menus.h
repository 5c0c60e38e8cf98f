// What devices may train: those that are alike have one menu.
#ifndef SHOAL_SIMULATIONS_SHARED_MENUS_H_
#define SHOAL_SIMULATIONS_SHARED_MENUS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "client/device_plan.h"
#include "protocol/messages.h"

namespace shoal::simulations {

// One thread.
class SharedMenus final : public client::MenuSource {
 public:
  // Menus of one plan; those of another one take their place, and so do new
  // ones when there are kMaxMenus.
  std::shared_ptr<const client::DeviceMenu> MenuOf(
      const protocol::Assignment& assignment, const learning::Dataset& data,
      int64_t memory_bytes) override;

  static constexpr int64_t kMaxMenus = 4096;

 private:
  // Examples, their features, classes, labels and targets; memory.
  using Device = std::tuple<int64_t, int, int, int, int, int64_t>;

  std::optional<protocol::Plan> plan_;
  int64_t model_bytes_ = 0;
  absl::flat_hash_map<Device, std::shared_ptr<const client::DeviceMenu>> menus_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_SHARED_MENUS_H_
