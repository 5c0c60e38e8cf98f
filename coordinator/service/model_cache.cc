#include "coordinator/service/model_cache.h"

#include <algorithm>

#include "base/status_macros.h"
#include "protocol/messages.h"

namespace shoal::coordinator {

using protocol::kMaxChunkBytes;

ModelCache::ModelCache(Reader reader, int64_t max_bytes)
    : reader_(std::move(reader)), max_bytes_(max_bytes) {}

absl::StatusOr<ModelCache::Bytes> ModelCache::Read(const Digest& digest,
                                                   int64_t offset) {
  const Key key = {digest, offset / kMaxChunkBytes};
  Chunk chunk = Find(key);
  if (chunk == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(std::string bytes,
                           reader_(digest, key.second * kMaxChunkBytes));
    chunk = std::make_shared<const std::string>(std::move(bytes));
    Insert(key, chunk);
  }
  absl::string_view data = *chunk;
  data.remove_prefix(std::min<int64_t>(offset % kMaxChunkBytes, data.size()));
  return Bytes{std::move(chunk), data};
}

ModelCache::Chunk ModelCache::Find(const Key& key) {
  MutexLock lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->chunk;
}

void ModelCache::Insert(const Key& key, const Chunk& chunk) {
  MutexLock lock(mutex_);
  if (index_.contains(key)) return;
  entries_.push_front({key, chunk});
  index_[key] = entries_.begin();
  num_bytes_ += chunk->size();
  while (num_bytes_ > max_bytes_) {
    num_bytes_ -= entries_.back().chunk->size();
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace shoal::coordinator
