// Normalisations.
#include <algorithm>
#include <vector>

#include "learning/onnx/write_layer.h"

namespace shoal::learning::onnx {
namespace {

Attribute Epsilon(double epsilon) {
  return {"epsilon", static_cast<float>(epsilon)};
}

}  // namespace

void WriteLayerNorm(const LayerToWrite& layer, const LayerNormSpec& spec) {
  GraphBuilder& graph = layer.graph;
  const std::string x = layer.In(Form::kChannelsLast);
  const std::string scale = graph.Weight(layer.tensors[0]);
  const std::string shift = graph.Weight(layer.tensors[1]);
  if (graph.opset() >= 17) {
    layer.Out(Form::kChannelsLast,
              graph.Add("LayerNormalization", {x, scale, shift},
                        {{"axis", int64_t{-1}}, Epsilon(spec.epsilon)}));
    return;
  }
  const std::vector<Attribute> last_axis = {{"axes", std::vector<int64_t>{-1}}};
  const std::string mean = graph.Add("ReduceMean", {x}, last_axis);
  const std::string centred = graph.Add("Sub", {x, mean});
  const std::string squares =
      graph.Add("Pow", {centred, graph.Scalar("two", 2)});
  const std::string variance = graph.Add("ReduceMean", {squares}, last_axis);
  const std::string shifted = graph.Add(
      "Add",
      {variance, graph.Scalar("epsilon", static_cast<float>(spec.epsilon))});
  const std::string deviation = graph.Add("Sqrt", {shifted});
  const std::string unit = graph.Add("Div", {centred, deviation});
  const std::string scaled = graph.Add("Mul", {unit, scale});
  layer.Out(Form::kChannelsLast, graph.Add("Add", {scaled, shift}));
}

// A group of channels becomes one channel, which instance normalisation treats
// as we do.
void WriteGroupNorm(const LayerToWrite& layer, const GroupNormSpec& spec) {
  GraphBuilder& graph = layer.graph;
  const std::vector<int64_t>& ours = layer.input().dims();
  const std::string groups =
      graph.Add("Reshape", {layer.In(Form::kChannelsFirst),
                            graph.Ints("group_shape", {0, spec.groups, -1})});
  const std::string unit = graph.Add(
      "InstanceNormalization",
      {groups, graph.Floats("ones", std::vector<float>(spec.groups, 1.0f)),
       graph.Floats("zeros", std::vector<float>(spec.groups, 0.0f))},
      {Epsilon(spec.epsilon)});
  std::vector<int64_t> channels_first = {0, ours.back()};
  channels_first.insert(channels_first.end(), ours.begin(), ours.end() - 1);
  const std::string whole =
      graph.Add("Reshape", {unit, graph.Ints("shape", channels_first)});
  std::vector<int64_t> per_channel(ours.size(), 1);
  per_channel[0] = ours.back();
  const std::string scaled = graph.Add(
      "Mul", {whole, graph.Weight(layer.tensors[0], {0}, per_channel, 0)});
  layer.Out(Form::kChannelsFirst,
            graph.Add("Add", {scaled, graph.Weight(layer.tensors[1], {0},
                                                   per_channel, 0)}));
}

void WriteBatchNorm(const LayerToWrite& layer, const BatchNormSpec& spec) {
  GraphBuilder& graph = layer.graph;
  std::vector<std::string> inputs = {layer.In(Form::kChannelsFirst)};
  for (const StoredTensor& tensor : layer.tensors) {
    inputs.push_back(graph.Weight(tensor));
  }
  layer.Out(Form::kChannelsFirst,
            graph.Add("BatchNormalization", std::move(inputs),
                      {Epsilon(spec.epsilon),
                       {"momentum", static_cast<float>(1 - spec.momentum)}}));
}

}  // namespace shoal::learning::onnx
