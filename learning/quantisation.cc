#include "learning/quantisation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "learning/layout_format.h"

namespace shoal::learning {
namespace {

constexpr absl::string_view kMagic = "SHQM";
constexpr uint16_t kFormatVersion = 1;
constexpr int kLargestCode = 127;

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("quantised model: ", what));
}

bool IsWeight(const TensorShape& tensor) { return tensor.dims.size() >= 2; }

// [channels]; never so small that it would lose bits, nor so large that its
// 127-fold is infinite.
std::vector<float> StepsOf(absl::Span<const float> weights, size_t channels) {
  std::vector<float> steps(channels, 0.0f);
  for (size_t i = 0; i < weights.size(); ++i) {
    float& largest = steps[i % channels];
    largest = std::max(largest, std::abs(weights[i]));
  }
  const float most =
      std::nextafter(std::numeric_limits<float>::max() / kLargestCode, 0.0f);
  for (float& step : steps) {
    step = std::clamp(step / kLargestCode, std::numeric_limits<float>::min(),
                      most);
  }
  return steps;
}

QuantisedTensor QuantiseTensor(absl::Span<const float> weights,
                               size_t channels) {
  QuantisedTensor tensor;
  tensor.steps = StepsOf(weights, channels);
  tensor.codes.reserve(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const double code =
        std::nearbyint(static_cast<double>(weights[i]) /
                       static_cast<double>(tensor.steps[i % channels]));
    tensor.codes.push_back(static_cast<int8_t>(
        std::clamp<double>(code, -kLargestCode, kLargestCode)));
  }
  return tensor;
}

template <typename Value>
void AppendValues(std::string& out, const std::vector<Value>& values) {
  out.append(reinterpret_cast<const char*>(values.data()),
             values.size() * sizeof(Value));
}

// Empty when there are too few bytes; the reader then is not ok.
template <typename Value>
std::vector<Value> ReadValues(ByteReader& reader, int64_t size) {
  const absl::string_view bytes = reader.Bytes(size * sizeof(Value));
  std::vector<Value> values(bytes.size() / sizeof(Value));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

absl::StatusOr<QuantisedTensor> ParseTensor(const TensorShape& shape,
                                            ByteReader& reader) {
  QuantisedTensor tensor;
  if (IsWeight(shape)) {
    tensor.steps = ReadValues<float>(reader, shape.dims.back());
    tensor.codes = ReadValues<int8_t>(reader, shape.num_values());
  } else {
    tensor.values = ReadValues<float>(reader, shape.num_values());
  }
  if (!reader.ok()) return Broken(absl::StrCat("ends inside ", shape.name));
  if (!AllFinite(tensor.values)) {
    return Broken(absl::StrCat("a value of ", shape.name, " is not finite"));
  }
  for (float step : tensor.steps) {
    // A product of a step and a code must be finite as well.
    if (!(step >= std::numeric_limits<float>::min() &&
          std::isfinite(step * kLargestCode))) {
      return Broken(absl::StrCat("a step of ", shape.name, " is ", step,
                                 ", expected a positive number whose 127-fold "
                                 "is finite"));
    }
  }
  const auto lowest =
      std::min_element(tensor.codes.begin(), tensor.codes.end());
  if (lowest != tensor.codes.end() && *lowest < -kLargestCode) {
    return Broken(absl::StrCat("a code of ", shape.name,
                               " is -128, expected -127 to 127"));
  }
  return tensor;
}

}  // namespace

absl::StatusOr<QuantisedModel> QuantisedModel::Quantise(
    const ParameterLayout& layout, absl::Span<const float> parameters) {
  if (static_cast<int64_t>(parameters.size()) != layout.num_parameters()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", parameters.size(), " parameters, expected ",
                     layout.num_parameters()));
  }
  QuantisedModel model;
  model.layout_ = layout;
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const TensorShape& shape = layout.tensors()[i];
    const auto values = parameters.subspan(layout.offset(static_cast<int>(i)),
                                           shape.num_values());
    if (!std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); })) {
      return absl::InvalidArgumentError(
          absl::StrCat("a value of ", shape.name, " is not finite"));
    }
    if (IsWeight(shape)) {
      model.tensors_.push_back(QuantiseTensor(values, shape.dims.back()));
    } else {
      model.tensors_.push_back(
          {.values = std::vector<float>(values.begin(), values.end())});
    }
  }
  return model;
}

ParameterVector QuantisedModel::Dequantise() const {
  ParameterVector parameters;
  parameters.reserve(layout_.num_parameters());
  for (const QuantisedTensor& tensor : tensors_) {
    parameters.insert(parameters.end(), tensor.values.begin(),
                      tensor.values.end());
    for (size_t i = 0; i < tensor.codes.size(); ++i) {
      parameters.push_back(tensor.codes[i] *
                           tensor.steps[i % tensor.steps.size()]);
    }
  }
  return parameters;
}

std::string QuantisedModel::Serialize() const {
  std::string bytes(kMagic);
  AppendU16(bytes, kFormatVersion);
  AppendU16(bytes, 0);
  bytes += layout_.Encode();
  for (const QuantisedTensor& tensor : tensors_) {
    AppendValues(bytes, tensor.steps);
    AppendValues(bytes, tensor.codes);
    AppendValues(bytes, tensor.values);
  }
  return bytes;
}

absl::StatusOr<QuantisedModel> QuantisedModel::Parse(absl::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return Broken("does not begin with 'SHQM'");
  }
  const uint16_t version = reader.U16();
  const uint16_t reserved = reader.U16();
  if (!reader.ok()) return Broken("ends inside the header");
  if (version != kFormatVersion || reserved != 0) {
    return Broken(absl::StrCat("has format version ", version, " and reserved ",
                               reserved, ", expected ", kFormatVersion,
                               " and 0"));
  }
  QuantisedModel model;
  SHOAL_ASSIGN_OR_RETURN(model.layout_, ParseLayout("quantised model", reader));
  for (const TensorShape& shape : model.layout_.tensors()) {
    SHOAL_ASSIGN_OR_RETURN(QuantisedTensor tensor, ParseTensor(shape, reader));
    model.tensors_.push_back(std::move(tensor));
  }
  if (!reader.rest().empty()) {
    return Broken(absl::StrCat("is followed by ", reader.rest().size(),
                               " bytes, expected none"));
  }
  return model;
}

}  // namespace shoal::learning
