// The dashboard: a page that shows people what the coordinator is at, and how
// tasks stand with their privacy budgets.
#ifndef SHOAL_COORDINATOR_SERVICE_DASHBOARD_H_
#define SHOAL_COORDINATOR_SERVICE_DASHBOARD_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "coordinator/operations/http_endpoint.h"
#include "coordinator/service/admin_service.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::coordinator {

// Thread-safe.
class Dashboard {
 public:
  // What `dependencies` refers to must outlive the object.
  explicit Dashboard(const AdminDependencies& dependencies)
      : d_(dependencies) {}

  // The document, its script and style, and /dashboard.json, which the script
  // asks for again and again. They use this object.
  std::vector<LocalPage> Pages();

  // A JSON object: `at` (the coordinator's time), `status` (StatusReport) and
  // `privacy`, of each task that trains with privacy its PrivacyReport, or
  // `task` and the `error` why there is none. At most a second old, however
  // many ask: it is computed for one of them, and others get the last one
  // meanwhile. UNAVAILABLE when there is none yet; errors of the store.
  absl::StatusOr<std::string> Data();

 private:
  // What a report on privacy depends on: charges of the population; committed
  // and failed rounds of the task, and its state.
  using PrivacyKey = std::tuple<int64_t, int64_t, int64_t, TaskState>;
  struct KnownPrivacy {
    PrivacyKey key;
    std::string json;
  };

  absl::StatusOr<std::string> Compute(absl::Time now);
  // Of one task, as JSON; an accountant may take seconds.
  absl::StatusOr<std::string> PrivacyOf(const std::string& task);

  const AdminDependencies d_;
  Mutex mutex_;
  bool is_computing_ SHOAL_GUARDED_BY(mutex_) = false;
  std::string newest_ SHOAL_GUARDED_BY(mutex_);  // "": none
  absl::Time computed_ SHOAL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // By task; of whoever computes.
  std::map<std::string, KnownPrivacy> privacy_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_DASHBOARD_H_
