#include "learning/layers/normalisation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"

namespace shoal::learning {
namespace {

// Sums are taken in double: they are over channels only, so this costs nothing.
double Sum(const float* values, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += values[i];
  return sum;
}

double Dot(const float* a, const float* b, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// Replaces the values of each group by their sum / divisor.
void SpreadMeans(const NormalisedBlock& block, float* values) {
  const int64_t size = block.group_channels();
  for (int64_t begin = 0; begin < block.channels; begin += size) {
    const double mean = Sum(values + begin, size) / block.group_values();
    std::fill_n(values + begin, size, static_cast<float>(mean));
  }
}

// sums += (x - mean)^2.
void AddSquares(int64_t channels, const float* __restrict x,
                const float* __restrict mean, float* __restrict sums) {
  for (int64_t c = 0; c < channels; ++c) {
    const float centred = x[c] - mean[c];
    sums[c] += centred * centred;
  }
}

void NormalisePosition(int64_t channels, const float* __restrict mean,
                       const float* __restrict inverse,
                       const float* __restrict scale,
                       const float* __restrict shift, float* __restrict y) {
  for (int64_t c = 0; c < channels; ++c) {
    y[c] = (y[c] - mean[c]) * inverse[c] * scale[c] + shift[c];
  }
}

void AddScaleGradients(int64_t channels, const float* __restrict x,
                       const float* __restrict mean,
                       const float* __restrict inverse,
                       const float* __restrict dy, float* __restrict d_scale,
                       float* __restrict d_shift) {
  for (int64_t c = 0; c < channels; ++c) {
    d_scale[c] += dy[c] * ((x[c] - mean[c]) * inverse[c]);
    d_shift[c] += dy[c];
  }
}

// d = inverse * (scale d - mean_d - xhat * mean_d_xhat).
void PositionGradient(int64_t channels, const float* __restrict x,
                      const float* __restrict mean,
                      const float* __restrict inverse,
                      const float* __restrict scale,
                      const float* __restrict mean_d,
                      const float* __restrict mean_d_xhat,
                      float* __restrict d) {
  for (int64_t c = 0; c < channels; ++c) {
    const float xhat = (x[c] - mean[c]) * inverse[c];
    d[c] = inverse[c] * (scale[c] * d[c] - mean_d[c] - xhat * mean_d_xhat[c]);
  }
}

class BlockNormalisation final : public Layer {
 public:
  BlockNormalisation(const Shape& input, const NormalisedBlock& block,
                     double epsilon)
      : Layer(input, input,
              {{.name = "scale", .dims = {input.channels()}},
               {.name = "shift", .dims = {input.channels()}}}),
        block_(block),
        epsilon_(epsilon) {}

  int64_t forward_macs() const override { return input().num_values(); }

  LayerMemory Memory(PassKind kind, int64_t) const override {
    const bool predicts = kind == PassKind::kPredict;
    return {.forward_scratch = 2 * block_.channels,
            .backward_scratch = predicts ? 0 : 6 * block_.channels,
            .backward_reads_input = !predicts,
            .in_place = predicts,
            .backward_in_place = true};
  }

  void Initialise(SeededRng&, absl::Span<float> parameters) const override {
    std::fill_n(parameters.begin(), block_.channels, 1.0f);
    std::fill_n(parameters.begin() + block_.channels, block_.channels, 0.0f);
  }

  void Forward(const ForwardPass& pass) const override {
    float* const mean = pass.scratch;
    float* const inverse = mean + block_.channels;
    const int64_t end = pass.rows * input().num_values();
    for (int64_t at = 0; at < end; at += block_.num_values()) {
      BlockMoments(*pass.kernels, block_, pass.x + at, mean, inverse);
      InverseDeviations(block_, epsilon_, inverse);
      NormaliseBlock(block_, pass.x + at, mean, inverse, pass.parameters,
                     pass.parameters + offset(1), pass.y + at);
    }
  }

  void Backward(const BackwardPass& pass) const override {
    const int64_t channels = block_.channels;
    float* const mean = pass.scratch;
    float* const inverse = mean + channels;
    float* const own = inverse + channels;    // of one block: scale, shift
    float* const total = own + 2 * channels;  // of all
    std::fill_n(total, 2 * channels, 0.0f);
    const int64_t end = pass.rows * input().num_values();
    for (int64_t at = 0; at < end; at += block_.num_values()) {
      BlockMoments(*pass.kernels, block_, pass.x + at, mean, inverse);
      InverseDeviations(block_, epsilon_, inverse);
      ScaleGradients(block_, pass.x + at, mean, inverse, pass.dy + at, own,
                     own + channels);
      pass.kernels->axpy(1, own, 2 * channels, total);
      if (pass.dx == nullptr) continue;
      BlockInputGradient(block_, pass.x + at, mean, inverse, pass.parameters,
                         pass.dy + at, own, own + channels, pass.dx + at);
    }
    if (pass.sink != nullptr) pass.sink->Values(total, 2 * channels, 0);
  }

 private:
  const NormalisedBlock block_;
  const double epsilon_;
};

}  // namespace

void BlockMoments(const Kernels& kernels, const NormalisedBlock& block,
                  const float* x, float* mean, float* variance) {
  kernels.column_sums(x, block.positions, block.channels, /*add=*/false, mean);
  SpreadMeans(block, mean);
  std::fill_n(variance, block.channels, 0.0f);
  for (int64_t p = 0; p < block.positions; ++p) {
    AddSquares(block.channels, x + p * block.channels, mean, variance);
  }
  SpreadMeans(block, variance);
}

void InverseDeviations(const NormalisedBlock& block, double epsilon,
                       float* variance) {
  const int64_t size = block.group_channels();
  for (int64_t begin = 0; begin < block.channels; begin += size) {
    const double inverse = 1 / std::sqrt(variance[begin] + epsilon);
    std::fill_n(variance + begin, size, static_cast<float>(inverse));
  }
}

void NormaliseBlock(const NormalisedBlock& block, const float* x,
                    const float* mean, const float* inverse, const float* scale,
                    const float* shift, float* y) {
  if (y != x) std::copy_n(x, block.num_values(), y);
  for (int64_t p = 0; p < block.positions; ++p) {
    NormalisePosition(block.channels, mean, inverse, scale, shift,
                      y + p * block.channels);
  }
}

void ScaleGradients(const NormalisedBlock& block, const float* x,
                    const float* mean, const float* inverse, const float* dy,
                    float* d_scale, float* d_shift) {
  std::fill_n(d_scale, block.channels, 0.0f);
  std::fill_n(d_shift, block.channels, 0.0f);
  for (int64_t p = 0; p < block.positions; ++p) {
    const int64_t at = p * block.channels;
    AddScaleGradients(block.channels, x + at, mean, inverse, dy + at, d_scale,
                      d_shift);
  }
}

void BlockInputGradient(const NormalisedBlock& block, const float* x,
                        const float* mean, const float* inverse,
                        const float* scale, const float* dy, float* d_scale,
                        float* d_shift, float* dx) {
  const int64_t size = block.group_channels();
  for (int64_t begin = 0; begin < block.channels; begin += size) {
    for (float* sums : {d_scale, d_shift}) {
      const double mean_of_group =
          Dot(scale + begin, sums + begin, size) / block.group_values();
      std::fill_n(sums + begin, size, static_cast<float>(mean_of_group));
    }
  }
  if (dx != dy) std::copy_n(dy, block.num_values(), dx);
  for (int64_t p = 0; p < block.positions; ++p) {
    const int64_t at = p * block.channels;
    PositionGradient(block.channels, x + at, mean, inverse, scale, d_shift,
                     d_scale, dx + at);
  }
}

absl::Status CheckEpsilon(double epsilon) {
  if (epsilon >= 1e-12 && epsilon <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("epsilon is ", epsilon, ", expected 1e-12 to 1"));
}

std::unique_ptr<Layer> MakeBlockNormalisation(const Shape& input,
                                              const NormalisedBlock& block,
                                              double epsilon) {
  return std::make_unique<BlockNormalisation>(input, block, epsilon);
}

}  // namespace shoal::learning
