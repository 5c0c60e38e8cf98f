// Where the bytes of unfinished uploads lie until their round has counted
// them: bounded, in memory for small ones, on disk beyond.
#ifndef SHOAL_COORDINATOR_ENGINE_UPLOAD_SPOOL_H_
#define SHOAL_COORDINATOR_ENGINE_UPLOAD_SPOOL_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::coordinator {

// The bytes of one upload. Thread-compatible. Gives its space back when it
// dies.
class SpooledUpload {
 public:
  virtual ~SpooledUpload() = default;
  virtual int64_t size() const = 0;
  // RESOURCE_EXHAUSTED when the disk is full; nothing was added then.
  virtual absl::Status Append(absl::string_view data) = 0;
  // All bytes so far, 8-byte aligned; valid until the next Append.
  virtual absl::StatusOr<absl::string_view> View() = 0;
};

// Thread-safe.
class UploadSpool {
 public:
  virtual ~UploadSpool() = default;
  // Reserves `num_bytes`. RESOURCE_EXHAUSTED when the bounds are reached.
  virtual absl::StatusOr<std::unique_ptr<SpooledUpload>> Create(
      int64_t num_bytes) = 0;
};

// Everything in memory, up to `max_bytes`.
std::unique_ptr<UploadSpool> MakeMemorySpool(int64_t max_bytes);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_UPLOAD_SPOOL_H_
