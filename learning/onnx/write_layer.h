// The operators of every kind of layer.
#ifndef SHOAL_LEARNING_ONNX_WRITE_LAYER_H_
#define SHOAL_LEARNING_ONNX_WRITE_LAYER_H_

#include <string>
#include <utility>

#include "absl/types/span.h"
#include "learning/model.h"
#include "learning/onnx/graph_builder.h"
#include "learning/onnx/weights.h"

namespace shoal::learning::onnx {

// A layer of a model on its way into a graph.
struct LayerToWrite {
  const Node& node;                        // has a layer
  absl::Span<const StoredTensor> tensors;  // as node.layer->tensors()
  GraphBuilder& graph;

  const Shape& input() const { return node.layer->input(); }
  const Shape& output() const { return node.layer->output(); }
  // The name of the layer's input; flat where the model flattens before it.
  std::string In(Form form) const {
    return graph.Get(node.input, flattened() ? Form::kFlat : form);
  }
  // The form that the input has already.
  Form form() const {
    return flattened() ? Form::kFlat : graph.form(node.input);
  }
  void Out(Form form, std::string name) const {
    graph.SetValue(node.output, output(), form, std::move(name));
  }

 private:
  bool flattened() const { return graph.shape(node.input) != input(); }
};

// Any layer: the preprocessing is the one without a specification.
void WriteLayer(const LayerToWrite& layer, const PreprocessingSpec& spec);
// The sum at the end of a residual block.
void WriteAddition(const Node& node, GraphBuilder& graph);

// The kinds that take more than a few lines.
void WriteConv2d(const LayerToWrite& layer, const Conv2dSpec& spec);
void WriteConv1d(const LayerToWrite& layer, const Conv1dSpec& spec);
void WriteDepthwiseConv(const LayerToWrite& layer,
                        const DepthwiseConvSpec& spec);
void WritePool(const LayerToWrite& layer, const PoolSpec& spec);
void WriteGru(const LayerToWrite& layer, const GruSpec& spec);
void WriteLayerNorm(const LayerToWrite& layer, const LayerNormSpec& spec);
void WriteGroupNorm(const LayerToWrite& layer, const GroupNormSpec& spec);
void WriteBatchNorm(const LayerToWrite& layer, const BatchNormSpec& spec);
void WritePreprocessing(const LayerToWrite& layer,
                        const PreprocessingSpec& spec);

// The name of activation(x).
std::string WriteActivation(GraphBuilder& graph, ActivationKind kind,
                            const std::string& x);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_WRITE_LAYER_H_
