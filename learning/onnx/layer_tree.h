// The layers of an imported graph, each behind the one whose output it reads.
#ifndef SHOAL_LEARNING_ONNX_LAYER_TREE_H_
#define SHOAL_LEARNING_ONNX_LAYER_TREE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/model_spec.h"

namespace shoal::learning::onnx {

// Layers one after the other, and the values of those that have any.
struct LayerChain {
  std::vector<LayerSpec> layers;
  std::vector<std::vector<float>> values;
};

// One thread.
class LayerTree {
 public:
  static constexpr int kRoot = -1;  // the input

  // UNIMPLEMENTED when there are too many.
  absl::StatusOr<int> Add(int parent, LayerSpec spec,
                          std::vector<float> values);
  // A residual block of the two branches since they parted; a step added to
  // itself gets a body that does nothing. UNIMPLEMENTED when a part of a branch
  // is in another block already, or there are too many layers.
  absl::StatusOr<int> AddResidual(int body, int shortcut);

  LayerSpec& spec(int step) { return steps_[step].spec; }
  // Behind those that the layer has.
  void AppendValues(int step, const std::vector<float>& values);

  // The layers behind `ancestor` up to `step`, moved out: they belong to one
  // chain. UNIMPLEMENTED when one does already.
  absl::StatusOr<LayerChain> Take(int ancestor, int step);

 private:
  struct Step {
    int parent = kRoot;
    LayerSpec spec;
    std::vector<std::vector<float>> values;
    bool taken = false;
  };

  absl::StatusOr<int> Append(Step step);

  std::vector<Step> steps_;
};

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_LAYER_TREE_H_
