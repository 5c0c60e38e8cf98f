// Normalisations, whole and in parts.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"

namespace shoal::learning::onnx {
namespace {

constexpr int X = kPatternInput;
constexpr int C = kPatternConstant;

// One value per channel for each of the inputs, one behind the other.
absl::StatusOr<std::vector<float>> PerChannel(
    Importer& importer, const Activation& x,
    absl::Span<const std::pair<const Operation*, size_t>> inputs) {
  std::vector<float> all;
  for (const auto& [operation, index] : inputs) {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<float> values,
                           importer.constants().TakeWeights(
                               *operation, index, x.shape.channels()));
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

absl::Status AddNorm(Importer& importer, const Operation& first,
                     const Operation& last, const Activation& x, LayerSpec spec,
                     std::vector<float> values) {
  SHOAL_ASSIGN_OR_RETURN(
      Activation y,
      importer.AddLayer(first, x, std::move(spec), std::move(values)));
  y.axes = x.axes;
  return importer.SetOutput(last, std::move(y));
}

// Whether the operator averages over the last dimension and keeps it.
absl::StatusOr<bool> AveragesLast(Importer& importer,
                                  const Operation& operation, int64_t rank) {
  Attributes attributes(operation);
  const std::vector<int64_t> axes = attributes.Ints("axes");
  const bool keep = attributes.Int("keepdims", 1) != 0;
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  return keep && axes.size() == 1 && (axes[0] == -1 || axes[0] == rank - 1);
}

}  // namespace

absl::StatusOr<int> ReadBatchNorm(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const float epsilon = attributes.Float("epsilon", 1e-5f);
  // Ours is the weight of the batch, theirs that of what came before.
  const auto momentum =
      static_cast<float>(1 - ToDouble(attributes.Float("momentum", 0.9f)));
  const int64_t training = attributes.Int("training_mode", 0);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  if (training != 0) return Unsupported(operation, "is in training mode");
  SHOAL_ASSIGN_OR_RETURN(const Activation x,
                         importer.InputAs(Form::kChannelsFirst, operation, 0));
  SHOAL_ASSIGN_OR_RETURN(std::vector<float> values,
                         PerChannel(importer, x,
                                    {{&operation, 1},
                                     {&operation, 2},
                                     {&operation, 3},
                                     {&operation, 4}}));
  const bool negative =
      std::any_of(values.end() - x.shape.channels(), values.end(),
                  [](float variance) { return variance < 0; });
  if (negative) return Inconsistent(operation, "has a negative variance");
  LayerSpec spec = {BatchNormSpec{.epsilon = ToDouble(epsilon),
                                  .momentum = ToDouble(momentum)},
                    importer.constants().LayerName(operation, 1)};
  SHOAL_RETURN_IF_ERROR(AddNorm(importer, operation, operation, x,
                                std::move(spec), std::move(values)));
  return 1;
}

absl::StatusOr<int> ReadLayerNorm(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const float epsilon = attributes.Float("epsilon", 1e-5f);
  const int64_t axis = attributes.Int("axis", -1);
  attributes.Int("stash_type", 1);  // of intermediate values
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const Activation x,
                         importer.InputAs(Form::kChannelsLast, operation, 0));
  if (axis != -1 && axis != x.shape.rank()) {
    return Unsupported(
        operation, absl::StrCat("has axis ", axis, ", expected the last one"));
  }
  SHOAL_ASSIGN_OR_RETURN(
      std::vector<float> values,
      PerChannel(importer, x, {{&operation, 1}, {&operation, 2}}));
  LayerSpec spec = {LayerNormSpec{.epsilon = ToDouble(epsilon)},
                    importer.constants().LayerName(operation, 1)};
  SHOAL_RETURN_IF_ERROR(AddNorm(importer, operation, operation, x,
                                std::move(spec), std::move(values)));
  return 1;
}

// (x - mean) / sqrt(mean of squares + epsilon) * scale + shift
absl::StatusOr<int> ReadLayerNormParts(Importer& importer, size_t at) {
  static const auto& pattern =
      *new std::array<PatternOperator, 9>{{{"ReduceMean", {X}},
                                           {"Sub", {X, 0}},
                                           {"Pow", {1, C}},
                                           {"ReduceMean", {2}},
                                           {"Add", {3, C}},
                                           {"Sqrt", {4}},
                                           {"Div", {1, 5}},
                                           {"Mul", {6, C}},
                                           {"Add", {7, C}}}};
  if (!MatchPattern(importer, at, pattern).has_value()) return 0;
  const auto part = [&](size_t i) { return importer.operations()[at + i]; };
  const Operation& first = *part(0);
  SHOAL_ASSIGN_OR_RETURN(const Activation x,
                         importer.InputAs(Form::kChannelsLast, first, 0));
  const int64_t rank = x.shape.rank() + 1;
  SHOAL_ASSIGN_OR_RETURN(const bool mean, AveragesLast(importer, first, rank));
  SHOAL_ASSIGN_OR_RETURN(const bool variance,
                         AveragesLast(importer, *part(3), rank));
  SHOAL_ASSIGN_OR_RETURN(const float two,
                         importer.constants().Scalar(*part(2), 1));
  SHOAL_ASSIGN_OR_RETURN(const float epsilon,
                         importer.constants().Scalar(*part(4), 1));
  if (!mean || !variance || two != 2) {
    return Unsupported(first,
                       "begins what is almost a layer normalisation, "
                       "over other dimensions or with other numbers");
  }
  SHOAL_ASSIGN_OR_RETURN(std::vector<float> values,
                         PerChannel(importer, x, {{part(7), 1}, {part(8), 1}}));
  LayerSpec spec = {LayerNormSpec{.epsilon = ToDouble(epsilon)},
                    importer.constants().LayerName(*part(7), 1)};
  SHOAL_RETURN_IF_ERROR(AddNorm(importer, first, *part(8), x, std::move(spec),
                                std::move(values)));
  return 9;
}

// Groups of channels as instances, then a scale and a shift per channel.
absl::StatusOr<int> ReadGroupNormParts(Importer& importer, size_t at) {
  static const auto& pattern =
      *new std::array<PatternOperator, 5>{{{"Reshape", {X, C}},
                                           {"InstanceNormalization", {0, C, C}},
                                           {"Reshape", {1, C}},
                                           {"Mul", {2, C}},
                                           {"Add", {3, C}}}};
  if (!MatchPattern(importer, at, pattern).has_value()) return 0;
  const auto part = [&](size_t i) { return importer.operations()[at + i]; };
  Constants& constants = importer.constants();
  SHOAL_ASSIGN_OR_RETURN(const Activation x,
                         importer.InputAs(Form::kChannelsFirst, *part(0), 0));
  const std::vector<int64_t>& ours = x.shape.dims();
  SHOAL_ASSIGN_OR_RETURN(const std::vector<int64_t> to_groups,
                         constants.Ints(*part(0), 1));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<int64_t> back,
                         constants.Ints(*part(2), 1));
  std::vector<int64_t> channels_first = {0, ours.back()};
  channels_first.insert(channels_first.end(), ours.begin(), ours.end() - 1);
  const bool groups = to_groups.size() == 3 && to_groups[0] == 0 &&
                      to_groups[1] >= 1 && to_groups[2] == -1 &&
                      ours.back() % to_groups[1] == 0;
  if (!groups || back != channels_first) {
    return Unsupported(*part(0),
                       "begins what is almost a group normalisation, "
                       "with other shapes");
  }
  Attributes attributes(*part(1));
  const float epsilon = attributes.Float("epsilon", 1e-5f);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(std::vector<float> ones,
                         constants.TakeWeights(*part(1), 1, to_groups[1]));
  SHOAL_ASSIGN_OR_RETURN(std::vector<float> zeros,
                         constants.TakeWeights(*part(1), 2, to_groups[1]));
  if (std::count(ones.begin(), ones.end(), 1.0f) != to_groups[1] ||
      std::count(zeros.begin(), zeros.end(), 0.0f) != to_groups[1]) {
    return Unsupported(*part(1), "scales or shifts its groups");
  }
  SHOAL_ASSIGN_OR_RETURN(std::vector<float> values,
                         PerChannel(importer, x, {{part(3), 1}, {part(4), 1}}));
  LayerSpec spec = {GroupNormSpec{.groups = ToInt(to_groups[1]),
                                  .epsilon = ToDouble(epsilon)},
                    constants.LayerName(*part(3), 1)};
  SHOAL_RETURN_IF_ERROR(AddNorm(importer, *part(0), *part(4), x,
                                std::move(spec), std::move(values)));
  return 5;
}

}  // namespace shoal::learning::onnx
