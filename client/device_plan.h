// Whether this device can do what a plan asks for, told before anything is
// downloaded.
#ifndef SHOAL_CLIENT_DEVICE_PLAN_H_
#define SHOAL_CLIENT_DEVICE_PLAN_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/dataset.h"
#include "learning/model.h"
#include "protocol/messages.h"

namespace shoal::client {

// Why a device gives an assignment up.
struct Objection {
  absl::Status why;  // OK: there is none
  protocol::AbandonReason reason = protocol::AbandonReason::kTraining;
};

// The most memory that a session takes at one time, in bytes: parameters
// (the model, its trained copy, and the encoded update or the velocity), one
// mini-batch and its activations. Approximate: within the allocator's and the
// transport's overhead of what is measured.
int64_t PeakMemoryBytes(const learning::Model& model, int64_t batch_size);

// `memory_bytes`: what training may use on this device; 0: not limited.
Objection CheckPlan(const protocol::Assignment& assignment,
                    const learning::Model& model, const learning::Dataset& data,
                    int64_t memory_bytes);

// Names both layouts when a fetched model is not the one of the plan.
absl::Status CheckLayout(const learning::ParameterLayout& fetched,
                         const learning::Model& planned);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_DEVICE_PLAN_H_
