#include "coordinator/service/transfer_watch.h"

#include <limits>

namespace shoal::coordinator {
namespace {

constexpr int64_t kResting = std::numeric_limits<int64_t>::max();

}  // namespace

TransferWatch::Transfer::Transfer(TransferWatch& watch,
                                  grpc::ServerContextBase& context)
    : watch_(watch), context_(context), moved_nanos_(watch.NowNanos()) {
  MutexLock lock(watch_.mutex_);
  watch_.transfers_.insert(this);
}

TransferWatch::Transfer::~Transfer() {
  MutexLock lock(watch_.mutex_);
  watch_.transfers_.erase(this);
}

void TransferWatch::Transfer::Moved() { moved_nanos_ = watch_.NowNanos(); }

void TransferWatch::Transfer::Rest() { moved_nanos_ = kResting; }

void TransferWatch::CancelSilent() {
  const int64_t limit = NowNanos() - absl::ToInt64Nanoseconds(window_);
  // The lock keeps the transfers alive; TryCancel() only starts the
  // cancellation, which gRPC's threads carry out.
  MutexLock lock(mutex_);
  for (Transfer* transfer : transfers_) {
    if (transfer->moved_nanos_ <= limit) transfer->context_.TryCancel();
  }
}

int64_t TransferWatch::NowNanos() const {
  return absl::ToInt64Nanoseconds(clock_.Monotonic());
}

}  // namespace shoal::coordinator
