// Tells watchers when the rounds of a task change.
#ifndef SHOAL_COORDINATOR_SERVICE_ROUND_FEED_H_
#define SHOAL_COORDINATOR_SERVICE_ROUND_FEED_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "coordinator/service/admin_reports.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::coordinator {

// Reads the store every `period` while somebody watches: another replica may
// move the rounds on. One thread, asleep without watchers. Thread-safe.
class RoundFeed {
 public:
  // Gets every change in order: of a round that began and ended between two
  // looks the end alone. The last call has a status instead: OK when the task
  // is over, or the error.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnRound(v1::RoundReport report) = 0;
    virtual void OnEnd(const absl::Status& status) = 0;
    // True once nobody listens any more: the watcher is dropped then.
    virtual bool gone() const = 0;
  };

  // `reports` must outlive the feed.
  RoundFeed(const ReportReader& reports, absl::Duration period);
  // Ends all watchers with kShuttingDown.
  ~RoundFeed();
  RoundFeed(const RoundFeed&) = delete;
  RoundFeed& operator=(const RoundFeed&) = delete;

  // Tells of the rounds from `since_round` on, 0: from the newest on. Shared
  // with the caller, who may go away before the feed notices.
  void Watch(const std::string& task, int64_t since_round,
             std::shared_ptr<Watcher> watcher) SHOAL_EXCLUDES(mutex_);

  // Ends all watchers with kShuttingDown, now and from here on.
  void Stop() SHOAL_EXCLUDES(mutex_);

 private:
  struct Subscription;
  void Run() SHOAL_EXCLUDES(mutex_);
  // Returns false when the watch is over.
  bool Look(Subscription& watch) const;
  // Newest first; older ones may follow. `first` 0: the newest alone.
  absl::StatusOr<std::vector<RoundRow>> RoundsSince(const std::string& task,
                                                    int64_t first) const;
  absl::Status SendChanges(Subscription& watch) const;

  const ReportReader& reports_;
  const absl::Duration period_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<Subscription>> added_ SHOAL_GUARDED_BY(mutex_);
  bool stopping_ SHOAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_ROUND_FEED_H_
