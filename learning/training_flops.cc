#include "learning/training_flops.h"

namespace shoal::learning {
namespace {

constexpr double kFlopsPerMac = 2;

// Products of the size of a forward pass that an operation takes.
int NumProducts(const PlannedOp& op, const MemoryPlan& plan) {
  if (op.kind == PlannedOp::kForward) return 1;
  if (op.kind != PlannedOp::kBackward) return 0;
  const int for_weights = plan.trained()[op.node] ? 1 : 0;
  const int for_input = op.input_gradient >= 0 ? 1 : 0;
  return for_weights + for_input;
}

}  // namespace

double FlopsPerExample(const Model& model, const MemoryPlan& plan) {
  double macs = 0;
  for (const PlannedOp& op : plan.ops()) {
    if (op.node < 0 || model.nodes()[op.node].layer == nullptr) continue;
    macs += NumProducts(op, plan) *
            static_cast<double>(model.nodes()[op.node].layer->forward_macs());
  }
  return kFlopsPerMac * macs;
}

}  // namespace shoal::learning
