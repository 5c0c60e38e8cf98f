#include "coordinator/service/traffic.h"

namespace shoal::coordinator {
namespace {

constexpr size_t kMaxModels = 10'000;

}  // namespace

void Traffic::AddSent(const Digest& model, int64_t num_bytes) {
  sent_ += num_bytes;
  MutexLock lock(mutex_);
  if (sent_of_.size() >= kMaxModels && !sent_of_.contains(model)) {
    sent_of_.clear();
  }
  sent_of_[model] += num_bytes;
}

int64_t Traffic::SentOf(const Digest& model) const {
  MutexLock lock(mutex_);
  const auto found = sent_of_.find(model);
  return found == sent_of_.end() ? 0 : found->second;
}

}  // namespace shoal::coordinator
