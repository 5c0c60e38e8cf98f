#include "learning/predictor.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/executor.h"
#include "learning/loss.h"

namespace shoal::learning {

absl::StatusOr<std::unique_ptr<Predictor>> Predictor::Create(
    const Model& model, MemoryPlan plan, absl::Span<std::byte> block,
    const Kernels& kernels) {
  SHOAL_RETURN_IF_ERROR(model.CheckComputable());
  SHOAL_RETURN_IF_ERROR(CheckBlock(plan, block));
  if (plan.output_buffer() < 0) {
    return absl::InvalidArgumentError("the plan is one for training");
  }
  return absl::WrapUnique(
      new Predictor(model, std::move(plan), block, kernels));
}

Predictor::Predictor(const Model& model, MemoryPlan plan,
                     absl::Span<std::byte> block, const Kernels& kernels)
    : model_(model),
      plan_(std::move(plan)),
      kernels_(kernels),
      buffers_(BufferAddresses(plan_, block)) {}

absl::Span<float> Predictor::features() {
  return {buffers_[plan_.features_buffer()],
          static_cast<size_t>(plan_.rows() * model_.input().num_values())};
}

absl::Span<int32_t> Predictor::labels() {
  if (plan_.labels_buffer() < 0) return {};
  return {reinterpret_cast<int32_t*>(buffers_[plan_.labels_buffer()]),
          static_cast<size_t>(plan_.rows() * model_.labels_per_example())};
}

absl::Span<float> Predictor::targets() {
  if (plan_.targets_buffer() < 0) return {};
  return {buffers_[plan_.targets_buffer()],
          static_cast<size_t>(plan_.rows() * model_.targets_per_example())};
}

int64_t Predictor::Forward(absl::Span<const float> parameters,
                           absl::Span<const float> features) {
  const int64_t rows =
      static_cast<int64_t>(features.size()) / model_.input().num_values();
  SHOAL_CHECK(static_cast<int64_t>(parameters.size()) == model_.num_values());
  SHOAL_CHECK(rows >= 1 && rows <= plan_.rows());
  const ForwardStep step = {.model = &model_,
                            .kernels = &kernels_,
                            .plan = &plan_,
                            .buffers = buffers_.data(),
                            .features = features.data(),
                            .parameters = parameters.data(),
                            .rows = rows};
  for (const PlannedOp& op : plan_.ops()) RunForward(op, step);
  return rows;
}

absl::Span<const float> Predictor::Predict(absl::Span<const float> parameters,
                                           absl::Span<const float> features) {
  const int64_t rows = Forward(parameters, features);
  float* outputs = buffers_[plan_.output_buffer()];
  OutputsToPredictions(kernels_, model_, rows, outputs);
  return {outputs, static_cast<size_t>(rows * model_.output().num_values())};
}

Score Predictor::Evaluate(absl::Span<const float> parameters,
                          const Batch& batch) {
  LossPass pass;
  pass.kernels = &kernels_;
  pass.model = &model_;
  pass.rows = Forward(parameters, batch.features);
  pass.batch = batch;
  const int target = plan_.target_input_buffer();
  if (target >= 0) {
    pass.input = target == plan_.features_buffer() ? batch.features.data()
                                                   : buffers_[target];
  }
  float* outputs = buffers_[plan_.output_buffer()];
  pass.outputs = outputs;
  return ScoreOutputs(pass, outputs);
}

OwnedPredictor::OwnedPredictor(const Model& model, int64_t rows)
    : OwnedPredictor(model, MemoryPlan::ForPrediction(model, rows)) {}

OwnedPredictor::OwnedPredictor(const Model& model, MemoryPlan plan)
    : block_(plan.bytes()) {
  auto predictor = Predictor::Create(model, std::move(plan), block_.bytes());
  SHOAL_CHECK(predictor.ok());
  predictor_ = *std::move(predictor);
}

}  // namespace shoal::learning
