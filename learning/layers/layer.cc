#include "learning/layers/layer.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace shoal::learning {

Layer::Layer(Shape input, Shape output, std::vector<LayerTensor> tensors)
    : input_(std::move(input)),
      output_(std::move(output)),
      tensors_(std::move(tensors)) {
  for (const LayerTensor& tensor : tensors_) {
    offsets_.push_back(num_parameters_);
    sizes_.push_back(Shape(tensor.dims).num_values());
    num_parameters_ += sizes_.back();
  }
}

bool Layer::trainable() const {
  return std::any_of(tensors_.begin(), tensors_.end(),
                     [](const LayerTensor& t) { return t.trainable; });
}

void Layer::Initialise(SeededRng&, absl::Span<float> parameters) const {
  std::fill(parameters.begin(), parameters.end(), 0.0f);
}

void GlorotUniform(SeededRng& rng, int64_t fan_in, int64_t fan_out,
                   absl::Span<float> weights) {
  const double limit = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  for (float& weight : weights) {
    weight = static_cast<float>(limit * (2 * rng.Uniform() - 1));
  }
}

}  // namespace shoal::learning
