// The examples that a device has collected: files of records in a folder, a
// bounded number of them.
#ifndef SHOAL_CLIENT_EXAMPLE_STORE_H_
#define SHOAL_CLIENT_EXAMPLE_STORE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "client/example_segment.h"
#include "client/include/shoal/client.h"
#include "learning/dataset.h"

namespace shoal::client {

// Records are appended to the newest of some twenty segments; the oldest is
// removed once every example in it has made room for a newer one. Nothing is
// ever changed in place, so that a snapshot stays what it is. In memory are the
// segments' numbers and sizes. Thread-safe.
//
// A crash of the process loses at most the examples of the Add that is under
// way, a power cut those of which no Add has returned OK.
class ExampleStore {
 public:
  // Makes the folder when it is absent, removes what a crash has left
  // unfinished and leaves out records whose checksum is wrong. The caller keeps
  // others from the folder (FolderLock); `clock` must outlive the store.
  // INVALID_ARGUMENT names the option that cannot be, or both shapes when the
  // folder holds examples of another one. Reads all files once.
  static absl::StatusOr<std::unique_ptr<ExampleStore>> Open(
      const ExampleStoreOptions& options, std::string folder,
      const Clock& clock);
  ~ExampleStore();
  ExampleStore(const ExampleStore&) = delete;
  ExampleStore& operator=(const ExampleStore&) = delete;

  // INVALID_ARGUMENT when Add would refuse the example itself.
  absl::Status Check(const Example& example) const;

  // Errors as Client::AddExample: none is added when one of them is refused by
  // Check; what was added before another error stays. The examples are rows
  // `first.row` and following of `first.source`. `num_added`, if not null, is
  // set to how many of them, from the first on, are durable.
  absl::Status Add(absl::Span<const Example> examples, Origin first = {},
                   int64_t* num_added = nullptr) SHOAL_EXCLUDES(mutex_);

  // The examples as they are now; what happens to the store later does not
  // change them. Holds no lock, and the files mapped.
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Snapshot()
      SHOAL_EXCLUDES(mutex_);

  const ExampleShape& shape() const { return shape_; }
  int64_t num_examples() const SHOAL_EXCLUDES(mutex_);
  // Of the newest example that has one; source 0: there is none. A source that
  // is read again after a crash goes on behind it.
  Origin last_origin() const SHOAL_EXCLUDES(mutex_);
  // Records that Open found damaged.
  int64_t num_damaged() const { return num_damaged_; }

 private:
  struct Segment {
    uint64_t number = 0;  // names the file; they grow
    int64_t num_records = 0;
  };
  // How much there may be.
  struct Capacity {
    int64_t examples = 0;
    int64_t per_segment = 0;
  };

  ExampleStore(const ExampleStoreOptions& options, std::string folder,
               const Clock& clock, Capacity capacity);
  static absl::StatusOr<Capacity> CapacityOf(
      const ExampleStoreOptions& options);

  std::string PathOf(const Segment& segment) const;

  // Of Open; each looks at one segment, or at all that there are.
  absl::Status Recover() SHOAL_REQUIRES(mutex_);
  absl::Status Recover(Segment segment, bool is_newest) SHOAL_REQUIRES(mutex_);
  // Cuts the front segment down to what is left of it, when that is much less.
  absl::Status TrimFront() SHOAL_REQUIRES(mutex_);

  // Appends to the newest segment and syncs it. After an error the segment is
  // as it was.
  absl::Status Append(absl::string_view records, int64_t num_records)
      SHOAL_REQUIRES(mutex_);
  // Makes the newest segment one that has room, and opens it.
  absl::Status OpenNewest() SHOAL_REQUIRES(mutex_);
  void CloseNewest() SHOAL_REQUIRES(mutex_);
  // Drops what is too old or too much.
  absl::Status MakeRoom() SHOAL_REQUIRES(mutex_);
  absl::Status DropOldest() SHOAL_REQUIRES(mutex_);
  // REQUIRES: there is an example.
  absl::StatusOr<bool> IsOldestExpired() SHOAL_REQUIRES(mutex_);

  const ExampleShape shape_;
  const int64_t record_bytes_;
  const std::optional<absl::Duration> max_age_;
  const bool missing_values_;
  const Capacity capacity_;
  const std::string folder_;
  const Clock& clock_;
  int64_t num_damaged_ = 0;  // set by Open

  // Held while files are written: what it guards are their ends.
  mutable Mutex mutex_;
  std::deque<Segment> segments_ SHOAL_GUARDED_BY(mutex_);  // oldest first
  int64_t dropped_ SHOAL_GUARDED_BY(mutex_) = 0;       // of the front segment
  int64_t num_examples_ SHOAL_GUARDED_BY(mutex_) = 0;  // without those
  // When the oldest example was added; absent: not looked up.
  std::optional<absl::Time> oldest_ SHOAL_GUARDED_BY(mutex_);
  Origin last_origin_ SHOAL_GUARDED_BY(mutex_);
  int newest_fd_ SHOAL_GUARDED_BY(mutex_) = -1;  // of the newest segment
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_EXAMPLE_STORE_H_
