// Cancels the running gRPC call when nothing has moved on it for a while.
#ifndef SHOAL_CLIENT_TRANSPORT_IDLE_WATCH_H_
#define SHOAL_CLIENT_TRANSPORT_IDLE_WATCH_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace shoal::client {

// One call at a time; a thread of its own sleeps while there is none. What is
// cancelled is the call, from outside: gRPC's own deadlines would count the
// whole transfer, however well it goes. Thread-safe.
class IdleWatch {
 public:
  // A call that is watched while this object lives. Used by one thread.
  class Call {
   public:
    // `window`: the longest time without a call of Moved().
    Call(IdleWatch& watch, absl::Duration window);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    grpc::ClientContext& context() { return context_; }
    // Something has moved.
    void Moved();
    // As Moved(), and from here on the window is another one.
    void Moved(absl::Duration window);

    absl::Duration window() const {
      return absl::Nanoseconds(window_nanos_.load());
    }
    // Whether the watch has cancelled it.
    bool expired() const { return expired_; }

   private:
    friend class IdleWatch;
    IdleWatch& watch_;
    grpc::ClientContext context_;
    std::atomic<int64_t> window_nanos_;
    std::atomic<int64_t> moved_nanos_;
    std::atomic<bool> expired_ = false;
  };

  IdleWatch();
  ~IdleWatch();
  IdleWatch(const IdleWatch&) = delete;
  IdleWatch& operator=(const IdleWatch&) = delete;

  // Cancels the running call and all later ones.
  void Cancel() SHOAL_EXCLUDES(mutex_);
  bool cancelled() const SHOAL_EXCLUDES(mutex_);

 private:
  void Run() SHOAL_EXCLUDES(mutex_);
  void Begin(Call* call) SHOAL_EXCLUDES(mutex_);
  void End() SHOAL_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  Call* call_ SHOAL_GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ SHOAL_GUARDED_BY(mutex_) = false;
  bool ending_ SHOAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_IDLE_WATCH_H_
