#include "simulations/run/run_inputs.h"

#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mapped_file.h"
#include "base/status_macros.h"
#include "coordinator/engine/task_setup.h"
#include "learning/data/npy.h"
#include "learning/kernels/kernels.h"
#include "simulations/stragglers.h"

namespace shoal::simulations {
namespace {

namespace fs = std::filesystem;

// Devices that train alone, each for as long as the whole task.
constexpr int kMostAlone = 2000;

// A round of the schedule could not be committed with less.
absl::Status CheckScheduled(const std::vector<int64_t>& round,
                            const configuration::Task& task) {
  const std::set<int64_t> devices(round.begin(), round.end());
  if (devices.size() < round.size()) {
    return absl::InvalidArgumentError(
        "names a device twice, expected different ones");
  }
  if (static_cast<int64_t>(round.size()) < task.round.min_reports) {
    return absl::InvalidArgumentError(absl::StrCat(
        "names ", round.size(), round.size() == 1 ? " device" : " devices",
        ", expected the ", task.round.min_reports,
        " of task.round.min_reports at least"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<int64_t>>> ReadSchedule(
    const configuration::Scenario& scenario) {
  const std::string& path = scenario.simulation.schedule;
  const int64_t num_devices = scenario.devices;
  std::vector<std::vector<int64_t>> rounds;
  if (path.empty()) return rounds;
  SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  int line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    std::vector<int64_t> round;
    for (const absl::string_view word :
         absl::StrSplit(line, absl::ByAnyChar(" ,\t\r"), absl::SkipEmpty())) {
      int64_t device = 0;
      if (!absl::SimpleAtoi(word, &device) || device < 0 ||
          device >= num_devices) {
        return absl::InvalidArgumentError(absl::StrCat(
            path, ":", line_number, ": '", word,
            "', expected the number of a device below ", num_devices));
      }
      round.push_back(device);
    }
    if (round.empty()) continue;
    const absl::Status fits = CheckScheduled(round, scenario.task);
    if (!fits.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", line_number, ": ", fits.message()));
    }
    rounds.push_back(std::move(round));
  }
  if (rounds.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": names no devices"));
  }
  return rounds;
}

// A model of ours, which fits the task.
absl::StatusOr<std::string> ReadModelFile(const std::string& path,
                                          const configuration::Task& task) {
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  SHOAL_ASSIGN_OR_RETURN(const auto setup, coordinator::MakeTaskSetup(task));
  const absl::Status fits = coordinator::InitialModel(*setup, bytes).status();
  if (fits.ok()) return bytes;
  return absl::InvalidArgumentError(
      absl::StrCat("simulation.initial_model ", path, ": ", fits.message()));
}

// A model of ours, or all parameters in order.
absl::StatusOr<std::string> ReadInitialModel(const std::string& path,
                                             const configuration::Task& task,
                                             const learning::Model& model) {
  if (path.empty()) return std::string();
  if (!absl::EndsWith(path, ".npy")) return ReadModelFile(path, task);
  SHOAL_ASSIGN_OR_RETURN(const learning::NpyArray array,
                         learning::OpenNpy(path));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<float> values,
                         learning::ReadFloats(array));
  const int64_t expected = model.layout().num_parameters();
  if (static_cast<int64_t>(values.size()) != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has ", values.size(), " values, expected the ",
                     expected, " parameters of ", model.spec().ToString()));
  }
  return learning::SerializeModel(
      model.layout(), learning::ParameterVector(values.begin(), values.end()));
}

absl::Status CheckBaselines(const RunInputs& inputs) {
  const configuration::SimulationPlan& plan = inputs.scenario.simulation;
  if (inputs.data->drifts() && (plan.local_baseline || plan.central_baseline)) {
    return absl::InvalidArgumentError(
        "simulation.baselines: expected a partition that does not drift");
  }
  if (plan.local_baseline &&
      (inputs.scenario.devices > kMostAlone ||
       inputs.model->private_layout().num_parameters() > 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "simulation.baselines: local: every device trains alone, expected at "
        "most ",
        kMostAlone, " devices and a model without private layers"));
  }
  return absl::OkStatus();
}

absl::Status CheckData(const RunInputs& inputs) {
  const learning::DataShape& shape = inputs.data->shape();
  SHOAL_RETURN_IF_ERROR(
      learning::CheckFit(*inputs.model, ExampleShape(shape, 1)));
  if (!shape.missing_values ||
      inputs.scenario.task.model.preprocessing.impute) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the data lack values, expected a model that imputes them "
      "(task.model.preprocessing.impute)");
}

absl::Status AddFile(const std::string& path, Sha256Stream& hash) {
  SHOAL_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  std::string head;
  AppendSized(head, path);
  AppendU64(head, file->bytes().size());
  hash.Update(head);
  hash.Update(file->bytes());
  return absl::OkStatus();
}

StragglerRule StragglersOf(const configuration::Scenario& scenario) {
  const auto& plan = scenario.simulation.stragglers;
  if (!plan.has_value()) return {};
  return MakeStragglers(
      {.fraction = plan->fraction,
       .min_epochs = plan->min_epochs,
       .max_epochs = plan->max_epochs,
       .drop = plan->drop,
       .devices_per_round = scenario.task.round.max_assigned(),
       .seed = scenario.seed});
}

LeavingChances LeavingOf(const configuration::SimulatedGroups& groups) {
  return {.sharing = groups.leave_before_sharing,
          .masking = groups.leave_before_masking,
          .consistency = groups.leave_before_consistency,
          .unmasking = groups.leave_before_unmasking};
}

// A file, or all files of a folder.
absl::Status AddFiles(const std::string& path, Sha256Stream& hash) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return AddFile(path, hash);
  std::vector<std::string> files;
  for (auto it = fs::recursive_directory_iterator(path, error);
       !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    if (it->is_regular_file(error)) files.push_back(it->path().string());
  }
  if (error) return ErrnoStatus(error.value(), path, "list");
  absl::c_sort(files);
  for (const std::string& file : files) {
    SHOAL_RETURN_IF_ERROR(AddFile(file, hash));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FingerprintOf(
    const configuration::Scenario& scenario) {
  Sha256Stream hash;
  hash.Update(configuration::ScenarioYaml(scenario));
  for (const std::string& path : FilesOf(scenario)) {
    SHOAL_RETURN_IF_ERROR(AddFiles(path, hash));
  }
  SHOAL_RETURN_IF_ERROR(AddFile("/proc/self/exe", hash));
  const auto kernels = learning::BestKernels().instruction_set;
  hash.Update(absl::StrCat("kernels ", static_cast<int>(kernels)));
  return hash.Current().ToHex();
}

bool SkipsCrypto(const configuration::Scenario& scenario) {
  return scenario.simulation.groups.crypto ==
         configuration::SimulatedCrypto::kSkip;
}

FederationOptions FederationOptionsOf(RunInputs& inputs, int num_threads) {
  const configuration::Scenario& scenario = inputs.scenario;
  const configuration::SimulationPlan& plan = scenario.simulation;
  FederationOptions options;
  options.task = scenario.task;
  options.population = inputs.population.get();
  options.seed = scenario.seed;
  options.num_threads = num_threads;
  options.initial_model = std::move(inputs.initial_model);
  options.schedule = std::move(inputs.schedule);
  options.straggler = StragglersOf(scenario);
  options.skip_crypto = SkipsCrypto(scenario);
  options.leaving_members = LeavingOf(plan.groups);
  options.thin_above = plan.thin_above;
  options.time_limit = plan.time_limit;
  return options;
}

absl::StatusOr<std::unique_ptr<RunInputs>> ReadInputs(
    const RunOptions& options) {
  auto inputs = std::make_unique<RunInputs>();
  RunInputs& in = *inputs;
  SHOAL_ASSIGN_OR_RETURN(in.scenario, ScenarioFor(options));
  const configuration::Scenario& scenario = in.scenario;
  SHOAL_ASSIGN_OR_RETURN(in.data, OpenData(options, scenario));
  SHOAL_ASSIGN_OR_RETURN(in.population,
                         ScenarioPopulation::Create(scenario, *in.data));
  SHOAL_ASSIGN_OR_RETURN(in.model,
                         learning::Model::Create(scenario.task.model));
  SHOAL_RETURN_IF_ERROR(coordinator::MakeTaskSetup(scenario.task).status());
  SHOAL_RETURN_IF_ERROR(CheckData(in));
  SHOAL_ASSIGN_OR_RETURN(in.test, in.data->LoadTest());
  SHOAL_ASSIGN_OR_RETURN(in.initial_model,
                         ReadInitialModel(scenario.simulation.initial_model,
                                          scenario.task, *in.model));
  SHOAL_ASSIGN_OR_RETURN(in.schedule, ReadSchedule(scenario));
  SHOAL_RETURN_IF_ERROR(CheckBaselines(in));
  return inputs;
}

}  // namespace shoal::simulations
