#include "learning/prediction_steps.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "learning/layers/windows.h"
#include "learning/model_spec_fields.h"

namespace shoal::learning {
namespace {

absl::string_view Word(Padding padding) {
  return padding == Padding::kSame ? "same" : "valid";
}

absl::string_view Word(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kNone:
      return "none";
    case ActivationKind::kRelu:
      return "relu";
    case ActivationKind::kGelu:
      return "gelu";
    case ActivationKind::kTanh:
      return "tanh";
    case ActivationKind::kSigmoid:
      return "sigmoid";
  }
  SHOAL_CHECK(false);
}

// The fields of a specification as a task file has them, without those that
// change no prediction and the activation, which is a step of its own.
class FieldTexts {
 public:
  void operator()(absl::string_view name, int value) {
    Add(name, absl::StrCat(value));
  }
  void operator()(absl::string_view name, bool value) {
    Add(name, value ? "true" : "false");
  }
  // Six digits: what a file of float32 values keeps.
  void operator()(absl::string_view name, double value) {
    if (name != "momentum") Add(name, absl::StrCat(value));
  }
  void operator()(absl::string_view name, Padding value) {
    Add(name, Word(value));
  }
  void operator()(absl::string_view name, ActivationKind value) {
    if (name != "activation") Add(name, Word(value));
  }
  void operator()(absl::string_view, const std::vector<LayerSpec>&) {
    SHOAL_CHECK(false);  // residual blocks are no nodes
  }

  std::string ToString() const {
    return texts_.empty()
               ? ""
               : absl::StrCat(" {", absl::StrJoin(texts_, ", "), "}");
  }

 private:
  void Add(absl::string_view name, absl::string_view value) {
    texts_.push_back(absl::StrCat(name, ": ", value));
  }

  std::vector<std::string> texts_;
};

template <typename Spec>
std::string Text(const Spec& spec, absl::string_view name) {
  FieldTexts fields;
  VisitFields(spec, fields);
  return absl::StrCat(name, fields.ToString());
}

// Whether windows of this padding reach out of the input.
bool ReachesOut(WindowSpec window, const Shape& input) {
  if (window.padding == Padding::kValid) return false;
  const auto placed = PlaceWindows(window, input);
  SHOAL_CHECK(placed.ok());  // the layer has been made
  const auto beyond = [](int64_t windows, int64_t stride, int64_t kernel,
                         int64_t size) {
    return (windows - 1) * stride + kernel > size;
  };
  return beyond(placed->out_height, placed->stride_height,
                placed->kernel_height, placed->height) ||
         beyond(placed->out_width, placed->stride_width, placed->kernel_width,
                placed->width);
}

// One way of writing what can be written in several.
LayerSpec Normalised(LayerSpec spec, const Shape& input) {
  std::visit(
      [&](auto& kind) {
        if constexpr (requires { kind.kernel; }) {
          if (!ReachesOut({kind.kernel, kind.stride, kind.padding}, input)) {
            kind.padding = Padding::kValid;
          }
        } else if constexpr (requires { kind.padding; }) {  // a pool
          if (kind.stride == 0) kind.stride = kind.size;
          if (!ReachesOut({kind.size, kind.stride, kind.padding}, input)) {
            kind.padding = Padding::kValid;
          }
        }
      },
      spec.kind);
  return spec;
}

class StepsOfModel {
 public:
  static std::vector<PredictionStep> Of(const Model& model) {
    StepsOfModel steps(model);
    for (const Node& node : model.nodes()) steps.Append(node);
    return std::move(steps.steps_);
  }

 private:
  explicit StepsOfModel(const Model& model)
      : model_(model), value_of_(model.value_sizes().size(), 0) {}

  void Append(const Node& node) {
    if (node.layer == nullptr) {
      Push(node.output, {"addition",
                         absl::StrCat("the sum of ", node.name),
                         &node,
                         Shape(),
                         {value_of_[node.input], value_of_[node.other_input]}});
      return;
    }
    if (!node.spec.has_value()) {
      Push(node.output, {Text(model_.spec().preprocessing, "preprocessing"),
                         "the preprocessing",
                         &node,
                         node.layer->input(),
                         {value_of_[node.input]}});
      return;
    }
    if (std::holds_alternative<DropoutSpec>(node.spec->kind)) {
      value_of_[node.output] = value_of_[node.input];
      return;
    }
    AppendLayer(node);
  }

  void AppendLayer(const Node& node) {
    const LayerSpec spec = Normalised(*node.spec, node.layer->input());
    ActivationKind activation = ActivationKind::kNone;
    const std::string text = std::visit(
        [&](const auto& kind) {
          if constexpr (requires { kind.activation; }) {
            activation = kind.activation;
          }
          return Text(kind, IdentityOf(kind).name);
        },
        spec.kind);
    Push(node.output, {text,
                       absl::StrCat("layer ", node.name),
                       &node,
                       node.layer->input(),
                       {value_of_[node.input]}});
    if (activation == ActivationKind::kNone) return;
    const ActivationSpec alone = {activation};
    Push(node.output, {Text(alone, IdentityOf(alone).name),
                       absl::StrCat("the activation of ", node.name),
                       nullptr,
                       node.layer->output(),
                       {value_of_[node.output]}});
  }

  void Push(int output, PredictionStep step) {
    std::sort(step.reads.begin(), step.reads.end());
    steps_.push_back(std::move(step));
    value_of_[output] = static_cast<int>(steps_.size());
  }

  const Model& model_;
  std::vector<int> value_of_;  // by the model's number of a value
  std::vector<PredictionStep> steps_;
};

std::string DifferenceOf(const PredictionStep& from, const PredictionStep& to) {
  if (from.text != to.text) {
    return absl::StrCat(from.place, " is ", from.text, ", expected ", to.text,
                        " (", to.place, ")");
  }
  if (from.input != to.input) {
    return absl::StrCat(from.place, ", ", from.text, ", takes ",
                        from.input.ToString(), ", expected ",
                        to.input.ToString());
  }
  if (from.reads != to.reads) {
    return absl::StrCat(from.place, ", ", from.text,
                        ", takes the results of other layers than expected");
  }
  return "";
}

}  // namespace

std::vector<PredictionStep> PredictionStepsOf(const Model& model) {
  return StepsOfModel::Of(model);
}

CommonSteps CompareSteps(const std::vector<PredictionStep>& from,
                         const std::vector<PredictionStep>& to) {
  CommonSteps common;
  const size_t shorter = std::min(from.size(), to.size());
  for (; common.count < shorter; ++common.count) {
    common.difference = DifferenceOf(from[common.count], to[common.count]);
    if (!common.difference.empty()) return common;
  }
  if (from.size() < to.size()) {
    const std::string end =
        shorter == 0 ? "it has no layers"
                     : absl::StrCat("it ends behind ", from.back().place);
    common.difference = absl::StrCat(end, ", expected ", to[shorter].text, " (",
                                     to[shorter].place, ") next");
  } else if (from.size() > to.size()) {
    common.difference = absl::StrCat(from[shorter].place, " is ",
                                     from[shorter].text, ", expected the end");
  }
  return common;
}

}  // namespace shoal::learning
