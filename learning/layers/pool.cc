#include "learning/layers/pool.h"

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"
#include "learning/layers/windows.h"

namespace shoal::learning {
namespace {

class Pool : public Layer {
 public:
  Pool(const Shape& input, const Shape& output, const WindowShape& window)
      : Layer(input, output, {}), window_(window) {}

  int64_t forward_macs() const override { return 0; }

 protected:
  WindowShape Window(int64_t rows) const {
    WindowShape window = window_;
    window.rows = rows;
    return window;
  }

 private:
  const WindowShape window_;
};

// Saves which place of its window every output came from, a byte each.
class MaxPool final : public Pool {
 public:
  using Pool::Pool;

  LayerMemory Memory(PassKind kind, int64_t rows) const override {
    if (kind == PassKind::kPredict) return {};
    constexpr int64_t kPerFloat = sizeof(float);
    return {.saved =
                (rows * output().num_values() + kPerFloat - 1) / kPerFloat};
  }
  void Forward(const ForwardPass& pass) const override {
    pass.kernels->max_pool(Window(pass.rows), pass.x, pass.y,
                           reinterpret_cast<uint8_t*>(pass.saved));
  }
  void Backward(const BackwardPass& pass) const override {
    if (pass.dx == nullptr) return;
    pass.kernels->max_pool_gradient(
        Window(pass.rows), pass.dy,
        reinterpret_cast<const uint8_t*>(pass.saved), pass.dx);
  }
};

class AveragePool final : public Pool {
 public:
  using Pool::Pool;

  LayerMemory Memory(PassKind, int64_t) const override { return {}; }
  void Forward(const ForwardPass& pass) const override {
    pass.kernels->average_pool(Window(pass.rows), pass.x, pass.y);
  }
  void Backward(const BackwardPass& pass) const override {
    if (pass.dx == nullptr) return;
    pass.kernels->average_pool_gradient(Window(pass.rows), pass.dy, pass.dx);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakePool(const PoolSpec& spec,
                                                const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckRange("size", spec.size, 1, kMaxPoolSize));
  SHOAL_ASSIGN_OR_RETURN(
      const WindowShape window,
      PlaceWindows({.size = spec.size,
                    .stride = spec.stride == 0 ? spec.size : spec.stride,
                    .padding = spec.padding,
                    .size_name = "size"},
                   input));
  const Shape output = WindowOutput(window, input, window.channels);
  if (spec.kind == PoolKind::kMax) {
    return std::make_unique<MaxPool>(input, output, window);
  }
  return std::make_unique<AveragePool>(input, output, window);
}

}  // namespace shoal::learning
