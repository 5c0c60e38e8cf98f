#include "learning/layers/batch_norm.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/layers/normalisation.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

enum Tensor { kScale, kShift, kMean, kVariance };

// value += momentum * (target * factor - value).
void MoveTowards(int64_t size, float momentum, float factor,
                 const float* __restrict target, float* __restrict values) {
  for (int64_t i = 0; i < size; ++i) {
    values[i] += momentum * (target[i] * factor - values[i]);
  }
}

std::vector<LayerTensor> Tensors(int64_t channels, bool frozen) {
  const auto tensor = [&](const char* name, bool trainable) {
    return LayerTensor{
        .name = name, .dims = {channels}, .trainable = trainable};
  };
  return {tensor("scale", !frozen), tensor("shift", !frozen),
          tensor("mean", false), tensor("variance", false)};
}

// Normalises by the stored statistics: a frozen layer, and any in prediction.
class StoredNorm : public Layer {
 public:
  StoredNorm(const Shape& input, const BatchNormSpec& spec, bool frozen)
      : Layer(input, input, Tensors(input.channels(), frozen)),
        channels_(input.channels()),
        epsilon_(spec.epsilon) {}

  int64_t forward_macs() const override { return input().num_values(); }

  LayerMemory Memory(PassKind kind, int64_t) const override {
    return {.forward_scratch = channels_,
            .backward_scratch = kind == PassKind::kPredict ? 0 : channels_,
            .in_place = true,
            .backward_in_place = true};
  }

  void Initialise(SeededRng&, absl::Span<float> parameters) const override {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
    for (int tensor : {kScale, kVariance}) {
      std::fill_n(parameters.begin() + offset(tensor), channels_, 1.0f);
    }
  }

  void Forward(const ForwardPass& pass) const override {
    const NormalisedBlock block = Block(pass.rows);
    LoadInverse(block, pass.parameters, pass.scratch);
    NormaliseBlock(block, pass.x, pass.parameters + offset(kMean), pass.scratch,
                   pass.parameters + offset(kScale),
                   pass.parameters + offset(kShift), pass.y);
  }

  // The statistics are constants: the gradient is scaled, and that is all.
  void Backward(const BackwardPass& pass) const override {
    SHOAL_CHECK(pass.sink == nullptr);
    if (pass.dx == nullptr) return;
    const NormalisedBlock block = Block(pass.rows);
    float* const factors = pass.scratch;
    LoadInverse(block, pass.parameters, factors);
    const float* const scale = pass.parameters + offset(kScale);
    for (int64_t c = 0; c < channels_; ++c) factors[c] *= scale[c];
    for (int64_t p = 0; p < block.positions; ++p) {
      for (int64_t c = 0; c < channels_; ++c) {
        pass.dx[p * channels_ + c] = pass.dy[p * channels_ + c] * factors[c];
      }
    }
  }

 protected:
  // The whole batch; every channel is a group of its own.
  NormalisedBlock Block(int64_t rows) const {
    return {.positions = rows * input().positions(),
            .channels = channels_,
            .groups = channels_};
  }

  const int64_t channels_;
  const double epsilon_;

 private:
  void LoadInverse(const NormalisedBlock& block, const float* parameters,
                   float* inverse) const {
    std::copy_n(parameters + offset(kVariance), channels_, inverse);
    InverseDeviations(block, epsilon_, inverse);
  }
};

class BatchNorm final : public StoredNorm {
 public:
  BatchNorm(const Shape& input, const BatchNormSpec& spec)
      : StoredNorm(input, spec, /*frozen=*/false),
        momentum_(static_cast<float>(spec.momentum)) {}

  LayerMemory Memory(PassKind kind, int64_t rows) const override {
    if (kind == PassKind::kPredict) return StoredNorm::Memory(kind, rows);
    return {.saved = 2 * channels_,
            .backward_scratch = 4 * channels_,
            .backward_reads_input = true,
            .backward_in_place = true};
  }

  void Forward(const ForwardPass& pass) const override {
    if (pass.kind == PassKind::kPredict) {
      StoredNorm::Forward(pass);
      return;
    }
    const NormalisedBlock block = Block(pass.rows);
    float* const mean = pass.saved;
    float* const inverse = mean + channels_;
    BlockMoments(*pass.kernels, block, pass.x, mean, inverse);
    if (pass.statistics != nullptr) {
      MoveStatistics(block, mean, inverse, pass.statistics);
    }
    InverseDeviations(block, epsilon_, inverse);
    NormaliseBlock(block, pass.x, mean, inverse,
                   pass.parameters + offset(kScale),
                   pass.parameters + offset(kShift), pass.y);
  }

  void Backward(const BackwardPass& pass) const override {
    const NormalisedBlock block = Block(pass.rows);
    const float* const mean = pass.saved;
    const float* const inverse = mean + channels_;
    float* const gradient = pass.scratch;  // of scale, then shift
    float* const sums = gradient + 2 * channels_;
    ScaleGradients(block, pass.x, mean, inverse, pass.dy, gradient,
                   gradient + channels_);
    if (pass.dx != nullptr) {
      std::copy_n(gradient, 2 * channels_, sums);
      BlockInputGradient(block, pass.x, mean, inverse,
                         pass.parameters + offset(kScale), pass.dy, sums,
                         sums + channels_, pass.dx);
    }
    if (pass.sink != nullptr) {
      pass.sink->Values(gradient, 2 * channels_, offset(kScale));
    }
  }

 private:
  void MoveStatistics(const NormalisedBlock& block, const float* mean,
                      const float* variance, float* statistics) const {
    MoveTowards(channels_, momentum_, 1, mean, statistics + offset(kMean));
    if (block.positions == 1) return;
    const double unbiased =
        static_cast<double>(block.positions) / (block.positions - 1);
    MoveTowards(channels_, momentum_, static_cast<float>(unbiased), variance,
                statistics + offset(kVariance));
  }

  const float momentum_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeBatchNorm(const BatchNormSpec& spec,
                                                     const Shape& input,
                                                     bool frozen) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  SHOAL_RETURN_IF_ERROR(CheckEpsilon(spec.epsilon));
  if (!(spec.momentum > 0 && spec.momentum <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "momentum is ", spec.momentum, ", expected above 0, at most 1"));
  }
  if (frozen) return std::make_unique<StoredNorm>(input, spec, frozen);
  return std::make_unique<BatchNorm>(input, spec);
}

}  // namespace shoal::learning
