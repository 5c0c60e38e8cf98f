#include "coordinator/service/round_feed.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/status_macros.h"
#include "coordinator/service/store_errors.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

// Rounds that are read at a time.
constexpr int kPage = 64;

absl::Status Shutdown() {
  return protocol::RefusalError(protocol::RefusalCode::kShuttingDown,
                                "the coordinator is shutting down");
}

}  // namespace

struct RoundFeed::Subscription {
  std::string task;
  std::shared_ptr<Watcher> watcher;  // shared with the caller
  // What was sent last.
  int64_t round_id = 0;
  RoundState state = RoundState::kOpen;
  int assigned = -1;
  int accepted = -1;
};

RoundFeed::RoundFeed(const ReportReader& reports, absl::Duration period)
    : reports_(reports), period_(period), thread_([this] { Run(); }) {}

RoundFeed::~RoundFeed() { Stop(); }

void RoundFeed::Watch(const std::string& task, int64_t since_round,
                      std::shared_ptr<Watcher> watcher) {
  auto subscription = std::make_unique<Subscription>();
  subscription->task = task;
  subscription->round_id = since_round;
  subscription->watcher = watcher;
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      added_.push_back(std::move(subscription));
      changed_.NotifyOne();
      return;
    }
  }
  watcher->OnEnd(Shutdown());
}

void RoundFeed::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void RoundFeed::Run() {
  std::vector<std::unique_ptr<Subscription>> watched;
  while (true) {
    {
      MutexLock lock(mutex_);
      while (watched.empty() && added_.empty() && !stopping_) {
        changed_.Wait(mutex_);
      }
      if (!stopping_ && added_.empty()) changed_.WaitFor(mutex_, period_);
      for (auto& subscription : std::exchange(added_, {})) {
        watched.push_back(std::move(subscription));
      }
      if (stopping_) break;
    }
    watched.erase(std::remove_if(watched.begin(), watched.end(),
                                 [this](auto& s) { return !Look(*s); }),
                  watched.end());
  }
  for (auto& subscription : watched) subscription->watcher->OnEnd(Shutdown());
}

bool RoundFeed::Look(Subscription& subscription) const {
  Watcher& watcher = *subscription.watcher;
  if (watcher.gone()) return false;
  // The task first: rounds that end it are then seen by the second look.
  const absl::StatusOr<TaskRow> task =
      reports_.store().GetTask(subscription.task);
  const absl::Status status =
      task.ok() ? SendChanges(subscription) : task.status();
  if (status.ok() && !IsFinal(task->state)) return true;
  watcher.OnEnd(StoreError(status));
  return false;
}

absl::StatusOr<std::vector<RoundRow>> RoundFeed::RoundsSince(
    const std::string& task, int64_t first) const {
  if (first == 0) return reports_.store().ListRounds(task, 1, 0);
  std::vector<RoundRow> rows;
  while (rows.size() % kPage == 0) {
    const int64_t before = rows.empty() ? 0 : rows.back().id;
    SHOAL_ASSIGN_OR_RETURN(std::vector<RoundRow> page,
                           reports_.store().ListRounds(task, kPage, before));
    rows.insert(rows.end(), page.begin(), page.end());
    if (page.empty() || page.back().id <= first) break;
  }
  return rows;
}

absl::Status RoundFeed::SendChanges(Subscription& last) const {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<RoundRow> rows,
                         RoundsSince(last.task, last.round_id));
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    const bool known =
        std::tie(row->id, row->state, row->assigned, row->accepted) ==
        std::tie(last.round_id, last.state, last.assigned, last.accepted);
    if (row->id < last.round_id || known) continue;
    SHOAL_ASSIGN_OR_RETURN(v1::RoundReport report, reports_.Round(*row));
    last.watcher->OnRound(std::move(report));
    last.round_id = row->id;
    last.state = row->state;
    last.assigned = row->assigned;
    last.accepted = row->accepted;
  }
  return absl::OkStatus();
}

}  // namespace shoal::coordinator
