#include "coordinator/service/watch_reactor.h"

#include <deque>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "coordinator/service/grpc_status.h"

namespace shoal::coordinator {
namespace {

// A watcher who reads more slowly than rounds change misses some, never the
// newest.
constexpr size_t kMaxQueued = 256;

class WatchReactor;

// What the feed and the reactor share. The feed holds it for as long as it
// likes; the reactor is told to it until the call is finished.
class Mailbox final : public RoundFeed::Watcher {
 public:
  explicit Mailbox(WatchReactor& reactor) : reactor_(&reactor) {}

  void OnRound(v1::RoundReport report) override SHOAL_EXCLUDES(mutex_);
  void OnEnd(const absl::Status& status) override SHOAL_EXCLUDES(mutex_);
  bool gone() const override SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return reactor_ == nullptr;
  }

  // The reactor's side: the last write is over, or the caller is gone.
  void OnWritten(bool ok) SHOAL_EXCLUDES(mutex_);
  void OnCancel() SHOAL_EXCLUDES(mutex_);

 private:
  // Starts the next write, or finishes, unless a write is running.
  void Continue() SHOAL_REQUIRES(mutex_);

  mutable Mutex mutex_;
  WatchReactor* reactor_ SHOAL_GUARDED_BY(mutex_);  // null once finished
  std::deque<v1::RoundReport> queue_ SHOAL_GUARDED_BY(mutex_);
  bool writing_ SHOAL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ SHOAL_GUARDED_BY(mutex_);
};

class WatchReactor final : public grpc::ServerWriteReactor<v1::RoundReport> {
 public:
  WatchReactor(RoundFeed& feed, const std::string& task, int64_t since_round)
      : mailbox_(std::make_shared<Mailbox>(*this)) {
    feed.Watch(task, since_round, mailbox_);
  }

  void Send(v1::RoundReport report) {
    report_ = std::move(report);
    StartWrite(&report_);
  }
  void OnWriteDone(bool ok) override { mailbox_->OnWritten(ok); }
  void OnCancel() override { mailbox_->OnCancel(); }
  void OnDone() override { delete this; }

 private:
  const std::shared_ptr<Mailbox> mailbox_;  // shared with the feed
  v1::RoundReport report_;
};

class RefusedWatch final : public grpc::ServerWriteReactor<v1::RoundReport> {
 public:
  explicit RefusedWatch(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

void Mailbox::OnRound(v1::RoundReport report) {
  MutexLock lock(mutex_);
  queue_.push_back(std::move(report));
  if (queue_.size() > kMaxQueued) queue_.pop_front();
  Continue();
}

void Mailbox::OnEnd(const absl::Status& status) {
  MutexLock lock(mutex_);
  end_ = status;
  Continue();
}

void Mailbox::OnWritten(bool ok) {
  MutexLock lock(mutex_);
  writing_ = false;
  if (!ok) end_ = absl::CancelledError("the caller went away");
  if (!ok) queue_.clear();
  Continue();
}

void Mailbox::OnCancel() {
  MutexLock lock(mutex_);
  end_ = absl::CancelledError("the caller went away");
  queue_.clear();
  Continue();
}

void Mailbox::Continue() {
  if (writing_ || reactor_ == nullptr) return;
  if (!queue_.empty()) {
    writing_ = true;
    v1::RoundReport next = std::move(queue_.front());
    queue_.pop_front();
    reactor_->Send(std::move(next));
  } else if (end_.has_value()) {
    // gRPC deletes the reactor from another thread, or after this returns.
    std::exchange(reactor_, nullptr)->Finish(ToGrpc(*end_));
  }
}

}  // namespace

grpc::ServerWriteReactor<v1::RoundReport>* StartWatch(RoundFeed& feed,
                                                      const std::string& task,
                                                      int64_t since_round) {
  return new WatchReactor(feed, task, since_round);
}

grpc::ServerWriteReactor<v1::RoundReport>* RefuseWatch(
    const absl::Status& status) {
  return new RefusedWatch(status);
}

}  // namespace shoal::coordinator
