#include "coordinator/programs/shoalctl/transfer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/model_files.h"
#include "learning/initial_model.h"
#include "learning/model.h"
#include "learning/onnx/read_onnx.h"
#include "learning/transfer_values.h"

namespace shoal::shoalctl {
namespace {

using learning::BodyTransfer;
using learning::Model;
using learning::Node;
using learning::ParameterVector;

absl::Status Wrong(absl::string_view source, const absl::Status& status) {
  return absl::InvalidArgumentError(
      absl::StrCat(source, ": ", status.message()));
}

absl::StatusOr<BodyTransfer> FromFile(const std::string& path, const Model& to,
                                      ParameterVector initial) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  if (!IsOnnxFile(path)) {
    SHOAL_ASSIGN_OR_RETURN(const learning::StoredModel from,
                           learning::ParseModel(*bytes));
    return learning::TransferBody(from, to, std::move(initial));
  }
  SHOAL_ASSIGN_OR_RETURN(const learning::ImportedModel file,
                         learning::ReadOnnx(*bytes));
  SHOAL_ASSIGN_OR_RETURN(const auto from, Model::Create(file.spec));
  return learning::TransferBody(*from, file.values, to, std::move(initial));
}

absl::StatusOr<BodyTransfer> FromCoordinator(Shell& shell,
                                             const v1::ModelReport& version,
                                             const Model& to,
                                             ParameterVector initial) {
  SHOAL_ASSIGN_OR_RETURN(const configuration::Task task,
                         GetTask(shell, version.task()));
  SHOAL_ASSIGN_OR_RETURN(const auto from, Model::Create(task.model));
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, FetchModel(shell, version));
  SHOAL_ASSIGN_OR_RETURN(const ParameterVector shared,
                         ParametersIn(bytes, *from, VersionName(version)));
  absl::StatusOr<BodyTransfer> body = learning::TransferBody(
      *from, from->DeviceVector(shared), to, std::move(initial));
  if (!body.ok()) return Wrong(VersionName(version), body.status());
  return body;
}

LayerNames NamesOf(const std::vector<const Node*>& nodes) {
  LayerNames layers;
  for (const Node* node : nodes) {
    layers.names.push_back(node->name);
    layers.num_values += node->layer->num_parameters();
  }
  return layers;
}

// `last_layers`: 0: all.
std::vector<std::string> TrainedLayers(const Model& model, int last_layers) {
  std::vector<std::string> names;
  for (const Node& node : model.nodes()) {
    if (node.trainable()) names.push_back(node.name);
  }
  const int extra = static_cast<int>(names.size()) - last_layers;
  if (last_layers > 0 && extra > 0) {
    names.erase(names.begin(), names.begin() + extra);
  }
  return names;
}

// Random values that nobody trains are a mistake.
absl::Status CheckFreshAreTrained(const TransferredModel& model) {
  for (const std::string& name : model.fresh.names) {
    const bool trained = std::find(model.trained.begin(), model.trained.end(),
                                   name) != model.trained.end();
    if (trained) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "layer ", name, " is new (", model.difference,
        ") and would keep its random values: the task trains only ",
        absl::StrJoin(model.trained, ", "),
        "; expected training.last_layers and frozen: to leave it in"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TransferredModel> TransferModel(
    Shell& shell, const std::string& source, const configuration::Task& task) {
  SHOAL_ASSIGN_OR_RETURN(const auto to, Model::Create(task.model));
  ParameterVector initial =
      to->DeviceVector(learning::DrawInitialValues(*to, task.seed));
  TransferredModel model;
  absl::StatusOr<BodyTransfer> body = BodyTransfer();
  if (IsModelFile(source)) {
    model.from = source;
    body = FromFile(source, *to, std::move(initial));
    if (!body.ok()) return Wrong(source, body.status());
  } else {
    SHOAL_ASSIGN_OR_RETURN(const v1::ModelReport version,
                           GetModel(shell, source));
    model.from = VersionName(version);
    body = FromCoordinator(shell, version, *to, std::move(initial));
  }
  if (!body.ok()) return body.status();
  model.taken_over = NamesOf(body->taken_over);
  model.fresh = NamesOf(body->fresh);
  model.trained = TrainedLayers(*to, task.training.last_layers);
  model.private_layers = PrivateLayers(*to);
  model.difference = body->difference;
  model.seed = task.seed;
  if (const absl::Status trained = CheckFreshAreTrained(model); !trained.ok()) {
    return Wrong(model.from, trained);
  }
  model.bytes = learning::SerializeModel(
      to->layout(),
      absl::MakeConstSpan(body->values).first(to->layout().num_parameters()));
  return model;
}

std::string TransferText(const TransferredModel& model) {
  std::string text =
      absl::StrCat("taken over from ", model.from, ": ",
                   absl::StrJoin(model.taken_over.names, ", "), " (",
                   model.taken_over.num_values, " values)\n");
  if (model.fresh.names.empty()) {
    absl::StrAppend(&text, "new: nothing\n");
  } else {
    absl::StrAppend(&text, "new, drawn from seed ", model.seed, ": ",
                    absl::StrJoin(model.fresh.names, ", "), " (",
                    model.fresh.num_values, " values); in the source ",
                    model.difference, "\n");
  }
  absl::StrAppend(
      &text, "trained by the task: ", absl::StrJoin(model.trained, ", "), "\n");
  if (!model.private_layers.empty()) {
    absl::StrAppend(&text, "private, start anew on every device: ",
                    absl::StrJoin(model.private_layers, ", "), "\n");
  }
  return text;
}

nlohmann::ordered_json TransferJson(const TransferredModel& model) {
  return {{"from", model.from},
          {"taken_over", model.taken_over.names},
          {"taken_over_values", model.taken_over.num_values},
          {"new", model.fresh.names},
          {"new_values", model.fresh.num_values},
          {"difference", model.difference},
          {"trained", model.trained},
          {"private_layers", model.private_layers}};
}

}  // namespace shoal::shoalctl
