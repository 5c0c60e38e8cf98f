#include "learning/mlp.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "learning/dense.h"
#include "learning/softmax.h"

namespace shoal::learning {
namespace {

ParameterLayout MakeLayout(const std::vector<int>& widths) {
  std::vector<TensorShape> tensors;
  for (size_t i = 1; i < widths.size(); ++i) {
    const std::string name = absl::StrCat("dense", i);
    tensors.push_back(
        {absl::StrCat(name, ".weight"), {widths[i - 1], widths[i]}});
    tensors.push_back({absl::StrCat(name, ".bias"), {widths[i]}});
  }
  return ParameterLayout(std::move(tensors));
}

class Mlp final : public Model {
 public:
  Mlp(const ModelSpec& spec, const std::vector<int>& widths)
      : spec_(spec), layout_(MakeLayout(widths)) {
    for (size_t i = 1; i < widths.size(); ++i) {
      const int tensor = static_cast<int>(2 * (i - 1));
      layers_.push_back({.inputs = widths[i - 1],
                         .outputs = widths[i],
                         .weight_offset = layout_.offset(tensor),
                         .bias_offset = layout_.offset(tensor + 1)});
    }
    activations_.resize(layers_.size());
  }

  const ModelSpec& spec() const override { return spec_; }
  const ParameterLayout& layout() const override { return layout_; }

  ParameterVector Initialise(SeededRng& rng) const override;
  Score LossAndGradient(absl::Span<const float> parameters, const Batch& batch,
                        absl::Span<float> gradient) override;
  Score Train(absl::Span<float> parameters, const Batch& batch,
              const SgdStep& step) override;
  Score Evaluate(absl::Span<const float> parameters,
                 const Batch& batch) override;
  void Predict(absl::Span<const float> parameters,
               absl::Span<const float> features,
               absl::Span<float> probabilities) override;

 private:
  // CHECK-fails unless the batch and the parameters have the model's sizes;
  // returns the number of rows.
  int64_t CheckSizes(absl::Span<const float> parameters,
                     const Batch& batch) const;
  // Leaves every layer's output in activations_, the last without ReLU.
  void Forward(const float* parameters, const float* features, int64_t rows);
  // Forward, then replaces the last activations by the derivative of the mean
  // loss with respect to them.
  Score ForwardAndLossGradient(const float* parameters, const Batch& batch);
  // Calls visit(layer, x, dy) from the last layer to the first, each after the
  // gradient for the layer below was computed: `visit` may change parameters.
  template <typename Visit>
  void Backward(const float* parameters, const Batch& batch,
                const Visit& visit);
  void ReserveBackward(int64_t rows);

  const ModelSpec spec_;
  const ParameterLayout layout_;
  std::vector<DenseShape> layers_;

  // Scratch; grows to the largest batch seen.
  std::vector<std::vector<float>> activations_;  // per layer [rows, outputs]
  std::vector<float> gradient_;                  // [rows, widest hidden layer]
  std::vector<float> next_gradient_;
  std::vector<float> transposed_;  // of DenseInputGradient
  std::vector<float> bias_gradient_;
};

void Grow(std::vector<float>& values, int64_t size) {
  if (static_cast<int64_t>(values.size()) < size) values.resize(size);
}

ParameterVector Mlp::Initialise(SeededRng& rng) const {
  ParameterVector parameters(layout_.num_parameters(), 0.0f);
  if (std::holds_alternative<LogisticSpec>(spec_.architecture)) {
    return parameters;
  }
  for (const DenseShape& layer : layers_) {
    const double limit = std::sqrt(6.0 / (layer.inputs + layer.outputs));
    float* weights = parameters.data() + layer.weight_offset;
    for (int64_t i = 0; i < layer.inputs * layer.outputs; ++i) {
      weights[i] = static_cast<float>(limit * (2 * rng.Uniform() - 1));
    }
  }
  return parameters;
}

int64_t Mlp::CheckSizes(absl::Span<const float> parameters,
                        const Batch& batch) const {
  const size_t rows = batch.labels.size();
  SHOAL_CHECK(static_cast<int64_t>(parameters.size()) ==
              layout_.num_parameters());
  SHOAL_CHECK(batch.features.size() == rows * layers_.front().inputs);
  for (int32_t label : batch.labels) {
    SHOAL_CHECK(label >= 0 && label < layers_.back().outputs);
  }
  return rows;
}

void Mlp::Forward(const float* parameters, const float* features,
                  int64_t rows) {
  const float* x = features;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const bool relu = i + 1 < layers_.size();
    Grow(activations_[i], rows * layers_[i].outputs);
    DenseForward(layers_[i], parameters, x, rows, relu, activations_[i].data());
    x = activations_[i].data();
  }
}

Score Mlp::ForwardAndLossGradient(const float* parameters, const Batch& batch) {
  const int64_t rows = batch.labels.size();
  const int64_t classes = layers_.back().outputs;
  Forward(parameters, batch.features.data(), rows);
  float* output = activations_.back().data();
  const Score score = SoftmaxCrossEntropy(batch.labels, classes, output);
  for (int64_t r = 0; r < rows; ++r) output[r * classes + batch.labels[r]] -= 1;
  const float scale = 1.0f / static_cast<float>(rows);
  for (int64_t i = 0; i < rows * classes; ++i) output[i] *= scale;
  return score;
}

void Mlp::ReserveBackward(int64_t rows) {
  const int64_t padded = PaddedRows(rows);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const DenseShape& layer = layers_[i];
    Grow(bias_gradient_, layer.outputs);
    if (i == 0) continue;
    Grow(gradient_, rows * layer.inputs);
    Grow(next_gradient_, rows * layer.inputs);
    Grow(transposed_, (layer.inputs + layer.outputs) * padded);
  }
}

template <typename Visit>
void Mlp::Backward(const float* parameters, const Batch& batch,
                   const Visit& visit) {
  const int64_t rows = batch.labels.size();
  ReserveBackward(rows);
  const float* dy = activations_.back().data();
  for (size_t i = layers_.size(); i-- > 1;) {
    const float* x = activations_[i - 1].data();
    DenseInputGradient(layers_[i], parameters, x, dy, rows, transposed_.data(),
                       next_gradient_.data());
    visit(layers_[i], x, dy);
    std::swap(gradient_, next_gradient_);
    dy = gradient_.data();
  }
  visit(layers_.front(), batch.features.data(), dy);
}

Score Mlp::LossAndGradient(absl::Span<const float> parameters,
                           const Batch& batch, absl::Span<float> gradient) {
  const int64_t rows = CheckSizes(parameters, batch);
  SHOAL_CHECK(gradient.size() == parameters.size());
  const Score score = ForwardAndLossGradient(parameters.data(), batch);
  Backward(parameters.data(), batch,
           [&](const DenseShape& layer, const float* x, const float* dy) {
             DenseGradient(layer, x, dy, rows, gradient.data());
           });
  return score;
}

Score Mlp::Train(absl::Span<float> parameters, const Batch& batch,
                 const SgdStep& step) {
  const int64_t rows = CheckSizes(parameters, batch);
  SHOAL_CHECK(step.proximal_mu == 0 || step.anchor.size() == parameters.size());
  SHOAL_CHECK(step.momentum == 0 || step.velocity.size() == parameters.size());
  const Score score = ForwardAndLossGradient(parameters.data(), batch);
  Backward(parameters.data(), batch,
           [&](const DenseShape& layer, const float* x, const float* dy) {
             DenseStep(layer, x, dy, rows, step, bias_gradient_.data(),
                       parameters.data());
           });
  return score;
}

Score Mlp::Evaluate(absl::Span<const float> parameters, const Batch& batch) {
  const int64_t rows = CheckSizes(parameters, batch);
  Forward(parameters.data(), batch.features.data(), rows);
  return SoftmaxCrossEntropy(batch.labels, layers_.back().outputs,
                             activations_.back().data());
}

void Mlp::Predict(absl::Span<const float> parameters,
                  absl::Span<const float> features,
                  absl::Span<float> probabilities) {
  const int64_t inputs = layers_.front().inputs;
  const int64_t outputs = layers_.back().outputs;
  const int64_t rows = features.size() / inputs;
  SHOAL_CHECK(static_cast<int64_t>(parameters.size()) ==
              layout_.num_parameters());
  SHOAL_CHECK(static_cast<int64_t>(features.size()) == rows * inputs);
  SHOAL_CHECK(static_cast<int64_t>(probabilities.size()) == rows * outputs);
  Forward(parameters.data(), features.data(), rows);
  Softmax(rows, outputs, activations_.back().data());
  std::copy_n(activations_.back().data(), rows * outputs,
              probabilities.begin());
}

}  // namespace

std::unique_ptr<Model> MakeMlp(const ModelSpec& spec, std::vector<int> widths) {
  return std::make_unique<Mlp>(spec, widths);
}

}  // namespace shoal::learning
