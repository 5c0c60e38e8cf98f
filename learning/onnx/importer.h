// Follows the values through a graph and collects the layers that it is made
// of.
#ifndef SHOAL_LEARNING_ONNX_IMPORTER_H_
#define SHOAL_LEARNING_ONNX_IMPORTER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/onnx/constants.h"
#include "learning/onnx/file.h"
#include "learning/onnx/form.h"
#include "learning/onnx/layer_tree.h"
#include "learning/onnx/metadata.h"
#include "learning/onnx/read_onnx.h"
#include "learning/shape.h"

namespace shoal::learning::onnx {

// A value of the graph that depends on the input: what the layers up to here
// make of it, and how it lies in the file.
struct Activation {
  int step = LayerTree::kRoot;  // the last layer
  Shape shape;                  // of an example, as our layers see it
  // Which of our axes each dimension in the file is: 0 the batch, 1 and up
  // those of `shape`; -1: a dimension of one that has no meaning.
  std::vector<int64_t> axes = {};
  // Of rank 2 and more: `shape` is a vector flattened from this, but in the
  // file with the channels first.
  Shape flattened_from = {};
  bool tokens = false;         // of an integer type
  bool is_prediction = false;  // behind softmax or sigmoid at the end
  // No operator but those that only move values reads the step's output under
  // another name.
  bool sole = true;

  bool Has(Form form) const {
    return axes == AxesOf(form, shape.rank()) && flattened_from.rank() == 0;
  }
};

// One import; one thread. Errors name the operator.
class Importer {
 public:
  // `file` must outlive it.
  explicit Importer(const File& file) : file_(file) {}

  absl::StatusOr<ImportedModel> Import();

  // For the readers of operators (read_operators.h) -------------------------

  // Those that depend on the input.
  const std::vector<const Operation*>& operations() const {
    return operations_;
  }
  const std::string& input_name() const { return input_name_; }
  const Activation& input() const {
    return activations_.find(input_name_)->second;
  }
  Constants& constants() { return constants_; }
  LayerTree& layers() { return layers_; }
  const TrainingMetadata& metadata() const { return metadata_; }

  bool IsActivation(absl::string_view name) const {
    return activations_.contains(name);
  }
  // How many inputs of operators the value is; the file's output counts too.
  int Uses(absl::string_view name) const;
  bool IsOutput(absl::string_view name) const;

  // Input number `index`, whatever its order of dimensions. Anything but
  // numbers that are no prediction yet is refused.
  absl::StatusOr<Activation> Input(const Operation& operation,
                                   size_t index) const;
  // The same in a form.
  absl::StatusOr<Activation> InputAs(Form form, const Operation& operation,
                                     size_t index) const;
  // Token numbers.
  absl::StatusOr<Activation> TokenInput(const Operation& operation,
                                        size_t index) const;
  // The only output of the operator.
  absl::Status SetOutput(const Operation& operation, Activation value);
  // One of several.
  absl::Status SetOutput(const Operation& operation, const std::string& name,
                         Activation value);

  // The activation behind one more layer, channels last.
  absl::StatusOr<Activation> AddLayer(const Operation& operation,
                                      const Activation& input, LayerSpec spec,
                                      std::vector<float> values);
  // The specification of the layer that ends in `input`, which may be changed
  // when nothing but `uses` reads of it see the layer's output; else null.
  LayerSpec* SoleLayer(const Activation& input, absl::string_view name,
                       int uses);
  // The same value under another name.
  Activation Renamed(const Activation& input, absl::string_view name) const;

  // What happens before the first layer; REQUIRES: no layer yet.
  void SetPreprocessing(const PreprocessingSpec& spec,
                        std::vector<float> values);
  void set_loss(Loss loss) { loss_ = loss; }

 private:
  absl::Status CheckFile() const;
  absl::Status BindConstants();
  absl::Status BindInput();
  absl::Status ReadOperators();
  absl::StatusOr<ImportedModel> Finish();
  Target TargetOf(const Shape& output) const;

  const File& file_;
  std::string input_name_;
  std::vector<const Operation*> operations_;
  Constants constants_;
  LayerTree layers_;
  TrainingMetadata metadata_;
  std::map<std::string, Activation, std::less<>> activations_;
  std::map<std::string, int, std::less<>> uses_;
  PreprocessingSpec preprocessing_;
  std::vector<float> preprocessing_values_;
  Loss loss_ = Loss::kMeanSquaredError;
  std::vector<int> input_dims_;  // in our order
  bool channels_first_input_ = false;
};

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_IMPORTER_H_
