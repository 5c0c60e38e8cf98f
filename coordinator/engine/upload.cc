#include "coordinator/engine/upload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;

absl::Status WrongOffset(int64_t offset, int64_t expected) {
  return RefusalError(RefusalCode::kUploadOffset,
                      absl::StrCat("the chunk starts at byte ", offset,
                                   ", expected ", expected));
}

absl::Status NoSpace(const absl::Status& cause) {
  return RefusalError(RefusalCode::kOverloaded,
                      absl::StrCat("the spool of uploads: ", cause.message()));
}

}  // namespace

absl::Status UploadBytes::CheckWriter(int64_t ticket) const {
  if (closed_) {
    return RefusalError(RefusalCode::kRoundOver,
                        "the round takes no more reports");
  }
  if (ticket != writer_ || complete_) {
    return absl::AbortedError("a newer stream has taken this upload over");
  }
  return absl::OkStatus();
}

absl::Status UploadBytes::CheckPiece(int64_t offset, int64_t size) const {
  if (offset != held()) return WrongOffset(offset, held());
  if (size <= num_bytes_ - offset) return absl::OkStatus();
  return RefusalError(
      RefusalCode::kUploadTooLarge,
      absl::StrCat("the chunk ends at byte ", offset + size,
                   ", the upload was announced with ", num_bytes_));
}

int64_t UploadBytes::held() const {
  return shared_ != nullptr ? static_cast<int64_t>(shared_->size())
                            : spool_->size();
}

absl::Status UploadBytes::CheckDigest(const Digest& digest) const {
  if (shared_ != nullptr) return absl::OkStatus();
  const Digest actual = hash_.has_value() ? hash_->Current() : Sha256("");
  if (actual == digest) return absl::OkStatus();
  return RefusalError(
      RefusalCode::kDigestMismatch,
      absl::StrCat("the SHA-256 of the upload is ", actual.ToHex(),
                   ", expected ", digest.ToHex()));
}

absl::StatusOr<UploadBytes::Place> UploadBytes::TakeOver(int64_t offset) {
  MutexLock lock(mutex_);
  if (offset != held()) return WrongOffset(offset, held());
  if (complete_) return Place{0, offset};
  return Place{++writer_, offset};
}

absl::Status UploadBytes::Append(int64_t ticket, int64_t offset,
                                 absl::string_view data, uint32_t crc32) {
  if (Crc32(data) != crc32) {
    return RefusalError(
        RefusalCode::kChunkCorrupt,
        absl::StrCat("the CRC-32 of the chunk at byte ", offset, " is ",
                     Crc32(data), ", expected ", crc32));
  }
  MutexLock lock(mutex_);
  SHOAL_RETURN_IF_ERROR(CheckWriter(ticket));
  SHOAL_RETURN_IF_ERROR(CheckPiece(offset, data.size()));
  if (const absl::Status written = spool_->Append(data); !written.ok()) {
    return NoSpace(written);
  }
  if (!hash_.has_value()) hash_.emplace();
  hash_->Update(data);
  return absl::OkStatus();
}

absl::Status UploadBytes::Share(int64_t ticket,
                                std::shared_ptr<const std::string> update) {
  MutexLock lock(mutex_);
  SHOAL_RETURN_IF_ERROR(CheckWriter(ticket));
  SHOAL_RETURN_IF_ERROR(CheckPiece(0, update->size()));
  shared_ = std::move(update);
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> UploadBytes::Complete(int64_t ticket,
                                                        const Digest& digest) {
  MutexLock lock(mutex_);
  SHOAL_RETURN_IF_ERROR(CheckWriter(ticket));
  if (held() != num_bytes_) {
    return RefusalError(RefusalCode::kUploadOffset,
                        absl::StrCat("the upload ends at byte ", held(),
                                     ", expected ", num_bytes_));
  }
  SHOAL_RETURN_IF_ERROR(CheckDigest(digest));
  if (shared_ != nullptr) {
    complete_ = true;
    return absl::string_view(*shared_);
  }
  absl::StatusOr<absl::string_view> view = spool_->View();
  if (!view.ok()) return NoSpace(view.status());
  complete_ = true;
  return view;
}

int64_t UploadBytes::size() {
  MutexLock lock(mutex_);
  return held();
}

}  // namespace shoal::coordinator
