#include "learning/trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/executor.h"

namespace shoal::learning {
namespace {

// A good mix of all bits (the finaliser of SplitMix64: Steele et al. 2014).
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const Model& model, const LocalOptimizer& optimizer, MemoryPlan plan,
    absl::Span<std::byte> block, const Kernels& kernels) {
  SHOAL_RETURN_IF_ERROR(CheckBlock(plan, block));
  if (plan.parameters_buffer() < 0) {
    return absl::InvalidArgumentError("the plan is one for prediction");
  }
  const PlanOptions& options = plan.options();
  if (options.optimizer_vectors != optimizer.num_vectors() ||
      (optimizer.clip_norm > 0 && !options.whole_gradient)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the plan was made for another optimiser: it has ",
        options.optimizer_vectors, " vectors of state, the optimiser keeps ",
        optimizer.num_vectors(),
        optimizer.clip_norm > 0 ? " and clips the whole gradient" : ""));
  }
  auto trainer = absl::WrapUnique(
      new Trainer(model, optimizer, std::move(plan), block, kernels));
  trainer->ResetOptimizer();
  return trainer;
}

Trainer::Trainer(const Model& model, const LocalOptimizer& optimizer,
                 MemoryPlan plan, absl::Span<std::byte> block,
                 const Kernels& kernels)
    : model_(model),
      optimizer_(optimizer),
      plan_(std::move(plan)),
      kernels_(kernels),
      buffers_(BufferAddresses(plan_, block)),
      parameters_(buffers_[plan_.parameters_buffer()], model.num_values()) {
  if (plan_.has_gradient_buffer()) {
    gradient_ = {buffers_[plan_.gradient_buffer()],
                 static_cast<size_t>(plan_.num_trained_values())};
  }
}

absl::Span<float> Trainer::features() {
  return {buffers_[plan_.features_buffer()],
          static_cast<size_t>(plan_.rows() * model_.input().num_values())};
}

absl::Span<int32_t> Trainer::labels() {
  if (plan_.labels_buffer() < 0) return {};
  return {reinterpret_cast<int32_t*>(buffers_[plan_.labels_buffer()]),
          static_cast<size_t>(plan_.rows() * model_.labels_per_example())};
}

absl::Span<float> Trainer::targets() {
  if (plan_.targets_buffer() < 0) return {};
  return {buffers_[plan_.targets_buffer()],
          static_cast<size_t>(plan_.rows() * model_.targets_per_example())};
}

void Trainer::ResetOptimizer() {
  num_steps_ = 0;
  for (int i = 0; i < plan_.options().optimizer_vectors; ++i) {
    std::fill_n(buffers_[plan_.optimizer_buffer(i)], plan_.num_trained_values(),
                0.0f);
  }
}

Score Trainer::Step(const Batch& batch, const StepOptions& options) {
  const int64_t rows =
      static_cast<int64_t>(batch.features.size()) / model_.input().num_values();
  StartStep(rows, options);
  const Score score = AddPart(batch);
  FinishStep();
  return score;
}

void Trainer::StartStep(int64_t batch_rows, const StepOptions& options) {
  SHOAL_CHECK(batch_rows >= 1);
  SHOAL_CHECK(options.proximal_mu == 0 ||
              options.anchor.size() == parameters_.size());
  SHOAL_CHECK(options.correction.empty() ||
              (options.correction.size() == parameters_.size() &&
               plan_.has_gradient_buffer()));
  SHOAL_CHECK(options.distillation.weight == 0 || plan_.options().distillation);
  step_ = options;
  batch_rows_ = batch_rows;
  rows_before_ = 0;
  rows_ = 0;
  ++num_steps_;
}

Score Trainer::AddPart(const Batch& part) {
  rows_before_ += rows_;
  rows_ =
      static_cast<int64_t>(part.features.size()) / model_.input().num_values();
  SHOAL_CHECK(rows_ >= 1 && rows_ <= plan_.rows());
  SHOAL_CHECK(plan_.has_gradient_buffer() || rows_before_ == 0);
  SHOAL_CHECK(static_cast<int64_t>(part.labels.size()) ==
              rows_ * model_.labels_per_example());
  SHOAL_CHECK(static_cast<int64_t>(part.targets.size()) ==
              rows_ * model_.targets_per_example());
  features_ = part.features.data();
  Score score;
  for (const PlannedOp& op : plan_.ops()) score.Add(Run(op, part));
  return score;
}

Score Trainer::Run(const PlannedOp& op, const Batch& part) {
  switch (op.kind) {
    case PlannedOp::kForward:
      RunForward(op, {.model = &model_,
                      .kernels = &kernels_,
                      .plan = &plan_,
                      .buffers = buffers_.data(),
                      .features = features_,
                      .parameters = parameters_.data(),
                      .statistics = parameters_.data(),
                      .rows = rows_,
                      .seed = SeedOf(op.node),
                      .first_row = rows_before_});
      return {};
    case PlannedOp::kLoss:
      return RunLoss(op, part);
    case PlannedOp::kBackward:
      RunBackward(op);
      return {};
    case PlannedOp::kAccumulate:
    case PlannedOp::kCopy:
      break;
  }
  const Node& node = model_.nodes()[op.node];
  // An addition hands its output's gradient on, which has the same size.
  const int64_t size = rows_ * model_.value_sizes()[node.output];
  if (op.kind == PlannedOp::kCopy) {
    std::copy_n(buffers_[op.input], size, buffers_[op.output]);
  } else {
    kernels_.axpy(1, buffers_[op.input], size, buffers_[op.output]);
  }
  return {};
}

Score Trainer::RunLoss(const PlannedOp& op, const Batch& part) {
  LossPass pass;
  pass.kernels = &kernels_;
  pass.model = &model_;
  pass.rows = rows_;
  pass.batch = part;
  if (op.other_input >= 0) {
    pass.input = op.other_input == plan_.features_buffer()
                     ? features_
                     : buffers_[op.other_input];
  }
  pass.outputs = buffers_[op.input];
  return LossAndGradient(pass, step_.distillation, batch_rows_,
                         op.scratch < 0 ? nullptr : buffers_[op.scratch],
                         buffers_[op.output_gradient]);
}

void Trainer::RunBackward(const PlannedOp& op) {
  const Node& node = model_.nodes()[op.node];
  const auto at = [&](int index) {
    return index < 0 ? nullptr : buffers_[index];
  };
  BackwardPass pass;
  pass.kernels = &kernels_;
  pass.kind = plan_.pass_kind();
  pass.rows = rows_;
  pass.parameters = parameters_.data() + node.parameter_offset;
  pass.x = op.input == plan_.features_buffer() ? features_ : at(op.input);
  pass.y = at(op.output);
  pass.dy = at(op.output_gradient);
  pass.dx = at(op.input_gradient);
  pass.saved = at(op.saved);
  pass.scratch = at(op.scratch);
  pass.seed = SeedOf(op.node);
  pass.first_row = rows_before_;
  if (!plan_.trained()[op.node]) {
    node.layer->Backward(pass);
    return;
  }
  const GradientSink sink = SinkFor(op.node);
  pass.sink = &sink;
  node.layer->Backward(pass);
}

GradientSink Trainer::SinkFor(int node) const {
  if (plan_.has_gradient_buffer()) {
    return GradientSink::Buffer(
        kernels_,
        buffers_[plan_.gradient_buffer()] + plan_.trained_offsets()[node],
        /*add=*/rows_before_ > 0);
  }
  if (const auto* sgd = std::get_if<SgdOptimizer>(&optimizer_.rule)) {
    return GradientSink::Step(kernels_, SgdFor(*sgd, node));
  }
  const int scratch = plan_.sink_scratch_buffer();
  return GradientSink::Step(
      kernels_, AdamFor(std::get<AdamOptimizer>(optimizer_.rule), node),
      scratch < 0 ? nullptr : buffers_[scratch]);
}

FusedSgd Trainer::SgdFor(const SgdOptimizer& rule, int node) const {
  const int64_t offset = model_.nodes()[node].parameter_offset;
  FusedSgd sgd;
  sgd.learning_rate = step_.learning_rate;
  sgd.momentum = static_cast<float>(rule.momentum);
  sgd.nesterov = rule.nesterov;
  sgd.weight_decay = static_cast<float>(rule.weight_decay);
  sgd.proximal_mu = step_.proximal_mu;
  if (sgd.proximal_mu != 0) sgd.anchor = step_.anchor.data() + offset;
  if (sgd.momentum != 0) {
    sgd.velocity =
        buffers_[plan_.optimizer_buffer(0)] + plan_.trained_offsets()[node];
  }
  sgd.parameters = parameters_.data() + offset;
  return sgd;
}

FusedAdam Trainer::AdamFor(const AdamOptimizer& rule, int node) const {
  const int64_t offset = model_.nodes()[node].parameter_offset;
  const int64_t trained_offset = plan_.trained_offsets()[node];
  const double steps = static_cast<double>(num_steps_);
  const double root = std::sqrt(1 - std::pow(rule.beta2, steps));
  FusedAdam adam;
  adam.learning_rate = static_cast<float>(step_.learning_rate * root /
                                          (1 - std::pow(rule.beta1, steps)));
  adam.beta1 = static_cast<float>(rule.beta1);
  adam.beta2 = static_cast<float>(rule.beta2);
  adam.epsilon = static_cast<float>(rule.epsilon * root);
  if (rule.decoupled) {
    adam.decoupled_weight_decay =
        static_cast<float>(step_.learning_rate * rule.weight_decay);
  } else {
    adam.weight_decay = static_cast<float>(rule.weight_decay);
  }
  adam.proximal_mu = step_.proximal_mu;
  if (adam.proximal_mu != 0) adam.anchor = step_.anchor.data() + offset;
  adam.first_moment = buffers_[plan_.optimizer_buffer(0)] + trained_offset;
  adam.second_moment = buffers_[plan_.optimizer_buffer(1)] + trained_offset;
  adam.parameters = parameters_.data() + offset;
  return adam;
}

void Trainer::FinishStep() {
  SHOAL_CHECK(rows_ >= 1);
  if (!plan_.has_gradient_buffer()) return;
  if (!step_.correction.empty()) CorrectGradient();
  if (optimizer_.clip_norm > 0) ClipGradient();
  const int num_nodes = static_cast<int>(model_.nodes().size());
  for (int node = 0; node < num_nodes; ++node) {
    if (plan_.trained()[node]) StepNode(node);
  }
}

// Statistics lie between the trainable tensors of a layer; no gradient was ever
// written for them.
template <typename Visitor>
void Trainer::VisitGradient(const Visitor& visit) const {
  for (size_t i = 0; i < model_.nodes().size(); ++i) {
    if (!plan_.trained()[i]) continue;
    const Node& node = model_.nodes()[i];
    for (size_t t = 0; t < node.layer->tensors().size(); ++t) {
      if (!node.layer->tensors()[t].trainable) continue;
      const int64_t offset = node.layer->offset(static_cast<int>(t));
      const int64_t size = node.layer->tensor_size(static_cast<int>(t));
      visit(gradient_.data() + plan_.trained_offsets()[i] + offset, size,
            node.parameter_offset + offset);
    }
  }
}

void Trainer::CorrectGradient() {
  VisitGradient([&](float* values, int64_t size, int64_t place) {
    kernels_.axpy(1, step_.correction.data() + place, size, values);
  });
}

void Trainer::ClipGradient() {
  double squares = 0;
  VisitGradient([&](const float* values, int64_t size, int64_t) {
    squares += kernels_.squared_norm(values, size);
  });
  const double norm = std::sqrt(squares);
  if (!(norm > optimizer_.clip_norm)) return;
  const float factor = static_cast<float>(optimizer_.clip_norm / norm);
  VisitGradient([&](float* values, int64_t size, int64_t) {
    kernels_.scale(factor, size, values);
  });
}

void Trainer::CopyGradient(absl::Span<float> out) const {
  SHOAL_CHECK(plan_.has_gradient_buffer());
  SHOAL_CHECK(out.size() == parameters_.size());
  std::fill(out.begin(), out.end(), 0.0f);
  VisitGradient([&](const float* values, int64_t size, int64_t place) {
    std::copy_n(values, size, out.begin() + place);
  });
}

void Trainer::StepNode(int node) {
  const Layer& layer = *model_.nodes()[node].layer;
  const auto* sgd = std::get_if<SgdOptimizer>(&optimizer_.rule);
  const float* gradient = gradient_.data() + plan_.trained_offsets()[node];
  for (size_t t = 0; t < layer.tensors().size(); ++t) {
    const LayerTensor& tensor = layer.tensors()[t];
    if (!tensor.trainable) continue;
    const int64_t offset = layer.offset(static_cast<int>(t));
    const int64_t size = layer.tensor_size(static_cast<int>(t));
    if (sgd != nullptr) {
      kernels_.sgd_step(SgdFor(*sgd, node), offset, gradient + offset, size);
    } else {
      kernels_.adam_step(
          AdamFor(std::get<AdamOptimizer>(optimizer_.rule), node), offset,
          gradient + offset, size);
    }
  }
}

uint64_t Trainer::SeedOf(int node) const {
  return Mix(Mix(Mix(step_.seed) ^ static_cast<uint64_t>(num_steps_)) ^
             static_cast<uint64_t>(node));
}

}  // namespace shoal::learning
