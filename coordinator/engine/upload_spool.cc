#include "coordinator/engine/upload_spool.h"

#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"

namespace shoal::coordinator {
namespace {

// Bytes that may still be given away. Thread-safe; outlives the spool as long
// as an upload lives.
class Space {
 public:
  explicit Space(int64_t num_bytes) : free_(num_bytes) {}

  bool Take(int64_t num_bytes) SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (num_bytes > free_) return false;
    free_ -= num_bytes;
    return true;
  }
  void GiveBack(int64_t num_bytes) SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    free_ += num_bytes;
  }

 private:
  Mutex mutex_;
  int64_t free_ SHOAL_GUARDED_BY(mutex_);
};

class MemoryUpload final : public SpooledUpload {
 public:
  // Takes over `num_bytes` of `space`.
  MemoryUpload(std::shared_ptr<Space> space, int64_t num_bytes,
               std::unique_ptr<char[]> bytes)
      : space_(std::move(space)),
        num_bytes_(num_bytes),
        bytes_(std::move(bytes)) {}
  ~MemoryUpload() override { space_->GiveBack(num_bytes_); }

  int64_t size() const override { return size_; }

  absl::Status Append(absl::string_view data) override {
    const int64_t size = data.size();
    if (size > num_bytes_ - size_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the upload has reserved ", num_bytes_, " bytes, ",
                       size_, " of them used; ", size, " more do not fit"));
    }
    std::memcpy(bytes_.get() + size_, data.data(), data.size());
    size_ += size;
    return absl::OkStatus();
  }

  absl::StatusOr<absl::string_view> View() override {
    return absl::string_view(bytes_.get(), size_);
  }

 private:
  const std::shared_ptr<Space> space_;
  const int64_t num_bytes_;
  const std::unique_ptr<char[]> bytes_;  // [num_bytes_], 16-byte aligned
  int64_t size_ = 0;
};

class MemorySpool final : public UploadSpool {
 public:
  explicit MemorySpool(int64_t max_bytes)
      : max_bytes_(max_bytes), space_(std::make_shared<Space>(max_bytes)) {}

  absl::StatusOr<std::unique_ptr<SpooledUpload>> Create(
      int64_t num_bytes) override {
    if (num_bytes < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot reserve ", num_bytes, " bytes"));
    }
    if (!space_->Take(num_bytes)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no room for an upload of ", num_bytes,
                       " bytes: the spool holds ", max_bytes_));
    }
    // Pages cost memory only once bytes arrive.
    std::unique_ptr<char[]> bytes(new (std::nothrow) char[num_bytes]);
    if (bytes == nullptr) {
      space_->GiveBack(num_bytes);
      return absl::ResourceExhaustedError(
          absl::StrCat("no memory for an upload of ", num_bytes, " bytes"));
    }
    return std::make_unique<MemoryUpload>(space_, num_bytes, std::move(bytes));
  }

 private:
  const int64_t max_bytes_;
  const std::shared_ptr<Space> space_;  // with the uploads, which may be last
};

}  // namespace

std::unique_ptr<UploadSpool> MakeMemorySpool(int64_t max_bytes) {
  return std::make_unique<MemorySpool>(max_bytes);
}

}  // namespace shoal::coordinator
