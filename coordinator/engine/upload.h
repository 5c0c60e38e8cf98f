// One update on its way into a round: its bytes while they arrive, and what is
// known of it once they are complete.
#ifndef SHOAL_COORDINATOR_ENGINE_UPLOAD_H_
#define SHOAL_COORDINATOR_ENGINE_UPLOAD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "aggregation/update_validation.h"
#include "base/digest.h"
#include "base/mutex.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/upload_spool.h"
#include "protocol/secure_update.h"

namespace shoal::coordinator {

// The bytes of one upload as they arrive from one stream at a time.
// Thread-safe. Its mutex is its own and is held while a chunk is written, so
// that a stream which takes over finds the chunk at hand complete.
class UploadBytes {
 public:
  UploadBytes(std::unique_ptr<SpooledUpload> spool, int64_t num_bytes)
      : num_bytes_(num_bytes), spool_(std::move(spool)) {}

  struct Place {
    // Names the writer; 0 when the bytes are complete and checked, or being
    // checked, and nothing more may be written.
    int64_t ticket = 0;
    int64_t offset = 0;  // where the next chunk must start
  };
  // Makes the caller the writer if the next chunk would start at `offset`;
  // earlier writers are ABORTED from now on. kUploadOffset.
  absl::StatusOr<Place> TakeOver(int64_t offset) SHOAL_EXCLUDES(mutex_);

  // kUploadOffset, kChunkCorrupt, kUploadTooLarge, kRoundOver, kOverloaded;
  // ABORTED when another writer took over.
  absl::Status Append(int64_t ticket, int64_t offset, absl::string_view data,
                      uint32_t crc32) SHOAL_EXCLUDES(mutex_);
  // As UploadStream::Share says. Errors as Append.
  absl::Status Share(int64_t ticket, std::shared_ptr<const std::string> update)
      SHOAL_EXCLUDES(mutex_);

  // Ends the writing; returns all bytes, which stay as long as this object.
  // kUploadOffset when some are missing, kDigestMismatch; else as Append.
  absl::StatusOr<absl::string_view> Complete(int64_t ticket,
                                             const Digest& digest)
      SHOAL_EXCLUDES(mutex_);

  // Nothing more is wanted: later calls get kRoundOver. Never waits.
  void Close() { closed_ = true; }

  int64_t size() SHOAL_EXCLUDES(mutex_);
  int64_t num_bytes() const { return num_bytes_; }

 private:
  absl::Status CheckWriter(int64_t ticket) const SHOAL_REQUIRES(mutex_);
  // That a piece of `size` bytes may come at `offset`.
  absl::Status CheckPiece(int64_t offset, int64_t size) const
      SHOAL_REQUIRES(mutex_);
  int64_t held() const SHOAL_REQUIRES(mutex_);
  absl::Status CheckDigest(const Digest& digest) const SHOAL_REQUIRES(mutex_);

  const int64_t num_bytes_;
  std::atomic<bool> closed_{false};
  Mutex mutex_;
  const std::unique_ptr<SpooledUpload> spool_ SHOAL_GUARDED_BY(mutex_);
  // Null: the bytes are in spool_.
  std::shared_ptr<const std::string> shared_ SHOAL_GUARDED_BY(mutex_);
  std::optional<Sha256Stream> hash_ SHOAL_GUARDED_BY(mutex_);  // of spool_
  int64_t writer_ SHOAL_GUARDED_BY(mutex_) = 0;
  bool complete_ SHOAL_GUARDED_BY(mutex_) = false;
};

// What a device has been assigned: its round, or, where rounds are asynchronous
// and its own is over, an earlier one.
struct Assigned {
  int64_t round_id = 0;
  int64_t number = 0;
  Digest base_model;
  absl::Time deadline = absl::InfinitePast();
};

// All but `bytes` belongs to the engine's bookkeeping and is guarded by its
// mutex.
struct Upload {
  Upload(std::string device_id, const Assigned& assigned, const Digest& digest,
         std::unique_ptr<SpooledUpload> spool, int64_t num_bytes)
      : device_id(std::move(device_id)),
        assigned(assigned),
        digest(digest),
        bytes(std::move(spool), num_bytes) {}

  enum Phase {
    kArriving,  // or being checked
    kQueued,    // checked, to be counted by the next batch
    kCounted,
    kDropped,  // see `end`
  };

  const std::string device_id;
  const Assigned assigned;
  const Digest digest;
  UploadBytes bytes;

  Phase phase = kArriving;
  int64_t writer = 0;  // ticket of the live stream; 0: none
  // With kQueued. `update` may point into `bytes`.
  aggregation::ValidUpdate update;
  std::optional<protocol::MaskedUpload> masked;  // instead, where it is secure
  absl::Time queued = absl::InfinitePast();
  std::vector<UploadDone> waiters;  // streams that wait for the receipt
  absl::Status end;                 // with kDropped: what waiters are told
  int64_t segment_id = 0;           // with kCounted
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_UPLOAD_H_
