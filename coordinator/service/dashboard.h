// The dashboard: a page that shows people what the coordinator is at, and how
// tasks stand with their privacy budgets.
#ifndef SHOAL_COORDINATOR_SERVICE_DASHBOARD_H_
#define SHOAL_COORDINATOR_SERVICE_DASHBOARD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "coordinator/operations/http_endpoint.h"
#include "coordinator/service/admin_service.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::coordinator {

// Thread-safe.
class Dashboard {
 public:
  // What `dependencies` refers to must outlive the object. REQUIRES that its
  // reports name no devices: others than operators see the page.
  explicit Dashboard(const AdminDependencies& dependencies)
      : d_(dependencies) {}

  // The document, its script and style, and /dashboard.json, which the script
  // asks for again and again. They use this object.
  std::vector<LocalPage> Pages();

  // A JSON object, dashboard/src/live/data.ts: the coordinator's time, its
  // tasks and their newest rounds, at most a second old; and the privacy report
  // of each task that has one. Those may take an accountant seconds, and are
  // made on a thread of their own when a round has ended, which computes for a
  // twentieth of the time at most: until then there are the last ones, or none.
  // UNAVAILABLE to the second who asks before there is an answer; errors of the
  // store.
  absl::StatusOr<std::string> Data() SHOAL_EXCLUDES(mutex_);

 private:
  // Of tasks that train with privacy.
  struct PrivacyReports {
    std::string key;   // what they depend on; "": there are none yet
    std::string json;  // a list
    absl::Time at = absl::InfinitePast();
  };

  absl::StatusOr<std::string> Compute(absl::Time now) SHOAL_EXCLUDES(mutex_);
  // The newest, and begins with newer ones if it is time.
  PrivacyReports Privacy(const v1::StatusReport& status) SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<v1::PrivacyReport> PrivacyOf(const std::string& task) const;
  void RefreshPrivacy(const std::string& key,
                      const std::vector<std::string>& tasks)
      SHOAL_EXCLUDES(mutex_);

  const AdminDependencies d_;
  Mutex mutex_;
  bool is_computing_ SHOAL_GUARDED_BY(mutex_) = false;
  std::string newest_ SHOAL_GUARDED_BY(mutex_);  // "": none
  absl::Time computed_ SHOAL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool is_refreshing_ SHOAL_GUARDED_BY(mutex_) = false;
  PrivacyReports privacy_ SHOAL_GUARDED_BY(mutex_);
  // On the monotonic clock, when it may be computed again.
  absl::Duration privacy_due_ SHOAL_GUARDED_BY(mutex_) =
      -absl::InfiniteDuration();
  ThreadPool accountant_{1};  // last: its work uses all of the above
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_DASHBOARD_H_
