#include "simulations/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::simulations {

Journal::~Journal() { close(file_); }

absl::StatusOr<std::unique_ptr<Journal>> Journal::Lock(std::string path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return ErrnoStatus(errno, path, "open");
  std::unique_ptr<Journal> journal(new Journal(std::move(path), file));
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        journal->path_, ": another process works at this run (flock)"));
  }
  return journal;
}

absl::Status Journal::Cut(int64_t num_bytes) {
  if (ftruncate(file_, num_bytes) != 0 ||
      lseek(file_, num_bytes, SEEK_SET) != num_bytes) {
    return ErrnoStatus(errno, path_, "truncate");
  }
  num_bytes_ = num_bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Create(std::string path) {
  SHOAL_ASSIGN_OR_RETURN(auto journal, Lock(std::move(path)));
  SHOAL_RETURN_IF_ERROR(journal->Cut(0));
  return journal;
}

absl::Status Journal::ReadRecords(absl::string_view bytes) {
  ByteReader reader(bytes);
  while (!reader.rest().empty()) {
    const uint32_t checksum = reader.U32();
    const absl::string_view record = reader.Sized();
    if (!reader.ok() || Crc32(record) != checksum) {
      return absl::DataLossError(
          absl::StrCat(path_, ": record ", records_.size(), " is damaged"));
    }
    records_.emplace_back(record);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(std::string path,
                                                       int64_t num_bytes) {
  SHOAL_ASSIGN_OR_RETURN(auto journal, Lock(std::move(path)));
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(journal->path_));
  if (static_cast<int64_t>(bytes.size()) < num_bytes) {
    return absl::DataLossError(absl::StrCat(journal->path_, ": has ",
                                            bytes.size(), " bytes, expected ",
                                            num_bytes, " at least"));
  }
  SHOAL_RETURN_IF_ERROR(
      journal->ReadRecords(absl::string_view(bytes).substr(0, num_bytes)));
  SHOAL_RETURN_IF_ERROR(journal->Cut(num_bytes));
  return journal;
}

void Journal::Add(absl::string_view record) {
  AppendU32(unwritten_, Crc32(record));
  AppendSized(unwritten_, record);
}

absl::StatusOr<int64_t> Journal::Sync() {
  absl::string_view rest = unwritten_;
  while (!rest.empty()) {
    const ssize_t written = write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, path_, "write");
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (fdatasync(file_) != 0) return ErrnoStatus(errno, path_, "sync");
  num_bytes_ += static_cast<int64_t>(unwritten_.size());
  unwritten_.clear();
  return num_bytes_;
}

}  // namespace shoal::simulations
