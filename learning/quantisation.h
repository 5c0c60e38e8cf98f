// Weights in eight bits, after training.
#ifndef SHOAL_LEARNING_QUANTISATION_H_
#define SHOAL_LEARNING_QUANTISATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "learning/parameters.h"

namespace shoal::learning {

// A tensor [..., channels]: either codes and steps, or values. A weight is
// code * step of its channel.
struct QuantisedTensor {
  std::vector<int8_t> codes = {};  // in [-127, 127]
  std::vector<float> steps = {};   // [channels], > 0
  std::vector<float> values = {};

  bool is_quantised() const { return !codes.empty(); }
};

// Weights are tensors with two dimensions or more: those of dense layers,
// convolutions, embeddings and GRUs, whose last dimension is the output
// channel. They become whole multiples of a step per channel, with zero at zero
// (Jacob et al. 2018, in the symmetric form of Krishnamoorthi 2018, section
// 2.1.2); biases, scales and statistics stay as they are. A weight moves by at
// most half the step of its channel, max |w| / 254. A value type.
class QuantisedModel {
 public:
  // INVALID_ARGUMENT when `parameters` does not fit the layout or a value is
  // not finite.
  static absl::StatusOr<QuantisedModel> Quantise(
      const ParameterLayout& layout, absl::Span<const float> parameters);

  const ParameterLayout& layout() const { return layout_; }
  // As layout().tensors().
  const std::vector<QuantisedTensor>& tensors() const { return tensors_; }
  ParameterVector Dequantise() const;

  // docs/reference/formats.md has the bytes.
  std::string Serialize() const;
  // DATA_LOSS when the bytes are no quantised model.
  static absl::StatusOr<QuantisedModel> Parse(absl::string_view bytes);

 private:
  QuantisedModel() = default;

  ParameterLayout layout_;
  std::vector<QuantisedTensor> tensors_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_QUANTISATION_H_
