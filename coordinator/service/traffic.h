// Counts the payload that a coordinator moves.
#ifndef SHOAL_COORDINATOR_SERVICE_TRAFFIC_H_
#define SHOAL_COORDINATOR_SERVICE_TRAFFIC_H_

#include <atomic>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "base/digest.h"
#include "base/mutex.h"

namespace shoal::coordinator {

// Since this process started. Thread-safe.
class Traffic {
 public:
  void AddReceived(int64_t num_bytes) { received_ += num_bytes; }
  void AddSent(const Digest& model, int64_t num_bytes) SHOAL_EXCLUDES(mutex_);

  int64_t received() const { return received_; }
  int64_t sent() const { return sent_; }
  // Of one model; zero again after ten thousand others.
  int64_t SentOf(const Digest& model) const SHOAL_EXCLUDES(mutex_);

 private:
  std::atomic<int64_t> received_ = 0;
  std::atomic<int64_t> sent_ = 0;
  mutable Mutex mutex_;
  absl::flat_hash_map<Digest, int64_t> sent_of_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_TRAFFIC_H_
