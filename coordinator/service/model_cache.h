// Chunks of models that devices fetch now, kept in memory.
#ifndef SHOAL_COORDINATOR_SERVICE_MODEL_CACHE_H_
#define SHOAL_COORDINATOR_SERVICE_MODEL_CACHE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "base/mutex.h"

namespace shoal::coordinator {

// Least recently used chunks go first. Thread-safe; a model's bytes never
// change, so that nothing is ever stale.
class ModelCache {
 public:
  // Reads up to kMaxChunkBytes of a model from an offset on, less only at its
  // end.
  using Reader =
      std::function<absl::StatusOr<std::string>(const Digest&, int64_t offset)>;
  ModelCache(Reader reader, int64_t max_bytes);

  // The bytes from `offset` to the end of the chunk that they lie in; empty at
  // the model's end. Errors of the reader.
  struct Bytes {
    // Shared: the cache may drop the chunk while it is being sent.
    std::shared_ptr<const std::string> chunk;
    absl::string_view data;
  };
  absl::StatusOr<Bytes> Read(const Digest& digest, int64_t offset)
      SHOAL_EXCLUDES(mutex_);

 private:
  using Key = std::pair<Digest, int64_t>;  // model, number of the chunk
  using Chunk = std::shared_ptr<const std::string>;
  struct Entry {
    Key key;
    Chunk chunk;
  };

  Chunk Find(const Key& key) SHOAL_EXCLUDES(mutex_);
  void Insert(const Key& key, const Chunk& chunk) SHOAL_EXCLUDES(mutex_);

  const Reader reader_;
  const int64_t max_bytes_;
  Mutex mutex_;
  std::list<Entry> entries_ SHOAL_GUARDED_BY(mutex_);  // newest first
  absl::flat_hash_map<Key, std::list<Entry>::iterator> index_
      SHOAL_GUARDED_BY(mutex_);
  int64_t num_bytes_ SHOAL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_MODEL_CACHE_H_
