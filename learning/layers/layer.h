// One layer: shapes, parameters, the memory it needs, forward and backward.
#ifndef SHOAL_LEARNING_LAYERS_LAYER_H_
#define SHOAL_LEARNING_LAYERS_LAYER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"
#include "learning/kernels/kernels.h"
#include "learning/layers/gradient_sink.h"
#include "learning/shape.h"

namespace shoal::learning {

// One tensor of a layer. A layer's tensors lie one behind the other.
struct LayerTensor {
  std::string name;           // "weight"
  std::vector<int64_t> dims;  // row-major
  // Statistics that the layer or the task sets are no gradient's business.
  bool trainable = true;
};

enum class PassKind {
  kPredict,  // forward only
  kTrain,    // forward, later backward
  // As kTrain, but keeping as little as possible between the two: the layer
  // computes again in Backward what it did not keep.
  kTrainLean,
};

// What a layer asks of the memory plan, in floats, for a number of examples.
struct LayerMemory {
  int64_t saved = 0;             // written by Forward, read by Backward
  int64_t forward_scratch = 0;   // during Forward
  int64_t backward_scratch = 0;  // during Backward
  bool backward_reads_input = false;
  bool backward_reads_output = false;
  bool in_place = false;           // Forward allows y == x
  bool backward_in_place = false;  // Backward allows dx == dy
};

// Values of `rows` examples are [rows, shape], row-major and contiguous.
struct ForwardPass {
  const Kernels* kernels = nullptr;
  PassKind kind = PassKind::kPredict;
  int64_t rows = 0;
  const float* parameters = nullptr;  // the layer's
  // The same memory, when the layer shall move its running statistics; null
  // in prediction and when a forward pass is repeated.
  float* statistics = nullptr;
  const float* x = nullptr;
  float* y = nullptr;
  float* saved = nullptr;  // null when predicting
  float* scratch = nullptr;
  uint64_t seed = 0;  // of this layer and step; equal in Backward
  // Place of the first example in the batch, where these are a part of it;
  // equal in Backward.
  int64_t first_row = 0;
};

struct BackwardPass {
  const Kernels* kernels = nullptr;
  PassKind kind = PassKind::kTrain;  // as the forward pass
  int64_t rows = 0;
  const float* parameters = nullptr;
  const float* x = nullptr;  // null unless backward_reads_input
  const float* y = nullptr;  // null unless backward_reads_output
  float* dy = nullptr;       // may be overwritten
  float* dx = nullptr;       // overwritten; null: not wanted
  const float* saved = nullptr;
  float* scratch = nullptr;
  // Null: the parameters are not trained. REQUIRES: all that needs the
  // parameters (dx) is computed before a gradient is handed over.
  const GradientSink* sink = nullptr;
  uint64_t seed = 0;
  int64_t first_row = 0;
};

// Immutable: shapes only. Thread-safe.
class Layer {
 public:
  Layer(Shape input, Shape output, std::vector<LayerTensor> tensors);
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  const Shape& input() const { return input_; }
  const Shape& output() const { return output_; }
  const std::vector<LayerTensor>& tensors() const { return tensors_; }
  int64_t num_parameters() const { return num_parameters_; }
  bool trainable() const;  // has a trainable tensor
  // Where tensor `index` starts inside the layer.
  int64_t offset(int index) const { return offsets_[index]; }
  int64_t tensor_size(int index) const { return sizes_[index]; }
  // Floats of the largest product that Backward hands to a sink, for its
  // scratch; 0 when it hands over none.
  virtual int64_t sink_scratch() const { return 0; }
  // > 0: inputs are integers in [0, token_limit()); whoever reads examples
  // checks that. 0: any number.
  virtual int64_t token_limit() const { return 0; }
  // Multiply-adds of a forward pass for one example.
  virtual int64_t forward_macs() const = 0;

  virtual LayerMemory Memory(PassKind kind, int64_t rows) const = 0;
  // Fills `parameters` [num_parameters]. Zero where not overridden.
  virtual void Initialise(SeededRng& rng, absl::Span<float> parameters) const;
  virtual void Forward(const ForwardPass& pass) const = 0;
  virtual void Backward(const BackwardPass& pass) const = 0;

 private:
  const Shape input_;
  const Shape output_;
  const std::vector<LayerTensor> tensors_;
  std::vector<int64_t> offsets_;
  std::vector<int64_t> sizes_;
  int64_t num_parameters_ = 0;
};

// Uniform in ±sqrt(6 / (fan_in + fan_out)): Glorot and Bengio 2010, eq. 16.
void GlorotUniform(SeededRng& rng, int64_t fan_in, int64_t fan_out,
                   absl::Span<float> weights);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_LAYER_H_
