#include "learning/layers/global_average_pool.h"

#include <algorithm>

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

class GlobalAveragePool final : public Layer {
 public:
  explicit GlobalAveragePool(const Shape& input)
      : Layer(input, Shape({input.channels()}), {}) {}

  int64_t forward_macs() const override { return 0; }
  LayerMemory Memory(PassKind, int64_t) const override { return {}; }

  void Forward(const ForwardPass& pass) const override {
    const int64_t channels = input().channels();
    for (int64_t n = 0; n < pass.rows; ++n) {
      pass.kernels->column_sums(pass.x + n * input().num_values(),
                                input().positions(), channels, /*add=*/false,
                                pass.y + n * channels);
    }
    pass.kernels->scale(Weight(), pass.rows * channels, pass.y);
  }

  void Backward(const BackwardPass& pass) const override {
    if (pass.dx == nullptr) return;
    const int64_t channels = input().channels();
    pass.kernels->scale(Weight(), pass.rows * channels, pass.dy);
    float* dx = pass.dx;
    for (int64_t n = 0; n < pass.rows; ++n) {
      for (int64_t p = 0; p < input().positions(); ++p) {
        dx = std::copy_n(pass.dy + n * channels, channels, dx);
      }
    }
  }

 private:
  float Weight() const {
    return 1.0f / static_cast<float>(input().positions());
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeGlobalAveragePool(
    const GlobalAveragePoolSpec&, const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kSequenceOrImage, input));
  return std::make_unique<GlobalAveragePool>(input);
}

}  // namespace shoal::learning
