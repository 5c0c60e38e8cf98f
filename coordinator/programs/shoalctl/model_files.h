// Model versions, from the coordinator and as files.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_MODEL_FILES_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_MODEL_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "configuration/task.h"
#include "coordinator/programs/shoalctl/shell.h"
#include "learning/model.h"
#include "learning/parameters.h"

namespace shoal::shoalctl {

// What names no version of a coordinator: text with a slash, *.shoal, *.onnx.
bool IsModelFile(absl::string_view text);
bool IsOnnxFile(absl::string_view path);

// "TASK (its newest), TASK@VERSION, or a digest's start", for help.
inline constexpr char kModelHelp[] =
    "TASK (its newest), TASK@VERSION, or a digest's start";

// `text`: as kModelHelp says.
absl::StatusOr<v1::ModelReport> GetModel(Shell& shell, const std::string& text);

// "version 7 of digits".
std::string VersionName(const v1::ModelReport& model);

absl::StatusOr<configuration::Task> GetTask(Shell& shell,
                                            const std::string& name);

// Layers whose values the coordinator does not know.
std::vector<std::string> PrivateLayers(const learning::Model& model);

// The bytes of a version. DATA_LOSS when others arrive.
absl::StatusOr<std::string> FetchModel(Shell& shell,
                                       const v1::ModelReport& model);

// The parameters in `bytes`, a model version, [model.layout()].
// INVALID_ARGUMENT when they are none or of another model; `name` is that of
// the version.
absl::StatusOr<learning::ParameterVector> ParametersIn(
    const std::string& bytes, const learning::Model& model,
    const std::string& name);

// float32, little-endian, as the model's layout has them, and nothing else.
bool IsValuesFile(absl::string_view path);

// What `task create --initial-model` sends: a model version as it is, or one of
// the task's model with the values of a file's layers (ONNX, NAME.onnx) or with
// those that a file is made of (NAME.f32). INVALID_ARGUMENT names the file and
// what is wrong with it.
absl::StatusOr<std::string> InitialModelIn(const std::string& path,
                                           const configuration::Task& task);

// Whether a file may be written there: INVALID_ARGUMENT when it is a folder,
// ALREADY_EXISTS without `force` when there is one.
absl::Status CheckDestination(const std::string& path, bool force);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_MODEL_FILES_H_
