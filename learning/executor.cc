#include "learning/executor.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace shoal::learning {

absl::Status CheckBlock(const MemoryPlan& plan,
                        absl::Span<const std::byte> block) {
  if (static_cast<int64_t>(block.size()) < plan.bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the block has ", block.size(), " bytes, the plan needs ",
                     plan.bytes()));
  }
  if (reinterpret_cast<uintptr_t>(block.data()) % kBlockAlignment != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the block is not aligned to ", kBlockAlignment, " bytes"));
  }
  return absl::OkStatus();
}

std::vector<float*> BufferAddresses(const MemoryPlan& plan,
                                    absl::Span<std::byte> block) {
  std::vector<float*> addresses;
  addresses.reserve(plan.buffers().size());
  for (const PlannedBuffer& buffer : plan.buffers()) {
    addresses.push_back(reinterpret_cast<float*>(block.data() + buffer.offset));
  }
  return addresses;
}

void RunForward(const PlannedOp& op, const ForwardStep& step) {
  const Node& node = step.model->nodes()[op.node];
  const auto at = [&](int index) -> float* {
    return index < 0 ? nullptr : step.buffers[index];
  };
  const float* x =
      op.input == step.plan->features_buffer() ? step.features : at(op.input);
  float* y = at(op.output);
  if (node.layer == nullptr) {
    const float* other = op.other_input == step.plan->features_buffer()
                             ? step.features
                             : at(op.other_input);
    const int64_t size = step.rows * step.model->value_sizes()[node.output];
    if (y != x) std::copy_n(x, size, y);
    step.kernels->axpy(1, other, size, y);
    return;
  }
  ForwardPass pass;
  pass.kernels = step.kernels;
  pass.kind = step.plan->pass_kind();
  pass.rows = step.rows;
  pass.parameters = step.parameters + node.parameter_offset;
  if (step.statistics != nullptr && !op.repeated) {
    pass.statistics = step.statistics + node.parameter_offset;
  }
  pass.x = x;
  pass.y = y;
  pass.saved = at(op.saved);
  pass.scratch = at(op.scratch);
  pass.seed = step.seed;
  pass.first_row = step.first_row;
  node.layer->Forward(pass);
}

}  // namespace shoal::learning
