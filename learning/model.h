// Models: from a specification to loss, gradient and prediction over a flat
// parameter vector.
#ifndef SHOAL_LEARNING_MODEL_H_
#define SHOAL_LEARNING_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "learning/model_spec.h"
#include "learning/parameters.h"

namespace shoal::learning {

// A mini-batch. Both spans belong to the caller.
struct Batch {
  absl::Span<const float> features;  // row-major [batch, inputs]
  absl::Span<const int32_t> labels;  // [batch], in [0, outputs)
};

// Sums over the examples of a batch or a data set.
struct Score {
  double loss_sum = 0;  // cross-entropy, nats
  int64_t num_correct = 0;
  int64_t num_examples = 0;

  double loss() const { return num_examples ? loss_sum / num_examples : 0; }
  double accuracy() const {
    return num_examples ? static_cast<double>(num_correct) / num_examples : 0;
  }
  void Add(const Score& other);
};

// One step of stochastic gradient descent. With g the gradient of a batch:
//   g += weight_decay * w + proximal_mu * (w - anchor)
//   v  = momentum * v + g        (v = g without momentum)
//   w -= learning_rate * v
struct SgdStep {
  float learning_rate = 0;
  float momentum = 0;
  float weight_decay = 0;
  float proximal_mu = 0;
  // [num_parameters] when proximal_mu != 0.
  absl::Span<const float> anchor = {};
  // [num_parameters] when momentum != 0; the caller starts it at zero.
  absl::Span<float> velocity = {};
};

// Thread-compatible: holds scratch memory for the largest batch seen.
class Model {
 public:
  // INVALID_ARGUMENT names the size that is out of range.
  static absl::StatusOr<std::unique_ptr<Model>> Create(const ModelSpec& spec);
  virtual ~Model() = default;

  virtual const ModelSpec& spec() const = 0;
  virtual const ParameterLayout& layout() const = 0;

  // Weights Glorot-uniform, biases zero; logistic: all zero.
  virtual ParameterVector Initialise(SeededRng& rng) const = 0;

  // Adds nothing: overwrites `gradient` ([num_parameters]) with the gradient
  // of the batch's mean cross-entropy at `parameters`; returns the score at
  // `parameters`. REQUIRES: sizes match the layout; labels in range.
  virtual Score LossAndGradient(absl::Span<const float> parameters,
                                const Batch& batch,
                                absl::Span<float> gradient) = 0;

  // Moves `parameters` by one step along the gradient of the batch's mean
  // cross-entropy, without ever storing that gradient; returns the score
  // before the step. Allocates nothing once a batch of this size was seen.
  // REQUIRES: as LossAndGradient, and as SgdStep says.
  virtual Score Train(absl::Span<float> parameters, const Batch& batch,
                      const SgdStep& step) = 0;

  virtual Score Evaluate(absl::Span<const float> parameters,
                         const Batch& batch) = 0;

  // Class probabilities, row-major [batch, outputs].
  virtual void Predict(absl::Span<const float> parameters,
                       absl::Span<const float> features,
                       absl::Span<float> probabilities) = 0;
};

// A model version as it is stored, sent and named by its SHA-256: a header
// (magic, format version, layout) and the values, float32 little-endian.
// docs/reference/formats.md has the bytes.
std::string SerializeModel(const ParameterLayout& layout,
                           absl::Span<const float> parameters);

struct StoredModel {
  ParameterLayout layout;
  ParameterVector parameters;
};

// DATA_LOSS when the bytes are no model, truncated, or hold a non-finite
// value.
absl::StatusOr<StoredModel> ParseModel(absl::string_view bytes);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_MODEL_H_
