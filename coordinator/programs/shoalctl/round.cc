// shoalctl round: list, show, explain, watch.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/json.h"
#include "coordinator/programs/shoalctl/round_text.h"

namespace shoal::shoalctl {
namespace {

struct Options {
  ListOptions list;
  std::string task;  // to watch
  uint64_t id = 0;
};

absl::StatusOr<v1::RoundReport> GetRound(Shell& shell, uint64_t id) {
  v1::GetRoundRequest request;
  request.set_id(id);
  v1::RoundReport round;
  SHOAL_RETURN_IF_ERROR(shell.Call(&v1::Admin::Stub::GetRound, request, round));
  return round;
}

absl::Status List(Shell& shell, const Options& options) {
  v1::ListRoundsResponse list;
  SHOAL_RETURN_IF_ERROR(
      CallList(shell, &v1::Admin::Stub::ListRounds, options.list, list));
  shell.Print(list, [&] { return RoundsTable(list, absl::Now()); });
  return absl::OkStatus();
}

absl::Status Show(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(const v1::RoundReport round,
                         GetRound(shell, options.id));
  shell.Print(round, [&] { return RoundFields(round, absl::Now()); });
  return absl::OkStatus();
}

absl::Status Explain(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(const v1::RoundReport round,
                         GetRound(shell, options.id));
  shell.Print(round, [&] { return round.explanation() + "\n"; });
  return absl::OkStatus();
}

bool IsOver(v1::RoundState state) {
  return state == v1::ROUND_STATE_COMMITTED || state == v1::ROUND_STATE_FAILED;
}

// On a terminal the running round is one line that is written over; elsewhere
// every change of state is a line.
class Progress {
 public:
  Progress(bool json, bool terminal) : json_(json), terminal_(terminal) {}

  void Show(const v1::RoundReport& round) {
    if (json_) {
      std::printf("%s\n", ToJson(round).dump().c_str());
    } else if (terminal_) {
      std::printf("\r\033[K%s%s", RoundLine(round).c_str(),
                  IsOver(round.state()) ? "\n" : "");
      open_line_ = !IsOver(round.state());
    } else if (round.id() != id_ || round.state() != state_) {
      std::printf("%s\n", RoundLine(round).c_str());
    }
    id_ = round.id();
    state_ = round.state();
    std::fflush(stdout);
  }

  void End() const {
    if (open_line_) std::printf("\n");
  }

 private:
  const bool json_;
  const bool terminal_;
  bool open_line_ = false;
  uint64_t id_ = 0;
  v1::RoundState state_ = v1::ROUND_STATE_UNSPECIFIED;
};

absl::Status Watch(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(v1::Admin::Stub * stub, shell.Admin());
  v1::WatchRoundsRequest request;
  request.set_task(options.task);
  grpc::ClientContext context;
  const auto stream = stub->WatchRounds(&context, request);
  Progress progress(shell.json(), isatty(STDOUT_FILENO) != 0);
  v1::RoundReport round;
  while (stream->Read(&round)) progress.Show(round);
  progress.End();
  return shell.FromCall(stream->Finish());
}

}  // namespace

void AddRoundCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun = AddNoun(app, "round", "attempts to move a task forward");
  auto options = std::make_shared<Options>();  // shared with the callbacks
  CLI::App* list = AddVerb(*noun, shell, "list", "list rounds, newest first",
                           "shoalctl round list digits --limit 10",
                           [&shell, options] { return List(shell, *options); });
  AddListOptions(*list, options->list);
  AddVerb(*noun, shell, "show", "show one round", "shoalctl round show 17",
          [&shell, options] { return Show(shell, *options); })
      ->add_option("ROUND", options->id, "number in the column ROUND")
      ->required();
  AddVerb(*noun, shell, "explain", "say why a round went as it did",
          "shoalctl round explain 17",
          [&shell, options] { return Explain(shell, *options); })
      ->add_option("ROUND", options->id, "number in the column ROUND")
      ->required();
  AddVerb(*noun, shell, "watch", "follow a task's rounds until it ends",
          "shoalctl round watch digits",
          [&shell, options] { return Watch(shell, *options); })
      ->add_option("TASK", options->task, "name of the task")
      ->required();
}

}  // namespace shoal::shoalctl
