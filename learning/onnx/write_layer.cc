#include "learning/onnx/write_layer.h"

#include <numbers>
#include <variant>
#include <vector>

#include "base/check.h"

namespace shoal::learning::onnx {
namespace {

void WriteDense(const LayerToWrite& layer, const DenseSpec& spec) {
  GraphBuilder& graph = layer.graph;
  std::vector<std::string> inputs = {layer.In(Form::kChannelsLast),
                                     graph.Weight(layer.tensors[0])};
  std::string y;
  if (layer.input().rank() == 1) {
    if (spec.bias) inputs.push_back(graph.Weight(layer.tensors[1]));
    y = graph.Add("Gemm", std::move(inputs));
  } else {
    y = graph.Add("MatMul", std::move(inputs));
    if (spec.bias) y = graph.Add("Add", {y, graph.Weight(layer.tensors[1])});
  }
  layer.Out(Form::kChannelsLast, WriteActivation(graph, spec.activation, y));
}

void WriteEmbedding(const LayerToWrite& layer) {
  GraphBuilder& graph = layer.graph;
  const std::string tokens =
      graph.Add("Cast", {layer.In(Form::kChannelsLast)},
                {{"to", static_cast<int64_t>(DataType::kInt64)}});
  layer.Out(Form::kChannelsLast,
            graph.Add("Gather", {graph.Weight(layer.tensors[0]), tokens},
                      {{"axis", int64_t{0}}}));
}

void WriteGlobalAveragePool(const LayerToWrite& layer) {
  const int rank = layer.input().rank();
  const Form form = layer.form();
  std::vector<int64_t> axes;
  for (int axis = 1; axis < rank; ++axis) {
    axes.push_back(form == Form::kChannelsFirst ? axis + 1 : axis);
  }
  layer.Out(Form::kChannelsLast, layer.graph.Add("ReduceMean", {layer.In(form)},
                                                 {{"axes", std::move(axes)},
                                                  {"keepdims", int64_t{0}}}));
}

struct LayerWriter {
  const LayerToWrite& layer;

  void operator()(const DenseSpec& spec) const { WriteDense(layer, spec); }
  void operator()(const Conv2dSpec& spec) const { WriteConv2d(layer, spec); }
  void operator()(const Conv1dSpec& spec) const { WriteConv1d(layer, spec); }
  void operator()(const DepthwiseConvSpec& spec) const {
    WriteDepthwiseConv(layer, spec);
  }
  void operator()(const PoolSpec& spec) const { WritePool(layer, spec); }
  void operator()(const GlobalAveragePoolSpec&) const {
    WriteGlobalAveragePool(layer);
  }
  void operator()(const EmbeddingSpec&) const { WriteEmbedding(layer); }
  void operator()(const GruSpec& spec) const { WriteGru(layer, spec); }
  void operator()(const LayerNormSpec& spec) const {
    WriteLayerNorm(layer, spec);
  }
  void operator()(const GroupNormSpec& spec) const {
    WriteGroupNorm(layer, spec);
  }
  void operator()(const BatchNormSpec& spec) const {
    WriteBatchNorm(layer, spec);
  }
  // Predictions pass through.
  void operator()(const DropoutSpec&) const {
    layer.Out(layer.form(), layer.In(layer.form()));
  }
  void operator()(const ActivationSpec& spec) const {
    layer.Out(layer.form(),
              WriteActivation(layer.graph, spec.kind, layer.In(layer.form())));
  }
  // No computation, so no nodes.
  void operator()(const FlattenSpec&) const { SHOAL_CHECK(false); }
  void operator()(const ResidualSpec&) const { SHOAL_CHECK(false); }
};

// x Phi(x), with Phi(x) = (1 + erf(x / sqrt 2)) / 2.
std::string WriteGelu(GraphBuilder& graph, const std::string& x) {
  const std::string scaled = graph.Add(
      "Div", {x, graph.Scalar("sqrt2", std::numbers::sqrt2_v<float>)});
  const std::string erf = graph.Add("Erf", {scaled});
  const std::string sum = graph.Add("Add", {erf, graph.Scalar("one", 1)});
  const std::string product = graph.Add("Mul", {x, sum});
  return graph.Add("Mul", {product, graph.Scalar("half", 0.5)});
}

}  // namespace

std::string WriteActivation(GraphBuilder& graph, ActivationKind kind,
                            const std::string& x) {
  switch (kind) {
    case ActivationKind::kNone:
      return x;
    case ActivationKind::kRelu:
      return graph.Add("Relu", {x});
    case ActivationKind::kGelu:
      return WriteGelu(graph, x);
    case ActivationKind::kTanh:
      return graph.Add("Tanh", {x});
    case ActivationKind::kSigmoid:
      return graph.Add("Sigmoid", {x});
  }
  SHOAL_CHECK(false);
}

void WriteLayer(const LayerToWrite& layer, const PreprocessingSpec& spec) {
  if (layer.node.spec.has_value()) {
    std::visit(LayerWriter{layer}, layer.node.spec->kind);
  } else {
    WritePreprocessing(layer, spec);
  }
}

void WriteAddition(const Node& node, GraphBuilder& graph) {
  const Shape& a = graph.shape(node.input);
  const Shape& b = graph.shape(node.other_input);
  if (a == b) {
    const Form form = graph.form(node.input);
    graph.SetValue(node.output, a, form,
                   graph.Add("Add", {graph.Get(node.input, form),
                                     graph.Get(node.other_input, form)}));
  } else {  // one of them is flattened by the model
    graph.SetValue(
        node.output, Shape({a.num_values()}), Form::kFlat,
        graph.Add("Add", {graph.Get(node.input, Form::kFlat),
                          graph.Get(node.other_input, Form::kFlat)}));
  }
}

}  // namespace shoal::learning::onnx
