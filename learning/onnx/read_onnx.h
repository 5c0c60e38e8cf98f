// Reads ONNX files, so that a model which was trained elsewhere can start a
// task.
#ifndef SHOAL_LEARNING_ONNX_READ_ONNX_H_
#define SHOAL_LEARNING_ONNX_READ_ONNX_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/model_spec.h"
#include "learning/parameters.h"

namespace shoal::learning {

struct ImportedModel {
  // A list of layers, of which a model can be made. Layers are named after
  // their weights where these have names of our form ("fc1.weight").
  ModelSpec spec;
  ParameterVector values;  // a device's vector, [Model::num_values()]
  // The file takes [channels, …positions]; the model takes […positions,
  // channels], as every model of ours.
  bool channels_first_input = false;
};

// Understands what WriteOnnx writes and graphs of the same operators made by
// others, such as PyTorch's exports of small networks: chains and residual
// blocks of Gemm, MatMul, Conv, MaxPool, AveragePool, GlobalAveragePool,
// BatchNormalization, LayerNormalization, GRU, Gather, Relu, Tanh, Sigmoid and
// what decomposes into them, opset 13 to 20. docs/how-to/export-a-model.md has
// the list. A Softmax at the end makes it a classifier, a Sigmoid a model on
// binary cross-entropy; otherwise the loss is the mean squared error (`spec`
// may be changed: a loss has no values). Which layers are frozen or private,
// and dropout, are not in a file.
//
// Reads any bytes, in memory proportional to them. DATA_LOSS when they are no
// ONNX file; UNIMPLEMENTED, with the operator's name, for what the engine does
// not have; INVALID_ARGUMENT when the parts of the file do not fit each other
// or the model is out of the bounds of model_spec.h.
absl::StatusOr<ImportedModel> ReadOnnx(absl::string_view bytes);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ONNX_READ_ONNX_H_
