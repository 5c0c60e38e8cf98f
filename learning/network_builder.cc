// From a specification to the model's network.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/expand_model.h"
#include "learning/layers/make_layer.h"
#include "learning/layers/preprocess.h"
#include "learning/model.h"

namespace shoal::learning {
namespace {

constexpr absl::string_view kPreprocessName = "input";
// Who has a name, for errors.
constexpr absl::string_view kNamedLayer = "a layer that the task names so";
constexpr absl::string_view kUnnamedLayer =
    "a layer without a name, which is called so by its kind and place";

absl::Status CheckInput(const std::vector<int>& dims) {
  if (dims.empty() || dims.size() > 3) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model input has ", dims.size(),
        " dimensions, expected [n], [length, channels] or [height, width, "
        "channels]"));
  }
  int64_t product = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 1 || dims[i] > kMaxLayerWidth) {
      return absl::InvalidArgumentError(
          dims.size() == 1 ? absl::StrCat("model inputs is ", dims[i],
                                          ", expected 1 to ", kMaxLayerWidth)
                           : absl::StrCat("model input[", i, "] is ", dims[i],
                                          ", expected 1 to ", kMaxLayerWidth));
    }
    product *= dims[i];
    if (product > kMaxValuesPerExample) {
      return absl::InvalidArgumentError(absl::StrCat(
          "model input has more than ", kMaxValuesPerExample, " values"));
    }
  }
  return absl::OkStatus();
}

absl::Status Within(absl::string_view layer, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("layer ", layer, ": ", status.message()));
}

// The activation that a layer applies to its output; those other than ReLU
// become a node of their own.
ActivationKind* ActivationOf(LayerSpec& spec) {
  return std::visit(
      [](auto& kind) -> ActivationKind* {
        if constexpr (requires { kind.activation; }) {
          return &kind.activation;
        } else {
          return nullptr;
        }
      },
      spec.kind);
}

}  // namespace

// Walks the list of layers once, following the shape.
class NetworkBuilder {
 public:
  explicit NetworkBuilder(const ModelSpec& spec)
      : spec_(spec), list_(ExpandModel(spec)) {}

  absl::StatusOr<std::unique_ptr<Model>> Build();
  absl::StatusOr<std::unique_ptr<Model>> BuildExternal(
      const ExternalSpec& external);

 private:
  // A value of the network and its shape there; flattening changes the shape
  // alone.
  struct Place {
    int value = 0;
    Shape shape;
  };
  struct Flags {
    bool frozen = false;
    bool is_private = false;
  };

  int NewValue(const Shape& shape);
  absl::StatusOr<Place> Chain(const std::vector<LayerSpec>& layers, Place at,
                              int depth, Flags inherited);
  absl::StatusOr<Place> One(const LayerSpec& spec, const Place& at, int depth,
                            Flags inherited);
  // `name`: of the block, for its sum and its errors.
  absl::StatusOr<Place> Residual(const std::string& name,
                                 const ResidualSpec& spec, const Place& at,
                                 int depth, Flags flags);
  Place Append(std::string name, std::unique_ptr<const Layer> layer,
               std::optional<LayerSpec> spec, const Place& at, Flags flags);
  absl::StatusOr<std::string> Name(const LayerSpec& spec);
  absl::Status CheckSizes() const;
  absl::Status CheckOutput() const;
  void BindParameters();

  const ModelSpec& spec_;
  const LayerListSpec list_;
  std::unique_ptr<Model> model_;
  std::map<std::string, int, std::less<>> counters_;
  // What has each name: kNamedLayer, kUnnamedLayer or the preprocessing.
  std::map<std::string, absl::string_view, std::less<>> names_;
  int num_layers_ = 0;
};

int NetworkBuilder::NewValue(const Shape& shape) {
  model_->value_sizes_.push_back(shape.num_values());
  return static_cast<int>(model_->value_sizes_.size()) - 1;
}

absl::StatusOr<std::string> NetworkBuilder::Name(const LayerSpec& spec) {
  std::string name = spec.name;
  if (name.empty()) {
    const std::string kind(LayerKindName(spec));
    name = absl::StrCat(kind, ++counters_[kind]);
  }
  const bool well_formed =
      name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  if (!well_formed) {
    return absl::InvalidArgumentError(absl::StrCat(
        "layer name '", name, "': expected up to 63 of a-z, 0-9 and _"));
  }
  const absl::string_view owner =
      spec.name.empty() ? kUnnamedLayer : kNamedLayer;
  const auto [first, is_new] = names_.emplace(name, owner);
  if (is_new) return name;
  return absl::InvalidArgumentError(
      absl::StrCat("two layers are named '", name, "': ", first->second,
                   " and ", owner, "; expected another name"));
}

NetworkBuilder::Place NetworkBuilder::Append(std::string name,
                                             std::unique_ptr<const Layer> layer,
                                             std::optional<LayerSpec> spec,
                                             const Place& at, Flags flags) {
  Node node;
  node.name = std::move(name);
  node.spec = std::move(spec);
  node.input = at.value;
  node.output = NewValue(layer->output());
  node.frozen = flags.frozen;
  node.is_private = flags.is_private;
  const Place place = {node.output, layer->output()};
  node.layer = std::move(layer);
  model_->nodes_.push_back(std::move(node));
  return place;
}

absl::StatusOr<NetworkBuilder::Place> NetworkBuilder::Residual(
    const std::string& name, const ResidualSpec& spec, const Place& at,
    int depth, Flags flags) {
  const auto refused = [&name](absl::string_view problem) {
    return Within(name, absl::InvalidArgumentError(problem));
  };
  if (depth >= kMaxResidualDepth) {
    return refused(absl::StrCat("residual blocks are nested deeper than ",
                                kMaxResidualDepth));
  }
  if (spec.body.empty()) return refused("a residual block has no body");
  SHOAL_ASSIGN_OR_RETURN(Place body, Chain(spec.body, at, depth + 1, flags));
  SHOAL_ASSIGN_OR_RETURN(Place shortcut,
                         Chain(spec.shortcut, at, depth + 1, flags));
  if (body.shape != shortcut.shape) {
    return refused(absl::StrCat("a residual block's body ends as ",
                                body.shape.ToString(), ", its shortcut as ",
                                shortcut.shape.ToString()));
  }
  if (body.value == shortcut.value) {
    return refused("a residual block's body and shortcut are the same value");
  }
  Node node;
  node.name = name;
  node.input = body.value;
  node.other_input = shortcut.value;
  node.output = NewValue(body.shape);
  const Place place = {node.output, body.shape};
  model_->nodes_.push_back(std::move(node));
  return place;
}

absl::StatusOr<NetworkBuilder::Place> NetworkBuilder::One(
    const LayerSpec& given, const Place& at, int depth, Flags inherited) {
  if (++num_layers_ > kMaxLayers) {
    return absl::InvalidArgumentError(
        absl::StrCat("model has more than ", kMaxLayers, " layers"));
  }
  const Flags flags = {inherited.frozen || given.frozen,
                       inherited.is_private || given.is_private};
  if (const auto* residual = std::get_if<ResidualSpec>(&given.kind)) {
    SHOAL_ASSIGN_OR_RETURN(const std::string name, Name(given));
    return Residual(name, *residual, at, depth, flags);
  }
  if (std::holds_alternative<FlattenSpec>(given.kind)) {
    return Place{at.value, Shape({at.shape.num_values()})};
  }
  LayerSpec spec = given;
  spec.frozen = flags.frozen;
  ActivationKind activation = ActivationKind::kNone;
  if (ActivationKind* own = ActivationOf(spec);
      own != nullptr && *own != ActivationKind::kRelu) {
    activation = std::exchange(*own, ActivationKind::kNone);
  }
  SHOAL_ASSIGN_OR_RETURN(const std::string name, Name(spec));
  absl::StatusOr<std::unique_ptr<Layer>> layer = MakeLayer(spec, at.shape);
  if (!layer.ok()) return Within(name, layer.status());
  Flags own_flags = flags;
  own_flags.is_private |=
      std::holds_alternative<BatchNormSpec>(spec.kind) && !flags.frozen;
  Place place = Append(name, *std::move(layer), spec, at, own_flags);
  if (activation == ActivationKind::kNone) return place;
  const LayerSpec activation_spec = {ActivationSpec{activation}};
  SHOAL_ASSIGN_OR_RETURN(layer, MakeLayer(activation_spec, place.shape));
  return Append(absl::StrCat(name, "_activation"), *std::move(layer),
                activation_spec, place, flags);
}

absl::StatusOr<NetworkBuilder::Place> NetworkBuilder::Chain(
    const std::vector<LayerSpec>& layers, Place at, int depth,
    Flags inherited) {
  for (const LayerSpec& layer : layers) {
    SHOAL_ASSIGN_OR_RETURN(at, One(layer, at, depth, inherited));
  }
  return at;
}

absl::Status NetworkBuilder::CheckSizes() const {
  int64_t num_values = 0;
  for (int64_t size : model_->value_sizes_) num_values += size;
  if (num_values > kMaxValuesPerExample) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model has ", num_values, " values per example, expected at most ",
        kMaxValuesPerExample));
  }
  int64_t num_parameters = 0;
  for (const Node& node : model_->nodes_) {
    if (node.layer != nullptr) num_parameters += node.layer->num_parameters();
  }
  if (num_parameters > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("model has ", num_parameters,
                     " parameters, expected at most ", kMaxParameters));
  }
  return absl::OkStatus();
}

absl::Status NetworkBuilder::CheckOutput() const {
  const Shape& output = model_->output_;
  const std::string shape = output.ToString();
  switch (list_.target) {
    case Target::kLabels:
      if (list_.loss == Loss::kMeanSquaredError) {
        return absl::InvalidArgumentError(
            "mean squared error does not compare with labels; expected target "
            "values or input");
      }
      if (list_.loss == Loss::kSoftmaxCrossEntropy && output.channels() < 2) {
        return absl::InvalidArgumentError(
            absl::StrCat("model outputs is ", output.channels(),
                         ", expected 2 to ", kMaxLayerWidth, " classes"));
      }
      if (list_.loss == Loss::kBinaryCrossEntropy && output.channels() != 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            "binary cross-entropy on labels wants one output, the model ends "
            "as ",
            shape));
      }
      return absl::OkStatus();
    case Target::kInput:
      if (output.num_values() != model_->value_sizes_[model_->target_value_]) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the model ends as ", shape, ", its input has ",
            model_->value_sizes_[model_->target_value_], " values"));
      }
      [[fallthrough]];
    case Target::kValues:
      if (list_.loss == Loss::kSoftmaxCrossEntropy) {
        return absl::InvalidArgumentError(
            "softmax cross-entropy compares with labels only");
      }
      return absl::OkStatus();
  }
  return absl::InvalidArgumentError("unknown target");
}

void NetworkBuilder::BindParameters() {
  std::vector<TensorShape> shared;
  std::vector<TensorShape> kept;
  int64_t num_shared = 0;
  for (const Node& node : model_->nodes_) {
    if (node.layer == nullptr) continue;
    if (!node.is_private) num_shared += node.layer->num_parameters();
  }
  int64_t shared_offset = 0;
  int64_t private_offset = num_shared;
  for (Node& node : model_->nodes_) {
    if (node.layer == nullptr) continue;
    int64_t& offset = node.is_private ? private_offset : shared_offset;
    node.parameter_offset = offset;
    offset += node.layer->num_parameters();
    for (const LayerTensor& tensor : node.layer->tensors()) {
      (node.is_private ? kept : shared)
          .push_back({absl::StrCat(node.name, ".", tensor.name), tensor.dims});
    }
  }
  model_->layout_ = ParameterLayout(std::move(shared));
  model_->private_layout_ = ParameterLayout(std::move(kept));
}

absl::StatusOr<std::unique_ptr<Model>> NetworkBuilder::Build() {
  SHOAL_RETURN_IF_ERROR(CheckInput(list_.input));
  model_ = std::unique_ptr<Model>(new Model());
  model_->spec_ = spec_;
  model_->loss_ = list_.loss;
  model_->target_ = list_.target;
  model_->input_ = Shape({list_.input.begin(), list_.input.end()});
  Place at = {NewValue(model_->input_), model_->input_};
  if (spec_.preprocessing.any()) {
    absl::StatusOr<std::unique_ptr<Layer>> layer =
        MakePreprocess(spec_.preprocessing, at.shape);
    if (!layer.ok()) return Within("preprocessing", layer.status());
    names_.emplace(kPreprocessName, "the preprocessing");
    at = Append(std::string(kPreprocessName), *std::move(layer), std::nullopt,
                at, {});
  }
  model_->target_value_ = at.value;
  SHOAL_ASSIGN_OR_RETURN(at, Chain(list_.layers, at, 0, {}));
  model_->output_ = at.shape;
  SHOAL_RETURN_IF_ERROR(CheckSizes());
  SHOAL_RETURN_IF_ERROR(CheckOutput());
  const bool has_trainable =
      std::any_of(model_->nodes_.begin(), model_->nodes_.end(),
                  [](const Node& n) { return n.trainable() && !n.is_private; });
  if (!has_trainable) {
    return absl::InvalidArgumentError(
        "model has no layer that a federation could train: all are frozen, "
        "private or without parameters");
  }
  BindParameters();
  return std::move(model_);
}

absl::StatusOr<std::unique_ptr<Model>> NetworkBuilder::BuildExternal(
    const ExternalSpec& external) {
  if (external.parameters < 1 || external.parameters > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("model parameters is ", external.parameters,
                     ", expected 1 to ", kMaxParameters));
  }
  if (external.classes < 0 || external.classes > kMaxLayerWidth) {
    return absl::InvalidArgumentError(
        absl::StrCat("model classes is ", external.classes, ", expected 0 to ",
                     kMaxLayerWidth));
  }
  if (spec_.preprocessing.any()) {
    return absl::InvalidArgumentError(
        "a product's own model has no preprocessing that is known here");
  }
  model_ = std::unique_ptr<Model>(new Model());
  model_->spec_ = spec_;
  model_->target_ = external.classes > 0 ? Target::kLabels : Target::kInput;
  model_->input_ = Shape({1});
  model_->output_ = Shape({std::max(external.classes, 1)});
  model_->layout_ = ParameterLayout({{"values", {external.parameters}}});
  return std::move(model_);
}

absl::StatusOr<std::unique_ptr<Model>> Model::Create(const ModelSpec& spec) {
  NetworkBuilder builder(spec);
  const auto* external = std::get_if<ExternalSpec>(&spec.architecture);
  return external == nullptr ? builder.Build()
                             : builder.BuildExternal(*external);
}

}  // namespace shoal::learning
