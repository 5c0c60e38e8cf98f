// Counts the payload that a coordinator moves.
#ifndef SHOAL_COORDINATOR_SERVICE_TRAFFIC_H_
#define SHOAL_COORDINATOR_SERVICE_TRAFFIC_H_

#include <atomic>
#include <cstdint>

namespace shoal::coordinator {

// Since this process started. Thread-safe.
class Traffic {
 public:
  void AddReceived(int64_t num_bytes) { received_ += num_bytes; }
  void AddSent(int64_t num_bytes) { sent_ += num_bytes; }

  int64_t received() const { return received_; }
  int64_t sent() const { return sent_; }

 private:
  std::atomic<int64_t> received_ = 0;
  std::atomic<int64_t> sent_ = 0;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_TRAFFIC_H_
