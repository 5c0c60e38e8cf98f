// shoalctl task: create, list, show, pause, resume, stop.
#include "configuration/task.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "configuration/task_proto.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/json.h"
#include "coordinator/programs/shoalctl/text.h"

namespace shoal::shoalctl {
namespace {

struct Options {
  std::string file;
  std::string name;
};

std::string Progress(const v1::TaskReport& task) {
  return absl::StrCat(task.rounds_committed(), "/", task.task().rounds());
}

std::string RoundInBrief(const v1::TaskReport& task) {
  if (!task.has_newest_round()) return "-";
  const v1::RoundReport& round = task.newest_round();
  return absl::StrCat(round.id(), " ", StateText(round.state()), " ",
                      round.accepted(), "/", round.cohort());
}

std::string TasksTable(const v1::ListTasksResponse& list) {
  Table table({"NAME", "POPULATION", "STATE", "ROUNDS", "FAILED",
               "NEWEST ROUND", "MODEL"});
  for (const v1::TaskReport& task : list.tasks()) {
    table.Add({task.task().name(), task.task().population(),
               StateText(task.state()), Progress(task),
               absl::StrCat(task.rounds_failed()), RoundInBrief(task),
               ShortDigest(task.current_model())});
  }
  return table.ToString();
}

std::string TaskFields(const v1::TaskReport& task) {
  Fields fields = {
      {"task", task.task().name()},
      {"population", task.task().population()},
      {"state", StateText(task.state())},
      {"rounds", absl::StrCat(Progress(task), " committed, ",
                              task.rounds_failed(), " failed")},
      {"newest round", RoundInBrief(task)},
      {"model", FullDigest(task.current_model())},
      {"created", Exact(task.has_created(), task.created(), absl::Now())},
      {"definition", ToJson(task.task()).dump()}};
  if (!task.note().empty()) fields.push_back({"note", task.note()});
  return FieldsText(fields);
}

void PrintTask(Shell& shell, const v1::TaskReport& task) {
  shell.Print(task, [&] { return TaskFields(task); });
}

absl::Status Create(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(const configuration::Task task,
                         configuration::LoadTask(options.file));
  v1::CreateTaskRequest request;
  *request.mutable_task() = configuration::TaskToProto(task);
  v1::TaskReport created;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::CreateTask, request, created));
  PrintTask(shell, created);
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
  PrintTask(shell, task);
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
  AddVerb(*noun, shell, "create", "create a task and start it",
          "shoalctl task create digits.yaml",
          [&shell, options] { return Create(shell, *options); })
      ->add_option("FILE", options->file, "task file, or scenario with a task")
      ->required();
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
