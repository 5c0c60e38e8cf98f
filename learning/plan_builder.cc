#include "learning/plan_builder.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "learning/block_layout.h"

namespace shoal::learning {
namespace {

constexpr int64_t kFloat = sizeof(float);

}  // namespace

PlanBuilder::PlanBuilder(const Model& model, const PlanOptions& options,
                         bool training, int64_t rows)
    : model_(model), nodes_(model.nodes()), rows_(rows) {
  plan_.options = options;
  plan_.training = training;
  plan_.rows = rows;
  plan_.trained.assign(nodes_.size(), false);
  plan_.trained_offsets.assign(nodes_.size(), 0);
  const size_t num_values = model.value_sizes().size();
  producer_.assign(num_values, -1);
  num_consumers_.assign(num_values, 0);
  needs_gradient_.assign(num_values, false);
  value_buffer_.assign(num_values, -1);
  gradient_of_.assign(num_values, -1);
  saved_buffer_.assign(nodes_.size(), -1);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    producer_[nodes_[i].output] = static_cast<int>(i);
    ++num_consumers_[nodes_[i].input];
    if (nodes_[i].other_input >= 0) ++num_consumers_[nodes_[i].other_input];
  }
}

LayerMemory PlanBuilder::MemoryOf(const Node& node) const {
  if (node.layer == nullptr) return {.in_place = true};
  return node.layer->Memory(plan_.pass_kind(), rows_);
}

int PlanBuilder::NewBuffer(absl::string_view node, absl::string_view what,
                           int64_t num_bytes) {
  PlannedBuffer buffer;
  buffer.name =
      node.empty() ? std::string(what) : absl::StrCat(node, ".", what);
  buffer.bytes =
      (num_bytes + kBlockAlignment - 1) / kBlockAlignment * kBlockAlignment;
  buffer.first = std::numeric_limits<int>::max();
  buffer.last = -1;
  plan_.buffers.push_back(std::move(buffer));
  return static_cast<int>(plan_.buffers.size()) - 1;
}

int PlanBuilder::NewFloats(absl::string_view node, absl::string_view what,
                           int64_t num_floats) {
  return num_floats == 0 ? -1 : NewBuffer(node, what, num_floats * kFloat);
}

void PlanBuilder::Push(PlannedOp op) {
  const int now = static_cast<int>(plan_.ops.size());
  for (int index : {op.input, op.other_input, op.output, op.output_gradient,
                    op.input_gradient, op.saved, op.scratch}) {
    if (index < 0) continue;
    PlannedBuffer& buffer = plan_.buffers[index];
    buffer.first = std::min(buffer.first, now);
    buffer.last = std::max(buffer.last, now);
  }
  plan_.ops.push_back(op);
}

void PlanBuilder::ChooseTrainedLayers() {
  int left = plan_.options.last_layers > 0 ? plan_.options.last_layers
                                           : std::numeric_limits<int>::max();
  for (size_t i = nodes_.size(); i-- > 0 && left > 0;) {
    if (!nodes_[i].trainable()) continue;
    plan_.trained[i] = true;
    --left;
  }
  for (size_t i = 0; i < nodes_.size(); ++i) {
    plan_.trained_offsets[i] = plan_.num_trained_values;
    if (!plan_.trained[i]) continue;
    plan_.num_trained_values += nodes_[i].layer->num_parameters();
  }
}

void PlanBuilder::FindGradients() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    needs_gradient_[node.output] =
        plan_.trained[i] || needs_gradient_[node.input] ||
        (node.other_input >= 0 && needs_gradient_[node.other_input]);
  }
}

// Segments end where a single value passes, and hold about equal amounts of
// values.
void PlanBuilder::CutSegments(int num_segments) {
  const int num_nodes = static_cast<int>(nodes_.size());
  std::vector<int> last_use(model_.value_sizes().size(), -1);
  for (int i = 0; i < num_nodes; ++i) {
    last_use[nodes_[i].input] = i;
    if (nodes_[i].other_input >= 0) last_use[nodes_[i].other_input] = i;
  }
  int64_t total = 0;
  for (const Node& node : nodes_) total += model_.value_sizes()[node.output];
  segment_begin_ = {0};
  int64_t seen = 0;
  int furthest_use = -1;  // of the values before the one just made
  for (int i = 0; i + 1 < num_nodes; ++i) {
    const int output = nodes_[i].output;
    seen += model_.value_sizes()[output];
    const bool alone = furthest_use <= i;
    furthest_use = std::max(furthest_use, last_use[output]);
    const int64_t share = static_cast<int64_t>(segment_begin_.size());
    if (alone && seen * num_segments >= total * share && share < num_segments) {
      segment_begin_.push_back(i + 1);
    }
  }
  segment_begin_.push_back(num_nodes);
}

// Whether a node may write its output over its input: nobody else reads that.
void PlanBuilder::FindInPlace() {
  in_place_.assign(nodes_.size(), false);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const LayerMemory memory = MemoryOf(node);
    const int producer = producer_[node.input];
    if (!memory.in_place || producer < 0) continue;
    if (num_consumers_[node.input] != 1) continue;
    if (model_.target() == Target::kInput &&
        node.input == model_.target_value()) {
      continue;
    }
    const bool boundary =
        std::find(segment_begin_.begin(), segment_begin_.end(),
                  static_cast<int>(i)) != segment_begin_.end() ||
        std::find(segment_begin_.begin(), segment_begin_.end(), producer + 1) !=
            segment_begin_.end();
    if (plan_.training && (boundary || memory.backward_reads_input ||
                           MemoryOf(nodes_[producer]).backward_reads_output)) {
      continue;
    }
    in_place_[i] = true;
  }
}

void PlanBuilder::AddBatchBuffers() {
  plan_.features_buffer =
      NewFloats("batch", "features", rows_ * model_.value_sizes()[0]);
  value_buffer_[0] = plan_.features_buffer;
  plan_.labels_buffer =
      NewFloats("batch", "labels", rows_ * model_.labels_per_example());
  plan_.targets_buffer =
      NewFloats("batch", "targets", rows_ * model_.targets_per_example());
}

void PlanBuilder::AddTrainingBuffers() {
  const PlanOptions& options = plan_.options;
  plan_.parameters_buffer = NewFloats("", "parameters", model_.num_values());
  for (int i = 0; i < options.optimizer_vectors; ++i) {
    plan_.optimizer_buffers.push_back(NewFloats(
        "optimizer", i == 0 ? "first" : "second", plan_.num_trained_values));
  }
  const bool buffered =
      !options.fused || options.whole_gradient || rows_ < options.batch_rows;
  if (buffered) {
    plan_.gradient_buffer = NewFloats("", "gradient", plan_.num_trained_values);
  } else if (options.optimizer_vectors == 2) {
    int64_t scratch = 0;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!plan_.trained[i]) continue;
      scratch = std::max(scratch, nodes_[i].layer->sink_scratch());
    }
    plan_.sink_scratch_buffer = NewFloats("optimizer", "scratch", scratch);
  }
}

void PlanBuilder::ForwardNode(int index, bool repeated) {
  const Node& node = nodes_[index];
  const LayerMemory memory = MemoryOf(node);
  PlannedOp op = {.kind = PlannedOp::kForward,
                  .node = index,
                  .repeated = repeated,
                  .input = value_buffer_[node.input]};
  if (node.other_input >= 0) op.other_input = value_buffer_[node.other_input];
  const bool boundary =
      repeated && std::find(segment_begin_.begin(), segment_begin_.end(),
                            index + 1) != segment_begin_.end();
  if (boundary) {
    // Kept from the first time.
    if (memory.saved == 0) return;
    op.output = value_buffer_[node.output];
  } else {
    op.output = in_place_[index]
                    ? op.input
                    : NewFloats(node.name, "output",
                                rows_ * model_.value_sizes()[node.output]);
  }
  if (plan_.training) op.saved = NewFloats(node.name, "saved", memory.saved);
  op.scratch = NewFloats(node.name, "scratch", memory.forward_scratch);
  value_buffer_[node.output] = op.output;
  saved_buffer_[index] = op.saved;
  Push(op);
}

void PlanBuilder::ForwardSegment(size_t segment, bool repeated) {
  for (int i = segment_begin_[segment]; i < segment_begin_[segment + 1]; ++i) {
    ForwardNode(i, repeated);
  }
}

void PlanBuilder::ComputeLoss() {
  const int output = nodes_.back().output;
  PlannedOp op = {.kind = PlannedOp::kLoss, .input = value_buffer_[output]};
  if (model_.target() == Target::kInput) {
    op.other_input = value_buffer_[model_.target_value()];
  }
  const bool separate = MemoryOf(nodes_.back()).backward_reads_output;
  op.output_gradient =
      separate
          ? NewFloats("loss", "gradient", rows_ * model_.value_sizes()[output])
          : op.input;
  gradient_of_[output] = op.output_gradient;
  if (plan_.options.distillation) {
    op.scratch =
        NewFloats("loss", "scratch", rows_ * model_.value_sizes()[output]);
  }
  Push(op);
}

// Adds the gradient in `from_buffer` to what `value` has; the first one becomes
// its gradient without being copied.
void PlanBuilder::ReceiveGradient(int value, int from_buffer) {
  if (gradient_of_[value] < 0) {
    gradient_of_[value] = from_buffer;
    return;
  }
  Push({.kind = PlannedOp::kAccumulate,
        .node = producer_[value],
        .input = from_buffer,
        .output = gradient_of_[value]});
}

void PlanBuilder::BackwardAdd(int index) {
  const Node& node = nodes_[index];
  const int gradient = gradient_of_[node.output];
  const bool wants_input = needs_gradient_[node.input];
  const bool wants_other = needs_gradient_[node.other_input];
  if (wants_input && wants_other && gradient_of_[node.input] < 0 &&
      gradient_of_[node.other_input] < 0) {
    // Both would own the same buffer: one gets a copy.
    const int copy = NewFloats(node.name, "gradient",
                               rows_ * model_.value_sizes()[node.other_input]);
    Push({.kind = PlannedOp::kCopy,
          .node = index,
          .input = gradient,
          .output = copy});
    gradient_of_[node.other_input] = copy;
    gradient_of_[node.input] = gradient;
    return;
  }
  // Accumulate before the buffer is handed on to a new owner.
  if (wants_other && gradient_of_[node.other_input] >= 0) {
    ReceiveGradient(node.other_input, gradient);
    if (wants_input) ReceiveGradient(node.input, gradient);
    return;
  }
  if (wants_input) ReceiveGradient(node.input, gradient);
  if (wants_other) ReceiveGradient(node.other_input, gradient);
}

void PlanBuilder::BackwardNode(int index) {
  const Node& node = nodes_[index];
  if (!needs_gradient_[node.output]) return;
  if (node.layer == nullptr) {
    BackwardAdd(index);
    return;
  }
  const LayerMemory memory = MemoryOf(node);
  PlannedOp op = {.kind = PlannedOp::kBackward,
                  .node = index,
                  .output_gradient = gradient_of_[node.output],
                  .saved = saved_buffer_[index]};
  if (memory.backward_reads_input) op.input = value_buffer_[node.input];
  if (memory.backward_reads_output) op.output = value_buffer_[node.output];
  op.scratch =
      NewFloats(node.name, "backward_scratch", memory.backward_scratch);
  const bool wants_input = needs_gradient_[node.input];
  if (wants_input) {
    const int64_t size = model_.value_sizes()[node.input];
    const bool reuse =
        memory.backward_in_place && size == model_.value_sizes()[node.output];
    op.input_gradient =
        reuse ? op.output_gradient
              : NewFloats(node.name, "input_gradient", rows_ * size);
  }
  Push(op);
  if (wants_input) ReceiveGradient(node.input, op.input_gradient);
}

void PlanBuilder::BackwardSegment(size_t segment) {
  const int begin = segment_begin_[segment];
  const int end = segment_begin_[segment + 1];
  if (!needs_gradient_[nodes_[end - 1].output]) return;
  const bool is_last = segment + 2 == segment_begin_.size();
  if (!is_last) ForwardSegment(segment, /*repeated=*/true);
  for (int i = end; i-- > begin;) BackwardNode(i);
}

MemoryPlan PlanBuilder::Finish() {
  const int last_op = static_cast<int>(plan_.ops.size()) - 1;
  const auto whole_step = [&](int index) {
    if (index < 0) return;
    plan_.buffers[index].first = 0;
    plan_.buffers[index].last = last_op;
  };
  whole_step(plan_.parameters_buffer);
  whole_step(plan_.gradient_buffer);
  whole_step(plan_.sink_scratch_buffer);
  for (int index : plan_.optimizer_buffers) whole_step(index);
  // Filled by the caller, before anything else; read until the loss is known,
  // which prediction leaves to its caller.
  int loss = last_op;
  for (int i = 0; i <= last_op; ++i) {
    if (plan_.ops[i].kind == PlannedOp::kLoss) loss = i;
  }
  plan_.buffers[plan_.features_buffer].first = 0;
  for (int index : {plan_.labels_buffer, plan_.targets_buffer}) {
    if (index < 0) continue;
    plan_.buffers[index].first = 0;
    plan_.buffers[index].last = loss;
  }
  if (!plan_.training) {
    // Read by whoever asked.
    plan_.output_buffer = value_buffer_[nodes_.back().output];
    plan_.buffers[plan_.output_buffer].last = last_op;
    if (model_.target() == Target::kInput) {
      plan_.target_input_buffer = value_buffer_[model_.target_value()];
      plan_.buffers[plan_.target_input_buffer].last = last_op;
    }
  }
  plan_.bytes = PlaceBuffers(plan_.buffers);
  return MemoryPlan(std::move(plan_));
}

MemoryPlan PlanBuilder::Training(const Model& model, const PlanOptions& options,
                                 int num_segments) {
  const int64_t rows = options.micro_rows > 0
                           ? std::min(options.micro_rows, options.batch_rows)
                           : options.batch_rows;
  PlanBuilder builder(model, options, /*training=*/true, rows);
  builder.ChooseTrainedLayers();
  builder.FindGradients();
  builder.CutSegments(num_segments);
  builder.FindInPlace();
  builder.AddBatchBuffers();
  builder.AddTrainingBuffers();
  const size_t segments = builder.segment_begin_.size() - 1;
  for (size_t s = 0; s < segments; ++s) builder.ForwardSegment(s, false);
  builder.ComputeLoss();
  for (size_t s = segments; s-- > 0;) builder.BackwardSegment(s);
  return builder.Finish();
}

MemoryPlan PlanBuilder::Prediction(const Model& model, int64_t rows) {
  PlanBuilder builder(model, {.batch_rows = rows}, /*training=*/false, rows);
  builder.CutSegments(1);
  builder.FindInPlace();
  builder.AddBatchBuffers();
  builder.ForwardSegment(0, false);
  return builder.Finish();
}

void PlanBuilder::SetGivenUp(std::vector<std::string> sentences,
                             MemoryPlan& plan) {
  MemoryPlan::Body body = *plan.body_;
  body.given_up = std::move(sentences);
  plan = MemoryPlan(std::move(body));
}

}  // namespace shoal::learning
