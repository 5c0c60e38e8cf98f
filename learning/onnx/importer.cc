#include "learning/onnx/importer.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/layers/make_layer.h"
#include "learning/model.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"

namespace shoal::learning::onnx {
namespace {

constexpr int64_t kMinOpset = 13;
constexpr int64_t kMaxOpset = 20;
constexpr absl::string_view kChannelsFirstOperators[] = {
    "AveragePool", "BatchNormalization", "Conv", "GlobalAveragePool",
    "MaxPool"};

// Whether an operator that wants channels first reads the value as it is.
bool WantsChannelsFirst(const File& file, absl::string_view name) {
  return std::any_of(
      file.operations.begin(), file.operations.end(),
      [&](const Operation& operation) {
        return !operation.inputs.empty() && operation.inputs[0] == name &&
               std::find(std::begin(kChannelsFirstOperators),
                         std::end(kChannelsFirstOperators),
                         operation.type) != std::end(kChannelsFirstOperators);
      });
}

// Names every layer with weights, or none: a name that we make up must not meet
// one of the file's.
void CollectNames(const std::vector<LayerSpec>& layers,
                  std::vector<std::string>& names) {
  for (const LayerSpec& layer : layers) {
    if (const auto* residual = std::get_if<ResidualSpec>(&layer.kind)) {
      CollectNames(residual->body, names);
      CollectNames(residual->shortcut, names);
    } else if (!layer.name.empty()) {
      names.push_back(layer.name);
    }
  }
}

void ClearNames(std::vector<LayerSpec>& layers) {
  for (LayerSpec& layer : layers) {
    layer.name.clear();
    if (auto* residual = std::get_if<ResidualSpec>(&layer.kind)) {
      ClearNames(residual->body);
      ClearNames(residual->shortcut);
    }
  }
}

void KeepNamesIfAll(LayerChain& chain) {
  std::vector<std::string> names;
  CollectNames(chain.layers, names);
  const std::set<std::string> different(names.begin(), names.end());
  if (names.size() != chain.values.size() || different.size() != names.size()) {
    ClearNames(chain.layers);
  }
}

// The values of the layers, in the order of the layers, as a device's vector.
absl::StatusOr<ParameterVector> DeviceVectorOf(
    const Model& model, const std::vector<std::vector<float>>& values) {
  ParameterVector vector(model.num_values());
  size_t next = 0;
  for (const Node& node : model.nodes()) {
    if (node.layer == nullptr || node.layer->num_parameters() == 0) continue;
    if (next >= values.size() || static_cast<int64_t>(values[next].size()) !=
                                     node.layer->num_parameters()) {
      return absl::InternalError(
          absl::StrCat("the values of layer ", node.name, " do not fit it"));
    }
    std::copy(values[next].begin(), values[next].end(),
              vector.begin() + node.parameter_offset);
    ++next;
  }
  return vector;
}

}  // namespace

absl::Status Importer::CheckFile() const {
  if (file_.opset < kMinOpset || file_.opset > kMaxOpset) {
    return absl::UnimplementedError(absl::StrCat("ONNX file: opset is ",
                                                 file_.opset, ", expected ",
                                                 kMinOpset, " to ", kMaxOpset));
  }
  if (file_.outputs.size() != 1) {
    return absl::UnimplementedError(absl::StrCat(
        "ONNX file: has ", file_.outputs.size(), " outputs, expected one"));
  }
  return absl::OkStatus();
}

absl::Status Importer::BindConstants() {
  SHOAL_RETURN_IF_ERROR(constants_.AddTensors(file_));
  for (const Operation& operation : file_.operations) {
    SHOAL_ASSIGN_OR_RETURN(const bool constant,
                           constants_.AddResultOf(operation));
    if (constant) continue;
    operations_.push_back(&operation);
    for (const std::string& name : operation.inputs) ++uses_[name];
  }
  ++uses_[file_.outputs[0].name];
  return absl::OkStatus();
}

absl::Status Importer::BindInput() {
  const Value* input = nullptr;
  int count = 0;
  for (const Value& value : file_.inputs) {
    // Files of early versions list their constants as inputs as well.
    if (constants_.Has(value.name)) continue;
    input = &value;
    ++count;
  }
  if (count != 1) {
    return absl::UnimplementedError(
        absl::StrCat("ONNX file: has ", count, " inputs, expected one"));
  }
  const bool tokens = input->type == DataType::kInt64;
  if (!tokens && input->type != DataType::kFloat) {
    return absl::UnimplementedError(absl::StrCat(
        "ONNX file: input '", input->name, "' is of data type ",
        static_cast<int>(input->type), ", expected float or int64"));
  }
  if (input->dims.size() < 2 || input->dims.size() > 4) {
    return absl::UnimplementedError(
        absl::StrCat("ONNX file: input '", input->name, "' has ",
                     input->dims.size(), " dimensions, expected 2 to 4"));
  }
  for (size_t i = 1; i < input->dims.size(); ++i) {
    const int64_t size = input->dims[i].size;
    if (size < 1 || size > kMaxLayerWidth) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ONNX file: input '", input->name, "' has ", size, " as dimension ",
          i, ", expected a fixed size from 1 to ", kMaxLayerWidth));
    }
    input_dims_.push_back(static_cast<int>(size));
  }
  input_name_ = input->name;
  channels_first_input_ =
      input_dims_.size() > 1 && WantsChannelsFirst(file_, input_name_);
  if (channels_first_input_) {
    std::rotate(input_dims_.begin(), input_dims_.begin() + 1,
                input_dims_.end());
  }
  const Form form =
      channels_first_input_ ? Form::kChannelsFirst : Form::kChannelsLast;
  Activation value;
  value.shape = Shape({input_dims_.begin(), input_dims_.end()});
  value.axes = AxesOf(form, value.shape.rank());
  value.tokens = tokens;
  activations_.emplace(input_name_, std::move(value));
  return absl::OkStatus();
}

absl::Status Importer::ReadOperators() {
  SHOAL_ASSIGN_OR_RETURN(size_t at, ReadPreprocessing(*this));
  while (at < operations_.size()) {
    SHOAL_ASSIGN_OR_RETURN(const int count, ReadOperator(*this, at));
    at += count;
  }
  return absl::OkStatus();
}

Target Importer::TargetOf(const Shape& output) const {
  if (metadata_.target.has_value() && metadata_.loss == loss_) {
    return *metadata_.target;
  }
  switch (loss_) {
    case Loss::kSoftmaxCrossEntropy:
      return Target::kLabels;
    case Loss::kBinaryCrossEntropy:
      return output.channels() == 1 ? Target::kLabels : Target::kValues;
    case Loss::kMeanSquaredError:
      break;
  }
  return Target::kValues;
}

absl::StatusOr<ImportedModel> Importer::Finish() {
  const std::string& name = file_.outputs[0].name;
  const auto it = activations_.find(name);
  if (it == activations_.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("ONNX file: no operator gives the output '", name, "'"));
  }
  const Activation& output = it->second;
  if (!output.Has(Form::kChannelsLast) || output.tokens) {
    return absl::UnimplementedError(absl::StrCat(
        "ONNX file: the output '", name,
        "' does not end with its channels, which models of ours do"));
  }
  absl::StatusOr<LayerChain> taken =
      layers_.Take(LayerTree::kRoot, output.step);
  if (!taken.ok()) {
    return absl::UnimplementedError(absl::StrCat(
        "ONNX file: the output '", name, "' ", taken.status().message()));
  }
  LayerChain chain = *std::move(taken);
  KeepNamesIfAll(chain);
  if (!preprocessing_values_.empty()) {
    chain.values.insert(chain.values.begin(), std::move(preprocessing_values_));
  }
  ImportedModel imported;
  imported.channels_first_input = channels_first_input_;
  imported.spec.preprocessing = preprocessing_;
  imported.spec.architecture = LayerListSpec{.input = input_dims_,
                                             .layers = std::move(chain.layers),
                                             .loss = loss_,
                                             .target = TargetOf(output.shape)};
  SHOAL_ASSIGN_OR_RETURN(const std::unique_ptr<Model> model,
                         Model::Create(imported.spec));
  SHOAL_ASSIGN_OR_RETURN(imported.values, DeviceVectorOf(*model, chain.values));
  return imported;
}

absl::StatusOr<ImportedModel> Importer::Import() {
  SHOAL_RETURN_IF_ERROR(CheckFile());
  metadata_ = ReadMetadata(file_.metadata);
  SHOAL_RETURN_IF_ERROR(BindConstants());
  SHOAL_RETURN_IF_ERROR(BindInput());
  SHOAL_RETURN_IF_ERROR(ReadOperators());
  return Finish();
}

int Importer::Uses(absl::string_view name) const {
  const auto it = uses_.find(name);
  return it == uses_.end() ? 0 : it->second;
}

bool Importer::IsOutput(absl::string_view name) const {
  return name == file_.outputs[0].name;
}

absl::StatusOr<Activation> Importer::TokenInput(const Operation& operation,
                                                size_t index) const {
  if (index >= operation.inputs.size()) {
    return Inconsistent(operation, absl::StrCat("has no input ", index));
  }
  const std::string& name = operation.inputs[index];
  const auto it = activations_.find(name);
  if (it == activations_.end()) {
    return Inconsistent(
        operation, absl::StrCat("has '", name, "' as input ", index,
                                ", expected a value that the input leads to"));
  }
  if (it->second.is_prediction) {
    return Unsupported(operation,
                       "stands behind the softmax or sigmoid at the end");
  }
  return it->second;
}

absl::StatusOr<Activation> Importer::Input(const Operation& operation,
                                           size_t index) const {
  SHOAL_ASSIGN_OR_RETURN(Activation value, TokenInput(operation, index));
  if (value.tokens) {
    return Unsupported(operation, "takes integers, which only Gather may");
  }
  return value;
}

absl::StatusOr<Activation> Importer::InputAs(Form form,
                                             const Operation& operation,
                                             size_t index) const {
  SHOAL_ASSIGN_OR_RETURN(Activation value, Input(operation, index));
  const bool possible = form != Form::kTimeFirst || value.shape.rank() == 2;
  if (!possible || !value.Has(form)) {
    return Unsupported(
        operation,
        absl::StrCat(
            "takes '", operation.inputs[index],
            "' in an order of dimensions that is not understood; "
            "expected ",
            form == Form::kChannelsLast    ? "[batch, …positions, channels]"
            : form == Form::kChannelsFirst ? "[batch, channels, …positions]"
                                           : "[length, batch, channels]"));
  }
  return value;
}

absl::Status Importer::SetOutput(const Operation& operation, Activation value) {
  for (size_t i = 1; i < operation.outputs.size(); ++i) {
    if (Uses(operation.outputs[i]) > 0 && !operation.outputs[i].empty()) {
      return Unsupported(operation, "has more than one output that is used");
    }
  }
  if (operation.outputs.empty()) {
    return Inconsistent(operation, "has no output");
  }
  return SetOutput(operation, operation.outputs[0], std::move(value));
}

absl::Status Importer::SetOutput(const Operation& operation,
                                 const std::string& name, Activation value) {
  if (constants_.Has(name) ||
      !activations_.emplace(name, std::move(value)).second) {
    return Inconsistent(
        operation, absl::StrCat("gives '", name, "', which exists already"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Activation> Importer::AddLayer(const Operation& operation,
                                              const Activation& input,
                                              LayerSpec spec,
                                              std::vector<float> values) {
  Activation after;
  if (std::holds_alternative<FlattenSpec>(spec.kind)) {
    after.shape = Shape({input.shape.num_values()});
  } else {
    const absl::StatusOr<std::unique_ptr<Layer>> layer =
        MakeLayer(spec, input.shape);
    if (!layer.ok()) return Inconsistent(operation, layer.status().message());
    if ((*layer)->num_parameters() != static_cast<int64_t>(values.size())) {
      return Inconsistent(
          operation, absl::StrCat("has ", values.size(), " weights, expected ",
                                  (*layer)->num_parameters()));
    }
    after.shape = (*layer)->output();
  }
  SHOAL_ASSIGN_OR_RETURN(
      after.step, layers_.Add(input.step, std::move(spec), std::move(values)));
  after.axes = AxesOf(Form::kChannelsLast, after.shape.rank());
  return after;
}

LayerSpec* Importer::SoleLayer(const Activation& input, absl::string_view name,
                               int uses) {
  if (input.step == LayerTree::kRoot || !input.sole || Uses(name) != uses) {
    return nullptr;
  }
  return &layers_.spec(input.step);
}

Activation Importer::Renamed(const Activation& input,
                             absl::string_view name) const {
  Activation value = input;
  value.sole = input.sole && Uses(name) == 1;
  return value;
}

void Importer::SetPreprocessing(const PreprocessingSpec& spec,
                                std::vector<float> values) {
  preprocessing_ = spec;
  preprocessing_values_ = std::move(values);
}

}  // namespace shoal::learning::onnx
