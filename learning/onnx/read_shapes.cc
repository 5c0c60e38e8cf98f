// Operators that move values without changing them.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"

namespace shoal::learning::onnx {
namespace {

// [batch, n], in the order in which the file has the values.
absl::StatusOr<Activation> Flattened(Importer& importer,
                                     const Operation& operation) {
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.Input(operation, 0));
  Activation y = importer.Renamed(x, operation.inputs[0]);
  y.axes.erase(std::remove(y.axes.begin(), y.axes.end(), -1), y.axes.end());
  const int rank = x.shape.rank();
  if (rank == 1 && y.axes == AxesOf(Form::kChannelsLast, 1)) return y;
  const bool channels_last =
      rank > 1 && y.axes == AxesOf(Form::kChannelsLast, rank);
  const bool channels_first =
      rank > 1 && y.axes == AxesOf(Form::kChannelsFirst, rank);
  if (!channels_last && !channels_first) {
    return Unsupported(operation,
                       "flattens an order of dimensions that is not "
                       "understood");
  }
  SHOAL_ASSIGN_OR_RETURN(Activation flat,
                         importer.AddLayer(operation, x, {FlattenSpec{}}, {}));
  const bool one_order = x.shape.channels() == 1 || x.shape.positions() == 1;
  if (channels_first && !one_order) flat.flattened_from = x.shape;
  return flat;
}

}  // namespace

absl::StatusOr<int> ReadTranspose(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const std::vector<int64_t> order = attributes.Ints("perm");
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.Input(operation, 0));
  Activation y = importer.Renamed(x, operation.inputs[0]);
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int64_t>(i)) sorted.clear();
  }
  if (sorted.size() != x.axes.size() || x.flattened_from.rank() > 0) {
    return Unsupported(operation,
                       absl::StrCat("has perm [", absl::StrJoin(order, ", "),
                                    "], which does not fit its input"));
  }
  for (size_t i = 0; i < order.size(); ++i) y.axes[i] = x.axes[order[i]];
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(y)));
  return 1;
}

absl::StatusOr<int> ReadFlatten(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const int64_t axis = attributes.Int("axis", 1);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  if (axis != 1) {
    return Unsupported(operation,
                       absl::StrCat("has axis ", axis, ", expected 1"));
  }
  SHOAL_ASSIGN_OR_RETURN(Activation y, Flattened(importer, operation));
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(y)));
  return 1;
}

// To [batch, n] only.
absl::StatusOr<int> ReadReshape(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const int64_t allow_zero = attributes.Int("allowzero", 0);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const std::vector<int64_t> shape,
                         importer.constants().Ints(operation, 1));
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.Input(operation, 0));
  const int64_t values = x.shape.num_values();
  // The batch may be told by the other number, by 0 (as before), or be fixed.
  const bool flattens =
      shape.size() == 2 && allow_zero == 0 &&
      (shape[1] == values || (shape[1] == -1 && shape[0] != -1));
  if (!flattens || x.axes.empty() || x.axes[0] != 0) {
    return Unsupported(operation,
                       absl::StrCat("has shape [", absl::StrJoin(shape, ", "),
                                    "], expected [batch, ", values, "]"));
  }
  SHOAL_ASSIGN_OR_RETURN(Activation y, Flattened(importer, operation));
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(y)));
  return 1;
}

// Of no zeros at all, which some exporters put before average pools.
absl::StatusOr<int> ReadPad(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const std::string mode = attributes.Text("mode", "constant");
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const std::vector<int64_t> pads,
                         importer.constants().Ints(operation, 1));
  if (mode != "constant" ||
      std::any_of(pads.begin(), pads.end(), [](int64_t n) { return n != 0; })) {
    return Unsupported(operation,
                       absl::StrCat("pads by [", absl::StrJoin(pads, ", "),
                                    "], expected only zeros there"));
  }
  return ReadIdentity(importer, at);
}

// Of dimensions that have no meaning.
absl::StatusOr<int> ReadSqueeze(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  SHOAL_RETURN_IF_ERROR(Attributes(operation).Finish());
  SHOAL_ASSIGN_OR_RETURN(const std::vector<int64_t> squeezed,
                         importer.constants().Ints(operation, 1));
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.Input(operation, 0));
  const int64_t rank = static_cast<int64_t>(x.axes.size());
  std::vector<bool> removed(rank, false);
  for (int64_t axis : squeezed) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || x.axes[axis] != -1) {
      return Unsupported(operation,
                         "removes a dimension that is more than a left-over");
    }
    removed[axis] = true;
  }
  Activation y = importer.Renamed(x, operation.inputs[0]);
  y.axes.clear();
  for (int64_t i = 0; i < rank; ++i) {
    if (!removed[i]) y.axes.push_back(x.axes[i]);
  }
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(y)));
  return 1;
}

}  // namespace shoal::learning::onnx
