#include "learning/narrow_model.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "learning/expand_model.h"

namespace shoal::learning {
namespace {

// What says how many channels the next layer sees; null for layers that keep
// the number, and for blocks.
int* ChannelsOf(LayerSpec& layer) {
  return std::visit(
      [](auto& kind) -> int* {
        if constexpr (requires { kind.units; }) {
          return &kind.units;
        } else if constexpr (requires { kind.filters; }) {
          return &kind.filters;
        } else if constexpr (requires { kind.dimensions; }) {
          return &kind.dimensions;
        } else {
          return nullptr;
        }
      },
      layer.kind);
}

// Goes through layers from behind, since those that decide the model's output
// keep their size.
class Narrowing {
 public:
  explicit Narrowing(double width) : width_(width) {}

  // `decides`: the channels behind `layers` are those of the output. Returns
  // the same of the channels before them.
  bool Narrow(std::vector<LayerSpec>& layers, bool decides) const {
    for (size_t i = layers.size(); i-- > 0;) {
      decides = NarrowLayer(layers[i], decides);
    }
    return decides;
  }

 private:
  bool NarrowLayer(LayerSpec& layer, bool decides) const {
    if (auto* block = std::get_if<ResidualSpec>(&layer.kind)) {
      const bool body = Narrow(block->body, decides);
      const bool shortcut = Narrow(block->shortcut, decides);
      return body || shortcut;
    }
    if (auto* norm = std::get_if<GroupNormSpec>(&layer.kind)) {
      if (!decides) norm->groups = Groups(norm->groups);
      return decides;
    }
    int* const channels = ChannelsOf(layer);
    if (channels == nullptr) return decides;
    if (!decides) *channels = Channels(*channels);
    return false;
  }

  int Channels(int channels) const {
    return static_cast<int>(std::ceil(width_ * channels));
  }
  int Groups(int groups) const {
    return std::max(1, static_cast<int>(std::floor(width_ * groups)));
  }

  const double width_;
};

}  // namespace

ModelSpec NarrowModel(const ModelSpec& spec, double width) {
  SHOAL_CHECK(width > 0 && width <= 1);
  LayerListSpec list = ExpandModel(spec);
  Narrowing(width).Narrow(list.layers, /*decides=*/true);
  return {std::move(list), spec.preprocessing};
}

}  // namespace shoal::learning
