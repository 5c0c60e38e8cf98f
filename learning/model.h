// A model: the layers of a specification, bound to one flat parameter vector.
//
//   SHOAL_ASSIGN_OR_RETURN(auto model, Model::Create(spec));
//   ParameterVector parameters = model->Initialise(rng);
//   // learning/trainer.h trains it, learning/predictor.h predicts with it.
#ifndef SHOAL_LEARNING_MODEL_H_
#define SHOAL_LEARNING_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/parameters.h"
#include "learning/shape.h"

namespace shoal::learning {

// A step of the network: values[output] = layer(values[input]), or, without a
// layer, values[output] = values[input] + values[other_input]. Value 0 is the
// network's input; every node has an output of its own.
struct Node {
  std::string name;  // "dense1"
  std::unique_ptr<const Layer> layer;
  // What the layer was made from, for exporters; its activation is none or
  // ReLU (others are nodes of their own). Nothing for the preprocessing
  // (which is the first node, named "input") and for additions.
  std::optional<LayerSpec> spec;
  int input = 0;
  int other_input = -1;
  int output = 0;
  int64_t parameter_offset = 0;  // in the device's vector
  bool frozen = false;
  bool is_private = false;

  bool trainable() const {
    return layer != nullptr && !frozen && layer->trainable();
  }
};

// Immutable and thread-safe.
class Model {
 public:
  // INVALID_ARGUMENT names the layer and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<Model>> Create(const ModelSpec& spec);
  // INVALID_ARGUMENT when is_external().
  absl::Status CheckComputable() const;

  const ModelSpec& spec() const { return spec_; }
  // ExternalSpec: there is a layout, and nothing to compute.
  bool is_external() const {
    return std::holds_alternative<ExternalSpec>(spec_.architecture);
  }
  // The tensors that travel: what a round sends, aggregates and stores.
  const ParameterLayout& layout() const { return layout_; }
  // The tensors that stay on the device, behind the others in its vector.
  const ParameterLayout& private_layout() const { return private_layout_; }
  // Of a device's vector: layout() and private_layout() together.
  int64_t num_values() const {
    return layout_.num_parameters() + private_layout_.num_parameters();
  }

  const Shape& input() const { return input_; }    // of one example
  const Shape& output() const { return output_; }  // of one example
  Loss loss() const { return loss_; }
  Target target() const { return target_; }
  // Labels of one example: 0 unless target() is kLabels.
  int64_t labels_per_example() const;
  // Target values of one example: 0 unless target() is kValues.
  int64_t targets_per_example() const;
  // What a Score counts: one for an example, or one for each of its labels.
  int64_t predictions_per_example() const;

  const std::vector<Node>& nodes() const { return nodes_; }
  // Layers that training can move; last_layers counts these.
  int num_trainable_layers() const;
  // Floats of each value for one example; [0] is the input.
  const std::vector<int64_t>& value_sizes() const { return value_sizes_; }
  // The value that Target::kInput compares with.
  int target_value() const { return target_value_; }
  // Multiply-adds of predicting one example; training costs about three times
  // as many.
  int64_t forward_macs() const;

  // [layout().num_parameters()]. Weights Glorot-uniform, biases zero, scales
  // one; logistic and linear models: all zero.
  ParameterVector Initialise(SeededRng& rng) const;
  // [private_layout().num_parameters()]: the same on every device.
  ParameterVector InitialPrivateValues() const;
  // The vector of a device that has nothing of its own yet: `shared`
  // ([layout().num_parameters()]) and the initial private values.
  ParameterVector DeviceVector(absl::Span<const float> shared) const;

 private:
  friend class NetworkBuilder;
  Model() = default;

  ModelSpec spec_;
  Shape input_;
  Shape output_;
  Loss loss_ = Loss::kSoftmaxCrossEntropy;
  Target target_ = Target::kLabels;
  int target_value_ = 0;
  std::vector<Node> nodes_;
  std::vector<int64_t> value_sizes_;
  ParameterLayout layout_;
  ParameterLayout private_layout_;
};

// A model version as it is stored, sent and named by its SHA-256: a header
// (magic, format version, layout) and the values, float32 little-endian.
// docs/reference/formats.md has the bytes. `control`: what the devices need of
// an algorithm besides the parameters, as many values; empty for most.
std::string SerializeModel(const ParameterLayout& layout,
                           absl::Span<const float> parameters,
                           absl::Span<const float> control = {});

struct StoredModel {
  ParameterLayout layout;
  ParameterVector parameters;
  ParameterVector control = {};
};

// DATA_LOSS when the bytes are no model, truncated, or hold a non-finite
// value.
absl::StatusOr<StoredModel> ParseModel(absl::string_view bytes);

// The same without a copy: the values point into `bytes`, which must outlive
// them. REQUIRES: bytes.data() is aligned to a float.
struct ModelView {
  ParameterLayout layout;
  absl::Span<const float> parameters;
  absl::Span<const float> control = {};
};
absl::StatusOr<ModelView> ViewModel(absl::string_view bytes);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_MODEL_H_
