#include "simulations/results/results_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::simulations {
namespace {

std::string ModelsPath(const std::string& path) { return path + "/models"; }

absl::Status CheckIsNoFile(const std::string& path) {
  std::error_code error;  // then making the folder says what is wrong
  const std::filesystem::file_status there =
      std::filesystem::status(path, error);
  if (!std::filesystem::exists(there) || std::filesystem::is_directory(there)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--out ", path, ": is a file, expected a folder"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ResultsFolder>> ResultsFolder::Open(
    const std::string& path, std::string scenario_yaml) {
  std::unique_ptr<RunFolder> temporary;
  if (path.empty()) {
    SHOAL_ASSIGN_OR_RETURN(temporary, RunFolder::Make("shoal-results"));
  } else {
    SHOAL_RETURN_IF_ERROR(CheckIsNoFile(path));
    SHOAL_RETURN_IF_ERROR(MakeFolders(path));
  }
  std::string folder = temporary == nullptr ? path : temporary->path();
  // Of two runs one makes it.
  const std::string models = ModelsPath(folder);
  if (mkdir(models.c_str(), 0755) != 0) {
    if (errno != EEXIST) return ErrnoStatus(errno, models, "make a folder");
    return absl::FailedPreconditionError(absl::StrCat(
        "--out ", path, ": has the models of another run (", models,
        "), expected a folder without; remove them or choose another"));
  }
  return std::unique_ptr<ResultsFolder>(new ResultsFolder(
      std::move(folder), std::move(scenario_yaml), std::move(temporary)));
}

absl::StatusOr<std::unique_ptr<ResultsFolder>> ResultsFolder::Reopen(
    const std::string& path, std::string scenario_yaml) {
  std::error_code error;
  if (!std::filesystem::exists(path + "/scenario.yaml", error)) {
    return absl::NotFoundError(absl::StrCat(
        path, ": is no folder of a run, expected one with a scenario.yaml"));
  }
  if (std::filesystem::exists(path + "/summary.json", error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": the run has come to its end (summary.json)"));
  }
  std::unique_ptr<RunFolder> temporary;
  if (RunFolder::IsOne(path)) {
    SHOAL_ASSIGN_OR_RETURN(temporary, RunFolder::Reopen(path));
    temporary->Keep();
  }
  SHOAL_RETURN_IF_ERROR(MakeFolders(ModelsPath(path)));
  std::unique_ptr<ResultsFolder> folder(
      new ResultsFolder(path, std::move(scenario_yaml), std::move(temporary)));
  folder->has_scenario_ = true;
  return folder;
}

ResultsFolder::~ResultsFolder() {
  rmdir(ModelsPath(path_).c_str());  // fails, as it should, with models in it
}

std::string ResultsFolder::ModelPath(int64_t version) const {
  return absl::StrFormat("%s/version-%06d.shoal", ModelsPath(path_), version);
}

std::string ResultsFolder::OnnxPath(int64_t version) const {
  return absl::StrFormat("%s/version-%06d.onnx", ModelsPath(path_), version);
}

absl::Status ResultsFolder::WriteScenario() {
  if (has_scenario_) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(
      WriteFileAtomically(path_ + "/scenario.yaml", scenario_yaml_));
  has_scenario_ = true;
  if (temporary_ != nullptr) temporary_->Keep();
  return absl::OkStatus();
}

absl::Status ResultsFolder::WriteModel(int64_t version,
                                       absl::string_view bytes) {
  SHOAL_RETURN_IF_ERROR(WriteScenario());
  return WriteFileAtomically(ModelPath(version), bytes);
}

absl::Status ResultsFolder::WriteOnnx(int64_t version, absl::string_view file) {
  return WriteFileAtomically(OnnxPath(version), file);
}

absl::Status ResultsFolder::WriteSummary(absl::string_view rounds_csv,
                                         absl::string_view summary_json) {
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path_ + "/rounds.csv", rounds_csv));
  return WriteFileAtomically(path_ + "/summary.json", summary_json);
}

}  // namespace shoal::simulations
