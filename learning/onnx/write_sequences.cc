// Recurrent layers, and what happens to the features before all others.
#include <vector>

#include "learning/onnx/write_layer.h"

namespace shoal::learning::onnx {

// ONNX's gates lie in our order (z, r, and h, our n), and with
// linear_before_reset its equations are ours.
void WriteGru(const LayerToWrite& layer, const GruSpec& spec) {
  GraphBuilder& graph = layer.graph;
  const auto weight = [&](int index) {
    const StoredTensor& tensor = layer.tensors[index];  // [in, 3 * units]
    return graph.Weight(tensor, {1, 0}, {1, tensor.dims[1], tensor.dims[0]}, 1);
  };
  // [1, 6 * units], which ONNX wants in one tensor.
  StoredTensor biases = layer.tensors[2];
  biases.data += layer.tensors[3].data;
  biases.name = layer.node.name + ".bias";
  biases.dims = {2 * biases.dims[0]};
  std::vector<std::string> inputs = {
      layer.In(Form::kTimeFirst), weight(0), weight(1),
      graph.Weight(biases, {0}, {1, biases.dims[0]}, 1)};
  const std::vector<Attribute> attributes = {
      {"hidden_size", int64_t{spec.units}},
      {"linear_before_reset", int64_t{1}}};
  // Output 0: all states [length, 1, batch, units]; 1: the last [1, batch,
  // units].
  const int output = spec.return_sequences ? 0 : 1;
  const std::string states =
      graph.AddForOutput(output, "GRU", std::move(inputs), attributes);
  const std::string direction =
      graph.Ints("direction_axis", {spec.return_sequences ? 1 : 0});
  const std::string squeezed = graph.Add("Squeeze", {states, direction});
  layer.Out(spec.return_sequences ? Form::kTimeFirst : Form::kChannelsLast,
            squeezed);
}

void WritePreprocessing(const LayerToWrite& layer,
                        const PreprocessingSpec& spec) {
  GraphBuilder& graph = layer.graph;
  const std::string x = layer.In(Form::kChannelsLast);
  std::string y = x;
  std::string missing;
  std::string mean;
  if (spec.impute || spec.standardise) mean = graph.Weight(layer.tensors[0]);
  if (spec.standardise) {
    y = graph.Add("Sub", {y, mean});
    y = graph.Add("Div", {y, graph.Weight(layer.tensors[1])});
  }
  if (spec.impute) {
    missing = graph.Add("IsNaN", {x});
    // The mean is 0 once standardised.
    const std::string substitute =
        spec.standardise ? graph.Scalar("zero", 0) : mean;
    y = graph.Add("Where", {missing, substitute, y});
  }
  if (spec.clip > 0) {
    const float clip = static_cast<float>(spec.clip);
    y = graph.Add("Clip", {y, graph.Scalar("lowest", -clip),
                           graph.Scalar("highest", clip)});
  }
  if (spec.mask) {
    const std::string mask = graph.Add(
        "Cast", {missing}, {{"to", static_cast<int64_t>(DataType::kFloat)}});
    y = graph.Add("Concat", {y, mask}, {{"axis", int64_t{-1}}});
  }
  layer.Out(Form::kChannelsLast, y);
}

}  // namespace shoal::learning::onnx
