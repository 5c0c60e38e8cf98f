// The exact memory of training or prediction, known before any is allocated.
//
// A plan lists every buffer of a step with its size and the time from its first
// write to its last read, and places them in one block so that buffers that
// live at the same time never overlap (greedy by size: Pisarchyk and Lee 2020,
// "Efficient Memory Management for Deep Neural Net Inference", algorithm 3).
// The trainer runs inside a block of exactly `bytes()` and allocates nothing.
#ifndef SHOAL_LEARNING_MEMORY_PLAN_H_
#define SHOAL_LEARNING_MEMORY_PLAN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "learning/model.h"

namespace shoal::learning {

inline constexpr int64_t kBlockAlignment = 64;  // bytes, of the block as well

struct PlanOptions {
  int64_t batch_rows = 1;  // examples of a step; >= 1
  // Examples that are in memory at once; 0: all of the batch. Fewer need a
  // gradient buffer, in which the parts add up.
  int64_t micro_rows = 0;
  // Vectors that the optimiser keeps: 0 SGD, 1 momentum, 2 Adam.
  int optimizer_vectors = 0;
  // The gradient must be whole before the step (clipping by its norm).
  bool whole_gradient = false;
  // Update parameters as soon as their gradient is known, without a gradient
  // buffer. Ignored where the options above need the buffer.
  bool fused = true;
  // Keep few activations; compute the others again on the way back.
  bool recompute = false;
  // Batches come with a teacher's probabilities.
  bool distillation = false;
  // Train only the last so many layers that have parameters; 0: all.
  int last_layers = 0;
  friend bool operator==(const PlanOptions&, const PlanOptions&) = default;
};

// What MemoryPlan::Within may give up besides time.
struct PlanConcessions {
  // Same result up to rounding. Given up by no model with a batch norm that is
  // not frozen: that trains with the statistics of the part.
  bool micro_batches = true;
  bool recompute = true;     // the same result
  bool last_layers = false;  // trains less of the model
};

struct PlannedBuffer {
  std::string name;    // "dense1.output"
  int64_t bytes = 0;   // a multiple of kBlockAlignment
  int64_t offset = 0;  // in the block
  int first = 0;       // operation that writes it first
  int last = 0;        // operation that uses it last
};

// One step of the executor. Buffers by index; -1: none.
struct PlannedOp {
  enum Kind {
    kForward,     // output = layer(input)
    kLoss,        // gradient = d loss / d input; `output` may be the same
    kBackward,    // input_gradient, parameters from output_gradient
    kAccumulate,  // output += input
    kCopy,        // output = input
  };
  Kind kind = kForward;
  int node = -1;
  bool repeated = false;  // a forward pass done once before
  int input = -1;
  int other_input = -1;
  int output = -1;
  int output_gradient = -1;
  int input_gradient = -1;
  int saved = -1;
  int scratch = -1;
};

// An immutable value; copies share what they hold.
class MemoryPlan {
 public:
  // INVALID_ARGUMENT when an option is out of range.
  static absl::StatusOr<MemoryPlan> ForTraining(const Model& model,
                                                const PlanOptions& options);
  // The fastest plan of at most `bytes` bytes, with given_up() telling what it
  // cost. RESOURCE_EXHAUSTED names the least that would do and its cost.
  static absl::StatusOr<MemoryPlan> Within(const Model& model,
                                           const PlanOptions& options,
                                           const PlanConcessions& concessions,
                                           int64_t bytes);
  // The one of the fewest bytes.
  static absl::StatusOr<MemoryPlan> Least(const Model& model,
                                          const PlanOptions& options,
                                          const PlanConcessions& concessions);
  // Prediction and evaluation of up to `rows` examples at a time; the
  // parameters stay outside the block.
  static MemoryPlan ForPrediction(const Model& model, int64_t rows);

  int64_t bytes() const { return body_->bytes; }
  // Examples that fit at once.
  int64_t rows() const { return body_->rows; }
  int64_t batch_rows() const { return body_->options.batch_rows; }
  const PlanOptions& options() const { return body_->options; }
  PassKind pass_kind() const { return body_->pass_kind(); }
  bool has_gradient_buffer() const { return body_->gradient_buffer >= 0; }
  // Per node of the model: whether this plan trains it.
  const std::vector<bool>& trained() const { return body_->trained; }
  // Values of the trained layers, and where each node's start among them.
  int64_t num_trained_values() const { return body_->num_trained_values; }
  const std::vector<int64_t>& trained_offsets() const {
    return body_->trained_offsets;
  }
  // Sentences such as "recomputes activations (about a third slower)".
  const std::vector<std::string>& given_up() const { return body_->given_up; }
  // A table of buffers, largest first.
  std::string ToString() const;

  const std::vector<PlannedBuffer>& buffers() const { return body_->buffers; }
  const std::vector<PlannedOp>& ops() const { return body_->ops; }
  // Indices into buffers(); -1: not in this plan. The batch's features may
  // also lie elsewhere: buffer `features` is then unused.
  int features_buffer() const { return body_->features_buffer; }
  int labels_buffer() const { return body_->labels_buffer; }
  int targets_buffer() const { return body_->targets_buffer; }
  int output_buffer() const {
    return body_->output_buffer;
  }  // of the last layer
  int target_input_buffer() const { return body_->target_input_buffer; }
  int parameters_buffer() const { return body_->parameters_buffer; }
  int gradient_buffer() const { return body_->gradient_buffer; }
  int optimizer_buffer(int index) const {
    return body_->optimizer_buffers[index];
  }
  int sink_scratch_buffer() const { return body_->sink_scratch_buffer; }

 private:
  friend class PlanBuilder;

  struct Body {
    PassKind pass_kind() const;

    PlanOptions options;
    bool training = false;
    int64_t rows = 0;
    int64_t bytes = 0;
    std::vector<PlannedBuffer> buffers;
    std::vector<PlannedOp> ops;
    std::vector<bool> trained;
    std::vector<int64_t> trained_offsets;
    int64_t num_trained_values = 0;
    std::vector<std::string> given_up;
    int features_buffer = -1;
    int labels_buffer = -1;
    int targets_buffer = -1;
    int output_buffer = -1;
    int target_input_buffer = -1;
    int parameters_buffer = -1;
    int gradient_buffer = -1;
    std::vector<int> optimizer_buffers;
    int sink_scratch_buffer = -1;
  };

  explicit MemoryPlan(Body body)
      : body_(std::make_shared<const Body>(std::move(body))) {}

  std::shared_ptr<const Body> body_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_MEMORY_PLAN_H_
