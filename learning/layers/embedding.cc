#include "learning/layers/embedding.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

// Every vocabulary is exact in float.
static_assert(kMaxLayerWidth <= 1 << std::numeric_limits<float>::digits);

// A strip of the table's gradient that stays in the first-level cache.
constexpr int64_t kStripFloats = 4096;

class Embedding final : public Layer {
 public:
  Embedding(const Shape& input, const Shape& output,
            std::vector<LayerTensor> tensors, int64_t vocabulary)
      : Layer(input, output, std::move(tensors)),
        vocabulary_(vocabulary),
        dimensions_(output.channels()),
        strip_(std::clamp<int64_t>(kStripFloats / dimensions_, 1, vocabulary)) {
  }

  int64_t token_limit() const override { return vocabulary_; }
  int64_t forward_macs() const override { return 0; }

  LayerMemory Memory(PassKind kind, int64_t) const override {
    if (kind == PassKind::kPredict) return {};
    return {.backward_scratch = strip_ * dimensions_,
            .backward_reads_input = true};
  }

  void Initialise(SeededRng& rng, absl::Span<float> parameters) const override {
    constexpr double kLimit = 0.05;
    for (float& value : parameters) {
      value = static_cast<float>(kLimit * (2 * rng.Uniform() - 1));
    }
  }

  void Forward(const ForwardPass& pass) const override {
    const int64_t tokens = pass.rows * input().num_values();
    for (int64_t t = 0; t < tokens; ++t) {
      float* const to = pass.y + t * dimensions_;
      const int64_t row = RowOf(pass.x[t]);
      if (row < 0) {
        std::fill_n(to, dimensions_, std::numeric_limits<float>::quiet_NaN());
      } else {
        std::copy_n(pass.parameters + row * dimensions_, dimensions_, to);
      }
    }
  }

  void Backward(const BackwardPass& pass) const override {
    const int64_t tokens = pass.rows * input().num_values();
    if (pass.dx != nullptr) std::fill_n(pass.dx, tokens, 0.0f);
    if (pass.sink == nullptr) return;
    if (pass.sink->takes_parts()) {
      for (int64_t t = 0; t < tokens; ++t) {
        const int64_t row = RowOf(pass.x[t]);
        if (row < 0) continue;
        pass.sink->Values(pass.dy + t * dimensions_, dimensions_,
                          row * dimensions_);
      }
    } else {
      WholeGradient(pass, tokens);
    }
  }

 private:
  // The gradient of the whole table would be as large as the table. It is made
  // strip by strip, at the price of looking at the tokens for each: little
  // beside the step itself.
  void WholeGradient(const BackwardPass& pass, int64_t tokens) const {
    for (int64_t first = 0; first < vocabulary_; first += strip_) {
      const int64_t size = std::min(strip_, vocabulary_ - first);
      std::fill_n(pass.scratch, size * dimensions_, 0.0f);
      for (int64_t t = 0; t < tokens; ++t) {
        const int64_t row = RowOf(pass.x[t]) - first;
        if (row < 0 || row >= size) continue;
        pass.kernels->axpy(1, pass.dy + t * dimensions_, dimensions_,
                           pass.scratch + row * dimensions_);
      }
      pass.sink->Values(pass.scratch, size * dimensions_, first * dimensions_);
    }
  }

  // -1 when `token` is none.
  int64_t RowOf(float token) const {
    // Written so that NaN is none, and before a conversion could overflow.
    if (!(token >= 0 && token < static_cast<float>(vocabulary_))) return -1;
    const int64_t row = static_cast<int64_t>(token);
    return static_cast<float>(row) == token ? row : -1;
  }

  const int64_t vocabulary_;
  const int64_t dimensions_;
  const int64_t strip_;  // rows of the table
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeEmbedding(const EmbeddingSpec& spec,
                                                     const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kVector, input));
  SHOAL_RETURN_IF_ERROR(
      CheckRange("vocabulary", spec.vocabulary, 1, kMaxLayerWidth));
  SHOAL_RETURN_IF_ERROR(
      CheckRange("dimensions", spec.dimensions, 1, kMaxLayerWidth));
  const Shape output({input.channels(), spec.dimensions});
  std::vector<LayerTensor> tensors = {
      {.name = "weight", .dims = {spec.vocabulary, spec.dimensions}}};
  SHOAL_RETURN_IF_ERROR(CheckSizes(output, tensors));
  return std::make_unique<Embedding>(input, output, std::move(tensors),
                                     spec.vocabulary);
}

}  // namespace shoal::learning
