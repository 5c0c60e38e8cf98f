// Unrolls a step into operations, buffer by buffer. Used by memory_plan.cc.
#ifndef SHOAL_LEARNING_PLAN_BUILDER_H_
#define SHOAL_LEARNING_PLAN_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "learning/memory_plan.h"
#include "learning/model.h"

namespace shoal::learning {

// Builds one plan. One thread.
class PlanBuilder {
 public:
  // REQUIRES: options in range. `num_segments` > 1 keeps only the values
  // between so many segments of the network and computes the others twice.
  static MemoryPlan Training(const Model& model, const PlanOptions& options,
                             int num_segments);
  static MemoryPlan Prediction(const Model& model, int64_t rows);
  // Sets what the plan gave up (memory_plan.cc knows).
  static void SetGivenUp(std::vector<std::string> sentences, MemoryPlan& plan);

 private:
  PlanBuilder(const Model& model, const PlanOptions& options, bool training,
              int64_t rows);

  void ChooseTrainedLayers();
  void FindGradients();
  void CutSegments(int num_segments);
  void FindInPlace();
  void AddBatchBuffers();
  void AddTrainingBuffers();
  void ForwardSegment(size_t segment, bool repeated);
  void BackwardSegment(size_t segment);
  void ForwardNode(int node, bool repeated);
  void BackwardNode(int node);
  void BackwardAdd(int node);
  void ComputeLoss();
  void ReceiveGradient(int value, int from_buffer);
  MemoryPlan Finish();

  int NewBuffer(absl::string_view node, absl::string_view what,
                int64_t num_bytes);
  int NewFloats(absl::string_view node, absl::string_view what,
                int64_t num_floats);
  void Push(PlannedOp op);
  LayerMemory MemoryOf(const Node& node) const;

  const Model& model_;
  const std::vector<Node>& nodes_;
  const int64_t rows_;
  MemoryPlan::Body plan_;
  std::vector<int> producer_;         // per value; -1 for the input
  std::vector<int> num_consumers_;    // per value
  std::vector<bool> needs_gradient_;  // per value
  std::vector<bool> in_place_;        // per node
  std::vector<int> segment_begin_;    // nodes; and the end at last
  std::vector<int> value_buffer_;     // per value, as of now
  std::vector<int> saved_buffer_;     // per node, as of now
  std::vector<int> gradient_of_;      // per value; -1: none yet
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_PLAN_BUILDER_H_
