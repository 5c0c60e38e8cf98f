#include "coordinator/service/disk_spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

constexpr absl::string_view kPrefix = "upload-";

// Bytes that are promised, out of a bound. Thread-safe.
class Quota {
 public:
  explicit Quota(int64_t limit) : limit_(limit) {}

  bool Take(int64_t num_bytes) {
    int64_t used = used_.load();
    do {
      if (num_bytes > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + num_bytes));
    return true;
  }
  void Give(int64_t num_bytes) { used_.fetch_sub(num_bytes); }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_ = 0;
};

// A share of a quota, given back when it dies.
class Share {
 public:
  Share(std::shared_ptr<Quota> quota, int64_t num_bytes)
      : quota_(std::move(quota)), num_bytes_(num_bytes) {}
  ~Share() { quota_->Give(num_bytes_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  int64_t num_bytes() const { return num_bytes_; }

 private:
  // Shared: uploads may outlive the spool.
  const std::shared_ptr<Quota> quota_;
  const int64_t num_bytes_;
};

absl::Status BeyondReservation(int64_t reserved) {
  return absl::OutOfRangeError(absl::StrCat(
      "an upload grew beyond the ", reserved, " bytes it had announced"));
}

// A mapping, unmapped when it dies.
class Mapping {
 public:
  Mapping() = default;
  ~Mapping() { Reset(); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  absl::Status Map(int64_t num_bytes, int protection, int flags, int fd) {
    Reset();
    void* data = mmap(nullptr, num_bytes, protection, flags, fd, 0);
    if (data == MAP_FAILED) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "cannot map ", num_bytes, " bytes: ", std::strerror(errno)));
    }
    data_ = static_cast<char*>(data);
    num_bytes_ = num_bytes;
    return absl::OkStatus();
  }
  void Reset() {
    if (data_ != nullptr) munmap(data_, num_bytes_);
    data_ = nullptr;
    num_bytes_ = 0;
  }
  char* data() const { return data_; }
  int64_t num_bytes() const { return num_bytes_; }

 private:
  char* data_ = nullptr;
  int64_t num_bytes_ = 0;
};

class MemoryUpload final : public SpooledUpload {
 public:
  explicit MemoryUpload(std::unique_ptr<Share> share)
      : share_(std::move(share)) {}

  absl::Status Open() {
    return mapping_.Map(share_->num_bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
  }

  int64_t size() const override { return size_; }

  absl::Status Append(absl::string_view data) override {
    if (static_cast<int64_t>(data.size()) > mapping_.num_bytes() - size_) {
      return BeyondReservation(mapping_.num_bytes());
    }
    std::memcpy(mapping_.data() + size_, data.data(), data.size());
    size_ += data.size();
    return absl::OkStatus();
  }

  absl::StatusOr<absl::string_view> View() override {
    return absl::string_view(mapping_.data(), size_);
  }

 private:
  const std::unique_ptr<Share> share_;
  Mapping mapping_;
  int64_t size_ = 0;
};

class FileUpload final : public SpooledUpload {
 public:
  explicit FileUpload(std::unique_ptr<Share> share)
      : share_(std::move(share)) {}
  ~FileUpload() override {
    if (fd_ >= 0) close(fd_);
  }

  absl::Status Open(const std::string& path) {
    path_ = path;
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ < 0) return ErrnoStatus(errno, path, "open");
    if (unlink(path.c_str()) != 0) return ErrnoStatus(errno, path, "unlink");
    return absl::OkStatus();
  }

  int64_t size() const override { return size_; }

  absl::Status Append(absl::string_view data) override {
    if (static_cast<int64_t>(data.size()) > share_->num_bytes() - size_) {
      return BeyondReservation(share_->num_bytes());
    }
    int64_t end = size_;
    while (!data.empty()) {
      const ssize_t written = pwrite(fd_, data.data(), data.size(), end);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Undo(written < 0 ? errno : ENOSPC);
      end += written;
      data.remove_prefix(written);
    }
    size_ = end;
    return absl::OkStatus();
  }

  absl::StatusOr<absl::string_view> View() override {
    if (size_ == 0) return absl::string_view();
    if (mapping_.num_bytes() != size_) {
      SHOAL_RETURN_IF_ERROR(mapping_.Map(size_, PROT_READ, MAP_PRIVATE, fd_));
    }
    return absl::string_view(mapping_.data(), size_);
  }

 private:
  // What was written beyond size_ gives its space back.
  absl::Status Undo(int error) {
    const absl::Status status = ErrnoStatus(error, path_, "write");
    if (ftruncate(fd_, size_) != 0) {
      return ErrnoStatus(errno, path_, "truncate after a failed write");
    }
    return status;
  }

  const std::unique_ptr<Share> share_;
  std::string path_;
  int fd_ = -1;
  Mapping mapping_;
  int64_t size_ = 0;
};

class DiskSpool final : public UploadSpool {
 public:
  explicit DiskSpool(const DiskSpoolOptions& options)
      : options_(options),
        memory_(std::make_shared<Quota>(options.memory_bytes)),
        disk_(std::make_shared<Quota>(options.disk_bytes)) {}

  absl::StatusOr<std::unique_ptr<SpooledUpload>> Create(
      int64_t num_bytes) override {
    SHOAL_CHECK(num_bytes > 0);
    if (num_bytes <= options_.memory_bytes / options_.max_memory_share &&
        memory_->Take(num_bytes)) {
      auto upload = std::make_unique<MemoryUpload>(
          std::make_unique<Share>(memory_, num_bytes));
      SHOAL_RETURN_IF_ERROR(upload->Open());
      return upload;
    }
    if (!disk_->Take(num_bytes)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no room for an upload of ", num_bytes,
                       " bytes: upload_memory and upload_disk are used up"));
    }
    auto upload =
        std::make_unique<FileUpload>(std::make_unique<Share>(disk_, num_bytes));
    SHOAL_RETURN_IF_ERROR(upload->Open(absl::StrCat(
        options_.folder, "/", kPrefix, next_.fetch_add(1), ".part")));
    return upload;
  }

 private:
  const DiskSpoolOptions options_;
  // Shared with the uploads, which may outlive the spool.
  const std::shared_ptr<Quota> memory_;
  const std::shared_ptr<Quota> disk_;
  std::atomic<int64_t> next_ = 1;
};

absl::Status RemoveLeftovers(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end;
       !error && it != end; it.increment(error)) {
    if (!absl::StartsWith(it->path().filename().string(), kPrefix)) continue;
    std::filesystem::remove(it->path(), error);
    if (error) break;
  }
  if (error) return ErrnoStatus(error.value(), folder, "remove old uploads");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<UploadSpool>> MakeDiskSpool(
    const DiskSpoolOptions& options) {
  SHOAL_CHECK(options.max_memory_share >= 1);
  SHOAL_RETURN_IF_ERROR(MakeFolders(options.folder, 0700));
  SHOAL_RETURN_IF_ERROR(RemoveLeftovers(options.folder));
  return std::make_unique<DiskSpool>(options);
}

}  // namespace shoal::coordinator
