#include "learning/model.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/mlp.h"

namespace shoal::learning {
namespace {

absl::Status CheckWidth(absl::string_view what, int width, int minimum) {
  if (width < minimum || width > kMaxLayerWidth) {
    return absl::InvalidArgumentError(
        absl::StrCat("model ", what, " is ", width, ", expected ", minimum,
                     " to ", kMaxLayerWidth));
  }
  return absl::OkStatus();
}

// The widths of all layers, from inputs to outputs.
std::vector<int> LayerWidths(const ModelSpec& spec) {
  std::vector<int> widths = {spec.inputs()};
  if (const auto* mlp = std::get_if<MlpSpec>(&spec.architecture)) {
    widths.insert(widths.end(), mlp->hidden.begin(), mlp->hidden.end());
  }
  widths.push_back(spec.outputs());
  return widths;
}

absl::Status CheckWidths(const std::vector<int>& widths) {
  SHOAL_RETURN_IF_ERROR(CheckWidth("inputs", widths.front(), 1));
  SHOAL_RETURN_IF_ERROR(CheckWidth("outputs", widths.back(), 2));
  const size_t num_hidden = widths.size() - 2;
  if (num_hidden > 64) {
    return absl::InvalidArgumentError(
        absl::StrCat("model has ", num_hidden, " hidden layers, expected at ",
                     "most ", 64));
  }
  for (size_t i = 0; i < num_hidden; ++i) {
    SHOAL_RETURN_IF_ERROR(
        CheckWidth(absl::StrCat("hidden[", i, "]"), widths[i + 1], 1));
  }
  int64_t num_parameters = 0;
  for (size_t i = 1; i < widths.size(); ++i) {
    num_parameters += (int64_t{widths[i - 1]} + 1) * widths[i];
  }
  if (num_parameters > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("model has ", num_parameters,
                     " parameters, expected at most ", kMaxParameters));
  }
  return absl::OkStatus();
}

}  // namespace

int ModelSpec::inputs() const {
  const auto* mlp = std::get_if<MlpSpec>(&architecture);
  return mlp != nullptr ? mlp->inputs
                        : std::get<LogisticSpec>(architecture).inputs;
}

int ModelSpec::outputs() const {
  const auto* mlp = std::get_if<MlpSpec>(&architecture);
  return mlp != nullptr ? mlp->outputs
                        : std::get<LogisticSpec>(architecture).outputs;
}

void Score::Add(const Score& other) {
  loss_sum += other.loss_sum;
  num_correct += other.num_correct;
  num_examples += other.num_examples;
}

absl::StatusOr<std::unique_ptr<Model>> Model::Create(const ModelSpec& spec) {
  if (!std::holds_alternative<LogisticSpec>(spec.architecture) &&
      !std::holds_alternative<MlpSpec>(spec.architecture)) {
    return absl::UnimplementedError("only logistic and mlp models");
  }
  std::vector<int> widths = LayerWidths(spec);
  SHOAL_RETURN_IF_ERROR(CheckWidths(widths));
  return MakeMlp(spec, std::move(widths));
}

}  // namespace shoal::learning
