// Whether this device can do what a plan asks for, told before anything is
// downloaded.
#ifndef SHOAL_CLIENT_DEVICE_PLAN_H_
#define SHOAL_CLIENT_DEVICE_PLAN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/device_model.h"
#include "client/menu/plan_menu.h"
#include "learning/dataset.h"
#include "learning/model.h"
#include "learning/update_codec.h"
#include "protocol/messages.h"

namespace shoal::client {

// Why a device gives an assignment up.
struct Objection {
  absl::Status why;  // OK: there is none
  protocol::AbandonReason reason = protocol::AbandonReason::kTraining;
};

// The memory that a plan allows on a device that allows `memory_bytes`
// (0: any); absent: not limited.
std::optional<int64_t> MemoryLimit(const protocol::Plan& plan,
                                   int64_t memory_bytes);

// The ways in which a device can run a plan, or why there is none.
struct DeviceMenu {
  std::vector<std::shared_ptr<const DeviceModel>> models;
  std::vector<MenuEntry> entries;  // empty with an objection
  Objection objection;
  // What keeps the device from running the plan as it was sent, whatever it can
  // afford: the first entry is less work then.
  learning::WorkLimit limit = learning::WorkLimit::kNone;
};

// Who knows the menus of devices: a simulator makes one for all devices that
// are alike. Thread-compatible.
class MenuSource {
 public:
  virtual ~MenuSource() = default;
  // As MakeDeviceMenu, with all of the model to be fetched. Never null.
  virtual std::shared_ptr<const DeviceMenu> MenuOf(
      const protocol::Assignment& assignment, const learning::Dataset& data,
      int64_t memory_bytes) = 0;
};

// Whether the entry trains all of the model for all of the epochs.
bool IsWholeWork(const MenuEntry& entry, const protocol::Plan& plan);

// Of the whole model and of the plan's sub-models, those for which the device
// has room and whose update it may send. `memory_bytes`: what training may use
// on this device; 0: not limited. `fetched_bytes`: of the model, as far as it
// is not held yet.
DeviceMenu MakeDeviceMenu(const protocol::Assignment& assignment,
                          const learning::Dataset& data, int64_t memory_bytes,
                          int64_t fetched_bytes);

// What holds whoever trains: that the model to fetch is the plan's, and that
// its update may be sent.
Objection CheckPlanSizes(const protocol::Assignment& assignment,
                         const learning::Model& model);
// That the update can be masked, and that there is memory for it, where the
// plan asks for secure aggregation.
Objection CheckMasking(const protocol::Plan& plan, const learning::Model& model,
                       int64_t memory_bytes);
Objection CheckNumExamples(const protocol::Plan& plan, int64_t num_examples);

// That a fetched model has the control variates that its algorithm needs.
absl::Status CheckControl(const learning::ModelView& fetched,
                          const learning::LocalAlgorithm& algorithm);

// Names both layouts when a fetched model is not the one of the plan.
absl::Status CheckLayout(const learning::ParameterLayout& fetched,
                         const learning::Model& planned);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_DEVICE_PLAN_H_
