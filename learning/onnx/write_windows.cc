// Convolutions and pools, which ONNX wants with the channels first.
#include <utility>
#include <vector>

#include "base/check.h"
#include "learning/layers/windows.h"
#include "learning/onnx/write_layer.h"

namespace shoal::learning::onnx {
namespace {

// The attributes that say where the windows lie.
std::vector<Attribute> WindowAttributes(const Shape& input,
                                        const WindowSpec& spec) {
  const absl::StatusOr<WindowShape> placed = PlaceWindows(spec, input);
  SHOAL_CHECK(placed.ok());  // the layer was made from the same numbers
  const WindowShape& window = *placed;
  std::vector<int64_t> kernel = {window.kernel_width};
  std::vector<int64_t> strides = {window.stride_width};
  if (input.rank() == 3) {
    kernel.insert(kernel.begin(), window.kernel_height);
    strides.insert(strides.begin(), window.stride_height);
  }
  return {{"kernel_shape", std::move(kernel)},
          {"strides", std::move(strides)},
          {"pads", PadsOf(window, input.rank())}};
}

// What the three kinds of convolutions have in common.
struct Convolution {
  WindowSpec window;
  bool bias = true;
  ActivationKind activation = ActivationKind::kNone;
  std::string weight;  // of the graph
  int64_t groups = 1;
};

void WriteConvolution(const LayerToWrite& layer, const Convolution& conv) {
  GraphBuilder& graph = layer.graph;
  std::vector<Attribute> attributes =
      WindowAttributes(layer.input(), conv.window);
  attributes.push_back({"group", conv.groups});
  std::vector<std::string> inputs = {layer.In(Form::kChannelsFirst),
                                     conv.weight};
  if (conv.bias) inputs.push_back(graph.Weight(layer.tensors[1]));
  const std::string y =
      graph.Add("Conv", std::move(inputs), std::move(attributes));
  layer.Out(Form::kChannelsFirst, WriteActivation(graph, conv.activation, y));
}

}  // namespace

void WriteConv2d(const LayerToWrite& layer, const Conv2dSpec& spec) {
  const StoredTensor& weight = layer.tensors[0];  // [kernel, kernel, in, out]
  const std::vector<int64_t> dims = {weight.dims[3], weight.dims[2],
                                     weight.dims[0], weight.dims[1]};
  WriteConvolution(
      layer, {.window = {spec.kernel, spec.stride, spec.padding},
              .bias = spec.bias,
              .activation = spec.activation,
              .weight = layer.graph.Weight(weight, {3, 2, 0, 1}, dims, 0)});
}

void WriteConv1d(const LayerToWrite& layer, const Conv1dSpec& spec) {
  const StoredTensor& weight = layer.tensors[0];  // [1, kernel, in, out]
  const std::vector<int64_t> dims = {weight.dims[3], weight.dims[2],
                                     weight.dims[1]};
  WriteConvolution(
      layer, {.window = {spec.kernel, spec.stride, spec.padding},
              .bias = spec.bias,
              .activation = spec.activation,
              .weight = layer.graph.Weight(weight, {3, 2, 0, 1}, dims, 0)});
}

void WriteDepthwiseConv(const LayerToWrite& layer,
                        const DepthwiseConvSpec& spec) {
  const StoredTensor& weight = layer.tensors[0];  // [kernel, kernel, channels]
  std::vector<int64_t> dims = {weight.dims[2], 1, weight.dims[0],
                               weight.dims[1]};
  if (layer.input().rank() == 2) dims.erase(dims.begin() + 2);
  WriteConvolution(layer, {.window = {spec.kernel, spec.stride, spec.padding},
                           .bias = spec.bias,
                           .activation = spec.activation,
                           .weight = layer.graph.Weight(weight, {2, 0, 1},
                                                        std::move(dims), 0),
                           .groups = weight.dims[2]});
}

void WritePool(const LayerToWrite& layer, const PoolSpec& spec) {
  const int stride = spec.stride == 0 ? spec.size : spec.stride;
  std::vector<Attribute> attributes =
      WindowAttributes(layer.input(), {spec.size, stride, spec.padding});
  const bool average = spec.kind == PoolKind::kAverage;
  if (average) attributes.push_back({"count_include_pad", int64_t{0}});
  layer.Out(
      Form::kChannelsFirst,
      layer.graph.Add(average ? "AveragePool" : "MaxPool",
                      {layer.In(Form::kChannelsFirst)}, std::move(attributes)));
}

}  // namespace shoal::learning::onnx
