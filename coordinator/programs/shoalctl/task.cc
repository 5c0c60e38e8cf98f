// shoalctl task: create, list, show, pause, resume, stop.
#include "configuration/task.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "configuration/programs.h"
#include "configuration/task_proto.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/model_files.h"
#include "coordinator/programs/shoalctl/statistics.h"
#include "coordinator/programs/shoalctl/task_text.h"
#include "coordinator/programs/shoalctl/transfer.h"
#include "protocol/exit_code.h"
#include "protocol/json.h"

namespace shoal::shoalctl {
namespace {

// The noise of a million private rounds takes more than a minute to plan.
constexpr absl::Duration kPlanTimeout = absl::Minutes(5);

struct Options {
  std::string file;
  std::string scenario;       // a file; this or `file`
  std::string initial_model;  // file; empty: drawn from the task's seed
  std::string transfer_from;  // version or file; empty: nothing of another
  std::vector<std::string> statistics;  // files
  std::string name;
};

void PrintTask(Shell& shell, const v1::TaskReport& task) {
  shell.Print(task, [&] { return TaskFields(task, absl::Now()); });
}

// After a change.
void PrintState(Shell& shell, const v1::TaskReport& task) {
  shell.Print(task, [&] { return TaskLine(task); });
}

void PrintTransferred(Shell& shell, const v1::TaskReport& task,
                      const TransferredModel& model) {
  shell.Print(
      [&] {
        nlohmann::ordered_json json = protocol::ToJson(task);
        json["transfer"] = TransferJson(model);
        return json;
      },
      [&] { return absl::StrCat(TaskLine(task), TransferText(model)); });
}

// Takes the scenario's initial model, unless another is given.
absl::StatusOr<configuration::Task> TaskIn(Options& options) {
  if (options.file.empty() == options.scenario.empty()) {
    return absl::InvalidArgumentError(
        "expected a file with the task, or --from-scenario");
  }
  if (options.scenario.empty()) return configuration::LoadTask(options.file);
  SHOAL_ASSIGN_OR_RETURN(configuration::Scenario scenario,
                         configuration::LoadScenario(options.scenario));
  const bool has_model = !options.initial_model.empty() ||
                         !options.statistics.empty() ||
                         !options.transfer_from.empty();
  const std::string& model = scenario.simulation.initial_model;
  if (has_model || model.empty()) return std::move(scenario.task);
  if (absl::EndsWith(model, ".npy")) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.scenario, ": simulation.initial_model is ", model,
        ", a NumPy array, expected a model: --initial-model FILE"));
  }
  options.initial_model = model;
  return std::move(scenario.task);
}

absl::Status Create(Shell& shell, Options options) {
  const absl::StatusOr<configuration::Task> task = TaskIn(options);
  if (!task.ok()) return protocol::AsWrongInput(task.status());
  v1::CreateTaskRequest request;
  *request.mutable_task() = configuration::TaskToProto(*task);
  if (!options.initial_model.empty()) {
    SHOAL_ASSIGN_OR_RETURN(*request.mutable_initial_model(),
                           InitialModelIn(options.initial_model, *task));
  }
  if (!options.statistics.empty()) {
    absl::StatusOr<std::string> model =
        InitialModelFrom(options.statistics, *task);
    if (!model.ok()) return protocol::AsWrongInput(model.status());
    *request.mutable_initial_model() = *std::move(model);
  }
  TransferredModel transferred;
  if (!options.transfer_from.empty()) {
    SHOAL_ASSIGN_OR_RETURN(transferred,
                           TransferModel(shell, options.transfer_from, *task));
    request.set_initial_model(transferred.bytes);
  }
  v1::TaskReport created;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::CreateTask, request, created, kPlanTimeout));
  if (options.transfer_from.empty()) {
    PrintState(shell, created);
  } else {
    PrintTransferred(shell, created, transferred);
  }
  return absl::OkStatus();
}

absl::Status List(Shell& shell) {
  v1::ListTasksResponse list;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::ListTasks, v1::ListTasksRequest(), list));
  shell.Print(list, [&] { return TasksTable(list); });
  return absl::OkStatus();
}

absl::Status Show(Shell& shell, const Options& options) {
  v1::GetTaskRequest request;
  request.set_name(options.name);
  v1::TaskReport task;
  SHOAL_RETURN_IF_ERROR(shell.Call(&v1::Admin::Stub::GetTask, request, task));
  PrintTask(shell, task);
  return absl::OkStatus();
}

absl::Status SetState(Shell& shell, const Options& options,
                      v1::TaskState state) {
  v1::SetTaskStateRequest request;
  request.set_name(options.name);
  request.set_state(state);
  v1::TaskReport task;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::SetTaskState, request, task));
  PrintState(shell, task);
  return absl::OkStatus();
}

struct StateVerb {
  const char* name;
  const char* what;
  v1::TaskState state;
};

constexpr StateVerb kStateVerbs[] = {
    {"pause", "open no more rounds; the running one ends as usual",
     v1::TASK_STATE_PAUSED},
    {"resume", "open rounds again", v1::TASK_STATE_ACTIVE},
    {"stop", "end the task for good; its models stay", v1::TASK_STATE_STOPPED},
};

}  // namespace

void AddTaskCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun = AddNoun(app, "task", "what populations are asked to do");
  auto options = std::make_shared<Options>();  // shared with the callbacks
  CLI::App* create =
      AddVerb(*noun, shell, "create", "create a task and start it",
              "shoalctl task create digits.yaml",
              [&shell, options] { return Create(shell, *options); });
  create->add_option("FILE", options->file,
                     "task file, or scenario with a task");
  create->add_option("--from-scenario", options->scenario,
                     "a scenario of `shoal-sim run`, checked as a whole: its "
                     "task is deployed as it is");
  create->add_option("--initial-model", options->initial_model,
                     "start from this instead of random weights: a model "
                     "version, as `model download` writes it, an ONNX file "
                     "(NAME.onnx) of the same layers, or the values as float32 "
                     "(NAME.f32)");
  create
      ->add_option(
          "--transfer-from", options->transfer_from,
          absl::StrCat("start with the body of another model, up to "
                       "the first layer that differs, under a new "
                       "head: ",
                       kModelHelp, ", or a file (NAME.shoal, NAME.onnx)"))
      ->excludes("--initial-model");
  create
      ->add_option("--statistics", options->statistics,
                   "files that `shoal-agent statistics` wrote on devices: "
                   "together they give the means and deviations of a model "
                   "that standardises or imputes")
      ->excludes("--initial-model")
      ->excludes("--transfer-from");
  AddVerb(*noun, shell, "list", "list tasks", "shoalctl task list",
          [&shell] { return List(shell); });
  AddVerb(*noun, shell, "show", "show one task", "shoalctl task show digits",
          [&shell, options] { return Show(shell, *options); })
      ->add_option("TASK", options->name, "name of the task")
      ->required();
  for (const StateVerb& verb : kStateVerbs) {
    AddVerb(*noun, shell, verb.name, verb.what,
            absl::StrCat("shoalctl task ", verb.name, " digits"),
            [&shell, options, state = verb.state] {
              return SetState(shell, *options, state);
            })
        ->add_option("TASK", options->name, "name of the task")
        ->required();
  }
}

}  // namespace shoal::shoalctl
