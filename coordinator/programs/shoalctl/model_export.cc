// shoalctl model export: a version as a file for other programs.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "configuration/programs.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/export_report.h"
#include "coordinator/programs/shoalctl/model_files.h"
#include "learning/data/data_source.h"
#include "learning/onnx/export_model.h"
#include "protocol/exit_code.h"

namespace shoal::shoalctl {
namespace {

using learning::OnnxWeights;

// As many as the built-in scenario has.
constexpr int kWriters = 20;

struct Options {
  std::string model;
  std::string task_file;  // then `model` is a file
  std::string out;
  std::string format = "onnx";
  std::string precision = "float32";
  double pruned_fraction = 0;
  std::string data;    // empty: no examples
  std::string label;   // columns of a csv: this or
  std::string target;  // this
  bool force = false;
};

absl::StatusOr<OnnxWeights> WeightsOf(const std::string& precision) {
  if (precision == "float32") return OnnxWeights::kFloat32;
  if (precision == "float16") return OnnxWeights::kFloat16;
  if (precision == "int8") return OnnxWeights::kInt8;
  return absl::InvalidArgumentError(absl::StrCat(
      "--precision ", precision, ", expected float32, float16 or int8"));
}

absl::Status CheckOptions(const Options& options) {
  if (options.format != "onnx") {
    return absl::InvalidArgumentError(absl::StrCat(
        "--format ", options.format, ", expected onnx",
        options.format == "tflite"
            ? "; docs/decisions/0009-no-tflite.md says how to make a "
              "TensorFlow Lite file of it"
            : ""));
  }
  if (!(options.pruned_fraction >= 0 && options.pruned_fraction < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--prune ", options.pruned_fraction,
                     ", expected a fraction from 0 to below 1"));
  }
  const int columns = !options.label.empty() + !options.target.empty();
  if (columns != absl::StartsWith(options.data, "csv:")) {
    return absl::InvalidArgumentError(
        "--data csv:FILE goes with either --label COLUMN, the class to "
        "predict, or --target COLUMN, the value");
  }
  if (IsModelFile(options.model) && options.task_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.model,
        ": is a file, expected --task FILE with it, the task that it is a "
        "version of"));
  }
  return WeightsOf(options.precision).status();
}

// What is exported.
struct Version {
  configuration::Task task;
  std::optional<uint64_t> number;  // known to the coordinator
  std::string name;                // for people
  std::string bytes;
};

// Where the file goes when nothing else is said.
std::string OutOr(const Options& options, absl::string_view stem) {
  return options.out.empty() ? absl::StrCat(stem, ".onnx") : options.out;
}

absl::StatusOr<Version> FromFile(const Options& options, std::string& out) {
  out = OutOr(options, std::filesystem::path(options.model).stem().string());
  SHOAL_RETURN_IF_ERROR(CheckDestination(out, options.force));
  Version version;
  absl::StatusOr<configuration::Task> task =
      configuration::LoadTask(options.task_file);
  if (!task.ok()) return protocol::AsWrongInput(task.status());
  version.task = *std::move(task);
  absl::StatusOr<std::string> bytes = ReadFile(options.model);
  if (!bytes.ok()) return protocol::AsWrongInput(bytes.status());
  version.bytes = *std::move(bytes);
  version.name = options.model;
  return version;
}

absl::StatusOr<Version> FromCoordinator(Shell& shell, const Options& options,
                                        std::string& out) {
  SHOAL_ASSIGN_OR_RETURN(const v1::ModelReport model,
                         GetModel(shell, options.model));
  out = OutOr(options, absl::StrCat(model.task(), "-", model.version()));
  SHOAL_RETURN_IF_ERROR(CheckDestination(out, options.force));
  Version version;
  SHOAL_ASSIGN_OR_RETURN(version.task, GetTask(shell, model.task()));
  SHOAL_ASSIGN_OR_RETURN(version.bytes, FetchModel(shell, model));
  version.number = model.version();
  version.name = VersionName(model);
  return version;
}

learning::ExportOptions ExportOptionsOf(const Options& options,
                                        OnnxWeights weights,
                                        const Version& version) {
  learning::ExportOptions result;
  result.pruned_fraction = options.pruned_fraction;
  result.onnx =
      learning::DescribeVersion(version.task.name, version.task.model,
                                Sha256(version.bytes), version.number);
  result.onnx.weights = weights;
  if (options.pruned_fraction > 0) {
    result.onnx.metadata.push_back(
        {"pruned_fraction", absl::StrCat(options.pruned_fraction)});
  }
  return result;
}

// The held-out examples that --data names, in the form that `model` takes: of a
// scenario file those of its run.
absl::StatusOr<std::unique_ptr<learning::Dataset>> LoadExamples(
    const Options& options, const configuration::Task& task,
    const learning::Model& model) {
  configuration::Scenario scenario;
  scenario.devices = 1;
  if (absl::EndsWith(options.data, ".yaml")) {
    SHOAL_ASSIGN_OR_RETURN(scenario, configuration::LoadScenario(options.data));
  } else {
    SHOAL_ASSIGN_OR_RETURN(scenario.data,
                           learning::ParseDataSource(options.data));
    if (auto* hand =
            std::get_if<learning::HandwritingSource>(&scenario.data.kind)) {
      hand->seed = task.seed;
      scenario.devices = kWriters;
    } else if (auto* csv =
                   std::get_if<learning::CsvSource>(&scenario.data.kind)) {
      csv->label = options.label;
      csv->target = options.target;
    } else if (auto* text =
                   std::get_if<learning::TextSource>(&scenario.data.kind)) {
      text->length = static_cast<int>(model.input().num_values());
    }
  }
  SHOAL_ASSIGN_OR_RETURN(const auto data, learning::FederatedData::Open(
                                              scenario.data, scenario.partition,
                                              scenario.devices, scenario.seed));
  return data->LoadTest();
}

absl::StatusOr<learning::FormScores> ScoresOf(
    const Options& options, const configuration::Task& task,
    const learning::Model& model, const learning::ExportedModel& exported) {
  const auto data = LoadExamples(options, task, model);
  if (!data.ok()) return protocol::AsWrongInput(data.status());
  const auto evaluate = [&](absl::Span<const float> values) {
    return learning::EvaluateDataset(model, values, **data);
  };
  return learning::ScoreForms(exported.before, exported.after, evaluate,
                              RealClock());
}

absl::Status Export(Shell& shell, const Options& options) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  SHOAL_ASSIGN_OR_RETURN(const OnnxWeights weights,
                         WeightsOf(options.precision));
  std::string out;
  SHOAL_ASSIGN_OR_RETURN(const Version version,
                         options.task_file.empty()
                             ? FromCoordinator(shell, options, out)
                             : FromFile(options, out));
  SHOAL_ASSIGN_OR_RETURN(const auto model,
                         learning::Model::Create(version.task.model));
  SHOAL_ASSIGN_OR_RETURN(const learning::ParameterVector parameters,
                         ParametersIn(version.bytes, *model, version.name));
  SHOAL_ASSIGN_OR_RETURN(
      const learning::ExportedModel exported,
      learning::ExportModel(*model, model->DeviceVector(parameters),
                            ExportOptionsOf(options, weights, version)));
  ExportReport report = {.version = version.name,
                         .task = version.task.name,
                         .number = version.number,
                         .digest = Sha256(version.bytes).ToHex(),
                         .file = out,
                         .num_bytes = exported.file.size(),
                         .precision = options.precision,
                         .pruned_fraction = options.pruned_fraction,
                         .private_layers = PrivateLayers(*model),
                         .compression = {.size_before = exported.size_before,
                                         .size_after = exported.size_after,
                                         .scores = std::nullopt}};
  if (!options.data.empty()) {
    SHOAL_ASSIGN_OR_RETURN(report.compression.scores,
                           ScoresOf(options, version.task, *model, exported));
  }
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(out, exported.file));
  shell.Print([&] { return ExportJson(report); },
              [&] { return ExportText(report); });
  return absl::OkStatus();
}

}  // namespace

void AddModelExport(CLI::App& noun, Shell& shell) {
  auto options = std::make_shared<Options>();  // shared with the callback
  CLI::App* verb = AddVerb(
      noun, shell, "export", "write one version for other programs, as ONNX",
      "shoalctl model export digits --precision int8 --data mnist:DIR",
      [&shell, options] { return Export(shell, *options); });
  verb->add_option("MODEL", options->model,
                   absl::StrCat(kModelHelp,
                                "; with --task a file that `model download` "
                                "wrote"))
      ->required();
  verb->add_option("--task", options->task_file,
                   "task file, or scenario with a task: the model is a file "
                   "of that task, and no coordinator is asked");
  verb->add_option("--out", options->out,
                   "file to write (default: TASK-VERSION.onnx; with --task the "
                   "name of the model's file)");
  verb->add_option("--format", options->format, "onnx (default)");
  verb->add_option("--precision", options->precision,
                   "of the weights: float32 (default), float16 or int8");
  verb->add_option("--prune", options->pruned_fraction,
                   "set this fraction of the weights to zero, the smallest "
                   "first");
  verb->add_option(
      "--data", options->data,
      "score the model and the file on held-out examples: "
      "handwriting, synthetic, mnist:DIR, fashion-mnist:DIR, emnist:DIR, "
      "cifar10:DIR, har:DIR, leaf:DIR, csv:FILE, text:FILE, or SCENARIO.yaml "
      "for those of its run");
  verb->add_option("--label", options->label,
                   "column of the class in a csv file");
  verb->add_option("--target", options->target,
                   "column of the value to predict in a csv file");
  verb->add_flag("--force", options->force,
                 "overwrite the file when it exists");
}

}  // namespace shoal::shoalctl
