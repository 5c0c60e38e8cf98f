// A file of records that grows at its end. What a crash has left of a last
// record is found by its checksum and cut off.
#ifndef SHOAL_SIMULATIONS_JOURNAL_H_
#define SHOAL_SIMULATIONS_JOURNAL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::simulations {

// Thread-compatible. One process at a time has it open.
class Journal {
 public:
  // An empty one in the place of what is there. FAILED_PRECONDITION when
  // another process has it open; else as open(2) and write(2), with the path.
  static absl::StatusOr<std::unique_ptr<Journal>> Create(std::string path);
  // The first `num_bytes` of one that is there, to be continued. Errors as
  // Create; DATA_LOSS when there are fewer, or a record of them is damaged.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(std::string path,
                                                       int64_t num_bytes);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // What was there when it was opened, oldest first; the caller takes it.
  std::deque<std::string>& records() { return records_; }

  // Kept in memory until the next Sync().
  void Add(absl::string_view record);
  // Writes all records and waits until they are on the disk. Returns how many
  // bytes there are then.
  absl::StatusOr<int64_t> Sync();

 private:
  Journal(std::string path, int file) : path_(std::move(path)), file_(file) {}
  static absl::StatusOr<std::unique_ptr<Journal>> Lock(std::string path);
  absl::Status Cut(int64_t num_bytes);
  absl::Status ReadRecords(absl::string_view bytes);

  const std::string path_;
  const int file_;  // descriptor
  int64_t num_bytes_ = 0;
  std::string unwritten_;
  std::deque<std::string> records_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_JOURNAL_H_
