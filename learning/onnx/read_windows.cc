// Convolutions and pools.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "learning/layers/windows.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"
#include "learning/onnx/weights.h"

namespace shoal::learning::onnx {
namespace {

bool All(const std::vector<int64_t>& values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(),
                     [&](int64_t value) { return value == wanted; });
}

// Where the windows lie, as the attributes say it.
struct Windows {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> pads;
  std::vector<int64_t> dilations;
  std::string auto_pad;
};

Windows ReadWindows(Attributes& attributes) {
  return {.kernel = attributes.Ints("kernel_shape"),
          .strides = attributes.Ints("strides"),
          .pads = attributes.Ints("pads"),
          .dilations = attributes.Ints("dilations"),
          .auto_pad = attributes.Text("auto_pad", "NOTSET")};
}

// Which of our paddings gives these zeros; `preferred` when both do.
absl::StatusOr<Padding> PaddingOf(const Operation& operation,
                                  const Windows& windows, WindowSpec spec,
                                  const Shape& input, Padding preferred) {
  if (windows.auto_pad == "VALID") return Padding::kValid;
  if (windows.auto_pad == "SAME_UPPER") return Padding::kSame;
  if (windows.auto_pad != "NOTSET") {
    return Unsupported(operation,
                       absl::StrCat("has auto_pad ", windows.auto_pad));
  }
  std::vector<int64_t> pads = windows.pads;
  if (pads.empty()) pads.assign(2 * (input.rank() - 1), 0);
  spec.padding = Padding::kSame;
  const absl::StatusOr<WindowShape> same = PlaceWindows(spec, input);
  if (!same.ok()) return Inconsistent(operation, same.status().message());
  const std::vector<int64_t> same_pads = PadsOf(*same, input.rank());
  const bool is_valid = All(pads, 0);
  const bool is_same = pads == same_pads;
  if (is_valid && is_same) return preferred;
  if (is_valid) return Padding::kValid;
  if (is_same) return Padding::kSame;
  return Unsupported(
      operation,
      absl::StrCat("has pads [", absl::StrJoin(pads, ", "),
                   "], expected none, or [", absl::StrJoin(same_pads, ", "),
                   "] for outputs at every stride"));
}

// One size and stride for all axes. Fills those of `spec` and its padding.
absl::Status ReadWindowSpec(const Operation& operation, Windows windows,
                            const Shape& input, Padding preferred,
                            WindowSpec& spec) {
  const size_t axes = input.rank() - 1;
  if (windows.strides.empty()) windows.strides.assign(axes, 1);
  if (windows.kernel.size() != axes || windows.strides.size() != axes ||
      !All(windows.kernel, windows.kernel[0]) ||
      !All(windows.strides, windows.strides[0]) || !All(windows.dilations, 1)) {
    return Unsupported(
        operation,
        absl::StrCat("has kernel [", absl::StrJoin(windows.kernel, ", "),
                     "], strides [", absl::StrJoin(windows.strides, ", "),
                     "] and dilations [",
                     absl::StrJoin(windows.dilations, ", "),
                     "], expected squares without dilation"));
  }
  spec.size = ToInt(windows.kernel[0]);
  spec.stride = ToInt(windows.strides[0]);
  SHOAL_ASSIGN_OR_RETURN(spec.padding,
                         PaddingOf(operation, windows, spec, input, preferred));
  return absl::OkStatus();
}

// What input 1 of a convolution holds: [filters, inputs of each, …kernel].
struct ConvWeights {
  std::vector<int64_t> dims;
  std::vector<float> values;  // in our order
  bool depthwise = false;
};

absl::StatusOr<ConvWeights> ReadConvWeights(Importer& importer,
                                            const Operation& operation,
                                            const Shape& input,
                                            int64_t groups) {
  ConvWeights weights;
  SHOAL_ASSIGN_OR_RETURN(weights.dims, importer.constants().Dims(operation, 1));
  std::vector<int64_t> dims = weights.dims;
  const size_t rank = input.rank() + 1;
  weights.depthwise = groups > 1;
  if (dims.size() != rank || (groups != 1 && groups != input.channels()) ||
      dims[1] * groups != input.channels() ||
      (weights.depthwise && dims[0] != groups)) {
    return Unsupported(
        operation,
        absl::StrCat("has weights [", absl::StrJoin(dims, ", "), "] and ",
                     groups, " groups for an input ", input.ToString(),
                     ", expected all channels for every filter or a filter for "
                     "each channel"));
  }
  int64_t size = 1;
  for (int64_t dim : dims) size *= dim;
  SHOAL_ASSIGN_OR_RETURN(weights.values,
                         importer.constants().TakeWeights(operation, 1, size));
  if (rank == 3) dims.insert(dims.begin() + 2, 1);  // height 1
  weights.values = Permute(weights.values, dims, {2, 3, 1, 0});
  return weights;
}

LayerSpec ConvSpec(const ConvWeights& weights, const WindowSpec& window,
                   int rank, bool bias) {
  const int filters = ToInt(weights.dims[0]);
  if (weights.depthwise) {
    return {DepthwiseConvSpec{.kernel = window.size,
                              .stride = window.stride,
                              .padding = window.padding,
                              .bias = bias}};
  }
  if (rank == 2) {
    return {Conv1dSpec{.filters = filters,
                       .kernel = window.size,
                       .stride = window.stride,
                       .padding = window.padding,
                       .bias = bias}};
  }
  return {Conv2dSpec{.filters = filters,
                     .kernel = window.size,
                     .stride = window.stride,
                     .padding = window.padding,
                     .bias = bias}};
}

// The operators of this file work on values with the channels first.
absl::Status SetChannelsFirst(Importer& importer, const Operation& operation,
                              Activation value) {
  value.axes = AxesOf(Form::kChannelsFirst, value.shape.rank());
  return importer.SetOutput(operation, std::move(value));
}

absl::StatusOr<Activation> WindowInput(Importer& importer,
                                       const Operation& operation) {
  SHOAL_ASSIGN_OR_RETURN(Activation x,
                         importer.InputAs(Form::kChannelsFirst, operation, 0));
  if (x.shape.rank() < 2) {
    return Inconsistent(operation,
                        "takes vectors, expected images or "
                        "sequences");
  }
  return x;
}

// The mean over all positions; `axes` of the file go, or stay as ones.
absl::Status AddGlobalAveragePool(Importer& importer,
                                  const Operation& operation,
                                  const Activation& x,
                                  const std::vector<int64_t>& axes, bool keep) {
  SHOAL_ASSIGN_OR_RETURN(
      Activation y,
      importer.AddLayer(operation, x, {GlobalAveragePoolSpec{}}, {}));
  y.axes.clear();
  for (size_t i = 0; i < x.axes.size(); ++i) {
    const bool gone = std::find(axes.begin(), axes.end(),
                                static_cast<int64_t>(i)) != axes.end();
    if (!gone) {
      // The channels are the only dimension that is left.
      y.axes.push_back(x.axes[i] > 0 ? 1 : x.axes[i]);
    } else if (keep) {
      y.axes.push_back(-1);
    }
  }
  return importer.SetOutput(operation, std::move(y));
}

}  // namespace

absl::StatusOr<int> ReadConv(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  Windows windows = ReadWindows(attributes);
  const int64_t groups = attributes.Int("group", 1);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const Activation x, WindowInput(importer, operation));
  SHOAL_ASSIGN_OR_RETURN(ConvWeights weights,
                         ReadConvWeights(importer, operation, x.shape, groups));
  const std::vector<int64_t> kernel(weights.dims.begin() + 2,
                                    weights.dims.end());
  if (windows.kernel.empty()) windows.kernel = kernel;
  if (windows.kernel != kernel) {
    return Inconsistent(operation,
                        "has a kernel_shape that its weights do not "
                        "have");
  }
  WindowSpec window;
  SHOAL_RETURN_IF_ERROR(ReadWindowSpec(operation, std::move(windows), x.shape,
                                       Padding::kSame, window));
  const bool bias = operation.inputs.size() > 2;
  if (bias) {
    SHOAL_ASSIGN_OR_RETURN(
        const std::vector<float> values,
        importer.constants().TakeWeights(operation, 2, weights.dims[0]));
    weights.values.insert(weights.values.end(), values.begin(), values.end());
  }
  LayerSpec spec = ConvSpec(weights, window, x.shape.rank(), bias);
  spec.name = importer.constants().LayerName(operation, 1);
  SHOAL_ASSIGN_OR_RETURN(Activation y,
                         importer.AddLayer(operation, x, std::move(spec),
                                           std::move(weights.values)));
  SHOAL_RETURN_IF_ERROR(SetChannelsFirst(importer, operation, std::move(y)));
  return 1;
}

absl::StatusOr<int> ReadPool(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  const bool average = operation.type == "AveragePool";
  Attributes attributes(operation);
  const Windows windows = ReadWindows(attributes);
  const int64_t ceil_mode = attributes.Int("ceil_mode", 0);
  const int64_t order = attributes.Int("storage_order", 0);
  const bool counts_pads = attributes.Int("count_include_pad", 0) != 0;
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  if (ceil_mode != 0 || order != 0 || (counts_pads && !All(windows.pads, 0))) {
    return Unsupported(operation,
                       "has ceil_mode, storage_order or count_include_pad set");
  }
  SHOAL_ASSIGN_OR_RETURN(const Activation x, WindowInput(importer, operation));
  WindowSpec window;
  SHOAL_RETURN_IF_ERROR(
      ReadWindowSpec(operation, windows, x.shape, Padding::kValid, window));
  const PoolSpec spec = {.kind = average ? PoolKind::kAverage : PoolKind::kMax,
                         .size = window.size,
                         .stride = window.stride,
                         .padding = window.padding};
  SHOAL_ASSIGN_OR_RETURN(Activation y,
                         importer.AddLayer(operation, x, {spec}, {}));
  SHOAL_RETURN_IF_ERROR(SetChannelsFirst(importer, operation, std::move(y)));
  return 1;
}

absl::StatusOr<int> ReadGlobalAveragePool(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  SHOAL_RETURN_IF_ERROR(Attributes(operation).Finish());
  SHOAL_ASSIGN_OR_RETURN(const Activation x, WindowInput(importer, operation));
  std::vector<int64_t> axes;
  for (int axis = 2; axis <= x.shape.rank(); ++axis) axes.push_back(axis);
  SHOAL_RETURN_IF_ERROR(
      AddGlobalAveragePool(importer, operation, x, axes, true));
  return 1;
}

absl::StatusOr<int> ReadReduceMean(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  std::vector<int64_t> axes = attributes.Ints("axes");
  const bool keep = attributes.Int("keepdims", 1) != 0;
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  if (operation.inputs.size() > 1) {  // from opset 18 on
    SHOAL_ASSIGN_OR_RETURN(axes, importer.constants().Ints(operation, 1));
  }
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.Input(operation, 0));
  // Which of our axes go: it should be all but the batch and the channels.
  const int64_t rank = static_cast<int64_t>(x.axes.size());
  std::vector<int64_t> ours;
  bool in_range = true;
  for (int64_t& axis : axes) {
    if (axis < 0) axis += rank;
    in_range = in_range && axis >= 0 && axis < rank;
    if (in_range) ours.push_back(x.axes[axis]);
  }
  std::sort(ours.begin(), ours.end());
  std::vector<int64_t> positions;
  for (int axis = 1; axis < x.shape.rank(); ++axis) positions.push_back(axis);
  if (!in_range || ours != positions || positions.empty()) {
    return Unsupported(operation,
                       "is over other dimensions than all positions");
  }
  SHOAL_RETURN_IF_ERROR(
      AddGlobalAveragePool(importer, operation, x, axes, keep));
  return 1;
}

}  // namespace shoal::learning::onnx
