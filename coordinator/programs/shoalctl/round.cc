// shoalctl round: list, show, explain, watch.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/round_text.h"
#include "protocol/json.h"

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
    // Whoever watches anew is told what it was told last.
    if (Same(round, last_)) return;
    if (json_) {
      std::printf("%s\n", protocol::ToJson(round).dump().c_str());
    } else if (terminal_) {
      std::printf("\r\033[K%s%s", RoundLine(round).c_str(),
                  IsOver(round.state()) ? "\n" : "");
      open_line_ = !IsOver(round.state());
    } else if (round.id() != last_.id() || round.state() != last_.state()) {
      std::printf("%s\n", RoundLine(round).c_str());
    }
    last_ = round;
    std::fflush(stdout);
  }

  // 0 before the first.
  uint64_t last_round() const { return last_.id(); }

  void EndLine() {
    if (std::exchange(open_line_, false)) std::printf("\n");
    std::fflush(stdout);
  }

 private:
  static bool Same(const v1::RoundReport& a, const v1::RoundReport& b) {
    return a.id() == b.id() && a.state() == b.state() &&
           a.assigned() == b.assigned() && a.accepted() == b.accepted();
  }

  const bool json_;
  const bool terminal_;
  bool open_line_ = false;
  v1::RoundReport last_;
};

// Pauses before the coordinator is asked again, each twice the one before.
constexpr absl::Duration kFirstPause = absl::Milliseconds(250);
constexpr absl::Duration kLongestPause = absl::Seconds(5);

// How one stream of rounds ended: OK with the task.
struct WatchEnd {
  absl::Status status;
  bool shown = false;  // at least one round
};
WatchEnd WatchOnce(Shell& shell, v1::Admin::Stub& stub,
                   const v1::WatchRoundsRequest& request, Progress& progress) {
  WatchEnd end;
  grpc::ClientContext context;
  const auto stream = stub.WatchRounds(&context, request);
  v1::RoundReport round;
  while (stream->Read(&round)) {
    progress.Show(round);
    end.shown = true;
  }
  end.status = shell.FromCall(stream->Finish(), "WatchRoundsRequest");
  return end;
}

// A coordinator that shuts down cancels the calls that it has just taken; here
// nobody else does.
bool IsLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status);
}

// What is asked of the user at an error's end.
absl::string_view AdviceOf(const absl::Status& status) {
  const absl::string_view message = status.message();
  const size_t end = message.rfind("; ");
  return end == absl::string_view::npos ? message : message.substr(end + 2);
}

// Outlives restarts of the coordinator, once it has been there.
absl::Status Watch(Shell& shell, const Options& options) {
  v1::GetTaskRequest get;
  get.set_name(options.task);
  v1::TaskReport task;
  SHOAL_RETURN_IF_ERROR(shell.Call(&v1::Admin::Stub::GetTask, get, task));
  v1::WatchRoundsRequest request;
  request.set_task(options.task);
  Progress progress(shell.json(), isatty(STDOUT_FILENO) != 0);
  absl::Duration pause = kFirstPause;
  std::string lost;  // the advice of the last time
  while (true) {
    SHOAL_ASSIGN_OR_RETURN(v1::Admin::Stub * stub, shell.Admin());
    request.set_since_round(progress.last_round());
    const WatchEnd end = WatchOnce(shell, *stub, request, progress);
    progress.EndLine();
    if (!IsLost(end.status)) return end.status;
    if (end.shown) pause = kFirstPause;
    const absl::string_view advice = AdviceOf(end.status);
    if (end.shown || lost.empty()) {
      std::fprintf(stderr,
                   "shoalctl: lost the coordinator at %s; trying again\n",
                   shell.options().coordinator.c_str());
    } else if (advice != lost) {
      // It may be back with another CA, and waiting would not help.
      std::fprintf(stderr, "shoalctl: %s; trying again\n",
                   std::string(end.status.message()).c_str());
    }
    lost = std::string(advice);
    shell.Disconnect();
    absl::SleepFor(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
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
  AddVerb(*noun, shell, "watch",
          "follow a task's rounds until it ends, over "
          "restarts of the coordinator",
          "shoalctl round watch digits",
          [&shell, options] { return Watch(shell, *options); })
      ->add_option("TASK", options->task, "name of the task")
      ->required();
}

}  // namespace shoal::shoalctl
