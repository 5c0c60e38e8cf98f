#include "learning/transfer_values.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/status_macros.h"
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

// What a model computes, one thing at a time. Value 0 is the input, value i + 1
// the result of step i.
struct Step {
  std::string text;        // equal texts compute the same
  const Node* node;        // null for an activation that was part of its node
  Shape input;             // empty for additions
  std::vector<int> reads;  // ascending
};

class Steps {
 public:
  static std::vector<Step> Of(const Model& model) {
    Steps steps(model);
    for (const Node& node : model.nodes()) steps.Append(node);
    return std::move(steps.steps_);
  }

 private:
  explicit Steps(const Model& model)
      : model_(model), value_of_(model.value_sizes().size(), 0) {}

  void Append(const Node& node) {
    if (node.layer == nullptr) {
      Push(node.output, {"addition",
                         &node,
                         Shape(),
                         {value_of_[node.input], value_of_[node.other_input]}});
      return;
    }
    if (!node.spec.has_value()) {
      Push(node.output, {Text(model_.spec().preprocessing, "preprocessing"),
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
    Push(node.output,
         {text, &node, node.layer->input(), {value_of_[node.input]}});
    if (activation == ActivationKind::kNone) return;
    const ActivationSpec alone = {activation};
    Push(node.output, {Text(alone, IdentityOf(alone).name),
                       nullptr,
                       node.layer->output(),
                       {value_of_[node.output]}});
  }

  void Push(int output, Step step) {
    std::sort(step.reads.begin(), step.reads.end());
    steps_.push_back(std::move(step));
    value_of_[output] = static_cast<int>(steps_.size());
  }

  const Model& model_;
  std::vector<int> value_of_;  // by the model's number of a value
  std::vector<Step> steps_;
};

std::string Described(const Step& step) {
  if (step.node == nullptr || step.node->layer == nullptr) return step.text;
  return absl::StrCat(step.text, " (", step.node->name, ")");
}

absl::Status CheckStep(size_t number, const Step& from, const Step& to) {
  const std::string place = absl::StrCat("layer ", number);
  if (from.text != to.text) {
    return absl::InvalidArgumentError(absl::StrCat(
        place, " is ", Described(from), ", expected ", Described(to)));
  }
  if (from.input != to.input) {
    return absl::InvalidArgumentError(absl::StrCat(
        place, ", ", Described(from), ", takes ", from.input.ToString(),
        ", expected ", to.input.ToString()));
  }
  if (from.reads != to.reads) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ", ", Described(from),
                     ", takes the results of other layers than expected"));
  }
  return absl::OkStatus();
}

absl::Status CheckSteps(const std::vector<Step>& from,
                        const std::vector<Step>& to) {
  const size_t common = std::min(from.size(), to.size());
  for (size_t i = 0; i < common; ++i) {
    SHOAL_RETURN_IF_ERROR(CheckStep(i + 1, from[i], to[i]));
  }
  if (from.size() < to.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("it ends behind layer ", common, ", expected ",
                     Described(to[common]), " next"));
  }
  if (from.size() > to.size()) {
    return absl::InvalidArgumentError(absl::StrCat("layer ", common + 1, " is ",
                                                   Described(from[common]),
                                                   ", expected the end"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ParameterVector> TransferValues(const Model& from,
                                               absl::Span<const float> values,
                                               const Model& to) {
  SHOAL_CHECK(static_cast<int64_t>(values.size()) == from.num_values());
  const std::vector<Step> from_steps = Steps::Of(from);
  const std::vector<Step> to_steps = Steps::Of(to);
  SHOAL_RETURN_IF_ERROR(CheckSteps(from_steps, to_steps));
  ParameterVector transferred(to.num_values(), 0.0f);
  for (size_t i = 0; i < to_steps.size(); ++i) {
    const Node* const source = from_steps[i].node;
    const Node* const target = to_steps[i].node;
    if (source == nullptr || source->layer == nullptr || target == nullptr) {
      continue;
    }
    SHOAL_CHECK(source->layer->num_parameters() ==
                target->layer->num_parameters());
    std::copy_n(values.begin() + source->parameter_offset,
                source->layer->num_parameters(),
                transferred.begin() + target->parameter_offset);
  }
  return transferred;
}

}  // namespace shoal::learning
