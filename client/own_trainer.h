// Sessions by a product's own trainer (shoal/trainer.h).
#ifndef SHOAL_CLIENT_OWN_TRAINER_H_
#define SHOAL_CLIENT_OWN_TRAINER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/device_plan.h"
#include "client/include/shoal/trainer.h"
#include "client/training_run.h"
#include "learning/local_update.h"
#include "learning/parameters.h"
#include "protocol/messages.h"

namespace shoal::client {

// Of a layout, all of them to be trained.
std::vector<ModelTensor> TensorsOf(const learning::ParameterLayout& layout);

// As MakeDeviceMenu: the plan's epochs and halves of them, as far as the
// trainer's own words say that there is room.
DeviceMenu MakeOwnMenu(const protocol::Assignment& assignment, Trainer& trainer,
                       int64_t memory_bytes, int64_t fetched_bytes);

// Begins the training of a menu's entry. `base`: of the whole model; it and the
// trainer must outlive the run. INVALID_ARGUMENT when the plan's algorithm does
// not go with its optimiser; errors of the trainer.
absl::StatusOr<std::unique_ptr<TrainingRun>> BeginOwnTraining(
    const protocol::Assignment& assignment, const MenuEntry& entry,
    uint64_t seed, absl::Span<const float> base, Trainer& trainer);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_OWN_TRAINER_H_
