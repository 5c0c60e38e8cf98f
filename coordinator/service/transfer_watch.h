// Ends streams on which nothing has moved for a long time.
#ifndef SHOAL_COORDINATOR_SERVICE_TRANSFER_WATCH_H_
#define SHOAL_COORDINATOR_SERVICE_TRANSFER_WATCH_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace shoal::coordinator {

// Devices resume what was cut, so this is about room, not about correctness.
// Thread-safe.
class TransferWatch {
 public:
  // One stream, watched while this object lives. Thread-safe.
  class Transfer {
   public:
    Transfer(TransferWatch& watch, grpc::ServerContextBase& context);
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    // Bytes have moved.
    void Moved();
    // No more bytes are expected: it is our turn, and it is not watched.
    void Rest();

   private:
    friend class TransferWatch;
    TransferWatch& watch_;
    grpc::ServerContextBase& context_;
    std::atomic<int64_t> moved_nanos_;
  };

  // `clock` must outlive the watch; the watch must outlive its transfers.
  TransferWatch(const Clock& clock, absl::Duration window)
      : clock_(clock), window_(window) {}

  // Cancels every stream that has been silent for the window.
  void CancelSilent() SHOAL_EXCLUDES(mutex_);

 private:
  int64_t NowNanos() const;

  const Clock& clock_;
  const absl::Duration window_;
  Mutex mutex_;
  absl::flat_hash_set<Transfer*> transfers_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_TRANSFER_WATCH_H_
