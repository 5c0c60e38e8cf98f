#include "client/example_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/mapped_file.h"
#include "base/status_macros.h"
#include "client/append_file.h"
#include "client/stored_examples.h"

namespace shoal::client {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kSuffix = ".examples";
// Of a full store: more would be more files, fewer would keep more of what is
// no longer used.
constexpr int64_t kSegments = 16;
// A full store has up to two segments beyond those: one that is no longer used
// in all its parts, and one that is written before that is removed.
constexpr int64_t kSpareSegments = 2;
// Of one write.
constexpr int64_t kMostBytesAtOnce = 1 << 20;

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, path, "remove");
}

std::string NameOf(uint64_t number) {
  return absl::StrFormat("%012d%s", number, kSuffix);
}

// The number in a segment's name; absent for another name.
std::optional<uint64_t> NumberOf(absl::string_view name) {
  uint64_t number = 0;
  const absl::string_view digits = name.substr(0, name.find('.'));
  if (!absl::SimpleAtoi(digits, &number) || NameOf(number) != name) {
    return std::nullopt;
  }
  return number;
}

// Segments' numbers, growing. Removes what a crash in WriteFileAtomically has
// left: a segment's name, and more.
absl::StatusOr<std::vector<uint64_t>> ListSegments(const std::string& folder) {
  std::vector<uint64_t> numbers;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (const auto number = NumberOf(name); number.has_value()) {
      numbers.push_back(*number);
    } else if (absl::StrContains(name, absl::StrCat(kSuffix, "."))) {
      SHOAL_RETURN_IF_ERROR(RemoveFile(it->path().string()));
    }
  }
  if (error) return ErrnoStatus(error.value(), folder, "list");
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

absl::Status CutFile(const std::string& path, int64_t size) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path, "open");
  absl::Status status;
  if (ftruncate(fd, size) != 0 || fsync(fd) != 0) {
    status = ErrnoStatus(errno, path, "truncate");
  }
  close(fd);
  return status;
}

// The records of a segment, of which some may be damaged.
class Records {
 public:
  Records(const ExampleShape& shape, absl::string_view body)
      : shape_(shape), bytes_(RecordBytes(shape)), body_(body) {}

  // Whole ones; the bytes behind them are none.
  int64_t size() const { return std::ssize(body_) / bytes_; }
  absl::string_view operator[](int64_t i) const {
    return body_.substr(i * bytes_, bytes_);
  }
  RecordView View(int64_t i) const { return RecordView(shape_, (*this)[i]); }

 private:
  const ExampleShape& shape_;
  const int64_t bytes_;
  const absl::string_view body_;
};

}  // namespace

absl::StatusOr<ExampleStore::Capacity> ExampleStore::CapacityOf(
    const ExampleStoreOptions& options) {
  SHOAL_RETURN_IF_ERROR(CheckStoreOptions(options));
  const int64_t record = RecordBytes(ShapeOf(options));
  const int64_t headers = (kSegments + kSpareSegments) * kSegmentHeaderBytes;
  const int64_t least = headers + (1 + kSpareSegments) * record;
  if (options.max_bytes < least) {
    return absl::InvalidArgumentError(absl::StrCat(
        "example_store.max_bytes: ", options.max_bytes,
        " are too few for one example of ", ShapeText(ShapeOf(options)),
        ", expected at least ", least));
  }
  // With n = records × 16 / 18, rounded down, n and two more segments of
  // n / 16, rounded up, are at most the records that there is room for.
  const int64_t records = (options.max_bytes - headers) / record;
  const int64_t fitting =
      records - kSpareSegments * DivideUp(records, kSegments + kSpareSegments);
  Capacity capacity;
  capacity.examples = std::min(options.max_examples, fitting);
  capacity.per_segment = DivideUp(capacity.examples, kSegments);
  return capacity;
}

absl::StatusOr<std::unique_ptr<ExampleStore>> ExampleStore::Open(
    const ExampleStoreOptions& options, std::string folder,
    const Clock& clock) {
  SHOAL_ASSIGN_OR_RETURN(const Capacity capacity, CapacityOf(options));
  SHOAL_RETURN_IF_ERROR(MakeFolders(folder, 0700));
  std::unique_ptr<ExampleStore> store(
      new ExampleStore(options, std::move(folder), clock, capacity));
  MutexLock lock(store->mutex_);
  SHOAL_RETURN_IF_ERROR(store->Recover());
  return store;
}

ExampleStore::ExampleStore(const ExampleStoreOptions& options,
                           std::string folder, const Clock& clock,
                           Capacity capacity)
    : shape_(ShapeOf(options)),
      record_bytes_(RecordBytes(shape_)),
      max_age_(options.max_age),
      missing_values_(options.missing_values),
      capacity_(capacity),
      folder_(std::move(folder)),
      clock_(clock) {}

ExampleStore::~ExampleStore() {
  MutexLock lock(mutex_);
  CloseNewest();
}

std::string ExampleStore::PathOf(const Segment& segment) const {
  return absl::StrCat(folder_, "/", NameOf(segment.number));
}

absl::Status ExampleStore::Recover() {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers,
                         ListSegments(folder_));
  for (const uint64_t number : numbers) {
    SHOAL_RETURN_IF_ERROR(Recover({number, 0}, number == numbers.back()));
  }
  SHOAL_RETURN_IF_ERROR(MakeRoom());
  return TrimFront();
}

absl::Status ExampleStore::Recover(Segment segment, bool is_newest) {
  const std::string path = PathOf(segment);
  SHOAL_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  const absl::string_view bytes = file->bytes();
  const absl::StatusOr<ExampleShape> found = DecodeSegmentHeader(bytes);
  if (!found.ok() && !absl::IsDataLoss(found.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", found.status().message()));
  }
  if (found.ok() && *found != shape_) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder_, ": holds examples of ", ShapeText(*found),
                     ", but the device is told of ", ShapeText(shape_),
                     "; remove the folder to begin anew"));
  }
  // Without the header, records that fit the shape are still what they are.
  const Records records(shape_, bytes.substr(std::min<size_t>(
                                    bytes.size(), kSegmentHeaderBytes)));
  std::string intact = EncodeSegmentHeader(shape_);
  int64_t first_damaged = records.size();
  for (int64_t i = 0; i < records.size(); ++i) {
    if (!records.View(i).IsIntact()) {
      first_damaged = std::min(first_damaged, i);
      continue;
    }
    ++segment.num_records;
    const Origin origin = records.View(i).origin();
    if (origin.source != 0) last_origin_ = origin;
    // Needed only if a damaged one comes before.
    if (first_damaged < i) absl::StrAppend(&intact, records[i]);
  }
  const bool cut_is_enough = found.ok() && segment.num_records == first_damaged;
  // What was being written when the process ended is no damage.
  if (!is_newest || !cut_is_enough) {
    num_damaged_ += records.size() - segment.num_records;
  }
  if (segment.num_records == 0) return RemoveFile(path);
  if (!cut_is_enough) {
    intact.insert(kSegmentHeaderBytes, bytes.data() + kSegmentHeaderBytes,
                  first_damaged * record_bytes_);
    SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path, intact, 0600));
  } else {
    const int64_t size =
        kSegmentHeaderBytes + segment.num_records * record_bytes_;
    const bool is_longer = std::ssize(bytes) > size;
    file.reset();  // a mapped file must not be cut
    if (is_longer) SHOAL_RETURN_IF_ERROR(CutFile(path, size));
  }
  num_examples_ += segment.num_records;
  segments_.push_back(segment);
  return absl::OkStatus();
}

// Only when the store was larger once.
absl::Status ExampleStore::TrimFront() {
  if (dropped_ < capacity_.per_segment) return absl::OkStatus();
  Segment& front = segments_.front();
  const std::string path = PathOf(front);
  SHOAL_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(
      path,
      absl::StrCat(
          EncodeSegmentHeader(shape_),
          file->bytes().substr(kSegmentHeaderBytes + dropped_ * record_bytes_)),
      0600));
  front.num_records -= std::exchange(dropped_, 0);
  return absl::OkStatus();
}

absl::Status ExampleStore::Check(const Example& example) const {
  SHOAL_RETURN_IF_ERROR(CheckExample(shape_, example));
  return missing_values_ ? absl::OkStatus() : CheckComplete(example);
}

absl::Status ExampleStore::Add(absl::Span<const Example> examples, Origin first,
                               int64_t* num_added) {
  int64_t unused = 0;
  int64_t& added = num_added != nullptr ? *num_added : unused;
  added = 0;
  for (const Example& example : examples) {
    SHOAL_RETURN_IF_ERROR(Check(example));
  }
  const absl::Time now = clock_.Now();
  const int64_t most = std::max<int64_t>(1, kMostBytesAtOnce / record_bytes_);
  MutexLock lock(mutex_);
  SHOAL_RETURN_IF_ERROR(MakeRoom());
  while (!examples.empty()) {
    if (newest_fd_ < 0 ||
        segments_.back().num_records >= capacity_.per_segment) {
      SHOAL_RETURN_IF_ERROR(OpenNewest());
    }
    const int64_t room = capacity_.per_segment - segments_.back().num_records;
    const auto some = examples.subspan(0, std::min(room, most));
    std::string records;
    records.reserve(some.size() * record_bytes_);
    for (const Example& example : some) {
      AppendRecord(example, now, first, records);
      if (first.source != 0) ++first.row;
    }
    SHOAL_RETURN_IF_ERROR(Append(records, std::ssize(some)));
    added += std::ssize(some);
    if (first.source != 0) last_origin_ = {first.source, first.row - 1};
    MakeRoom().IgnoreError();  // these are in; the next Add tells
    examples.remove_prefix(some.size());
  }
  return absl::OkStatus();
}

absl::Status ExampleStore::OpenNewest() {
  CloseNewest();
  if (segments_.empty() ||
      segments_.back().num_records >= capacity_.per_segment) {
    const Segment made = {segments_.empty() ? 1 : segments_.back().number + 1};
    SHOAL_RETURN_IF_ERROR(
        WriteFileAtomically(PathOf(made), EncodeSegmentHeader(shape_), 0600));
    segments_.push_back(made);
  }
  const std::string path = PathOf(segments_.back());
  newest_fd_ = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (newest_fd_ < 0) return ErrnoStatus(errno, path, "open");
  // An Append that failed may have left something.
  const int64_t size =
      kSegmentHeaderBytes + segments_.back().num_records * record_bytes_;
  if (ftruncate(newest_fd_, size) == 0) return absl::OkStatus();
  const absl::Status status = ErrnoStatus(errno, path, "truncate");
  CloseNewest();
  return status;
}

absl::Status ExampleStore::Append(absl::string_view records,
                                  int64_t num_records) {
  Segment& newest = segments_.back();
  const std::string path = PathOf(newest);
  absl::Status status = AppendToFile(newest_fd_, records, path);
  if (status.ok() && fdatasync(newest_fd_) != 0) {
    status = ErrnoStatus(errno, path, "sync");
  }
  if (!status.ok()) {
    const int64_t size =
        kSegmentHeaderBytes + newest.num_records * record_bytes_;
    // If it fails, OpenNewest tries again.
    [[maybe_unused]] const int cut = ftruncate(newest_fd_, size);
    CloseNewest();
    return status;
  }
  newest.num_records += num_records;
  num_examples_ += num_records;
  return absl::OkStatus();
}

void ExampleStore::CloseNewest() {
  if (newest_fd_ >= 0) close(newest_fd_);
  newest_fd_ = -1;
}

absl::Status ExampleStore::MakeRoom() {
  while (num_examples_ > 0) {
    if (num_examples_ <= capacity_.examples) {
      SHOAL_ASSIGN_OR_RETURN(const bool expired, IsOldestExpired());
      if (!expired) break;
    }
    SHOAL_RETURN_IF_ERROR(DropOldest());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ExampleStore::IsOldestExpired() {
  if (!max_age_.has_value()) return false;
  if (!oldest_.has_value()) {
    const std::string path = PathOf(segments_.front());
    SHOAL_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
    oldest_ =
        RecordView(shape_, file->bytes().substr(
                               kSegmentHeaderBytes + dropped_ * record_bytes_,
                               record_bytes_))
            .added();
  }
  return clock_.Now() - *oldest_ > *max_age_;
}

absl::Status ExampleStore::DropOldest() {
  if (dropped_ + 1 == segments_.front().num_records) {
    if (segments_.size() == 1) CloseNewest();
    SHOAL_RETURN_IF_ERROR(RemoveFile(PathOf(segments_.front())));
    segments_.pop_front();
    dropped_ = 0;
  } else {
    ++dropped_;
  }
  --num_examples_;
  oldest_.reset();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const learning::Dataset>>
ExampleStore::Snapshot() {
  MutexLock lock(mutex_);
  SHOAL_RETURN_IF_ERROR(MakeRoom());
  auto snapshot = std::make_shared<StoredExamples>(shape_);
  int64_t first = dropped_;
  for (const Segment& segment : segments_) {
    SHOAL_ASSIGN_OR_RETURN(auto file, MappedFile::Open(PathOf(segment)));
    snapshot->Append(std::move(file), first, segment.num_records - first);
    first = 0;
  }
  return snapshot;
}

int64_t ExampleStore::num_examples() const {
  MutexLock lock(mutex_);
  return num_examples_;
}

Origin ExampleStore::last_origin() const {
  MutexLock lock(mutex_);
  return last_origin_;
}

}  // namespace shoal::client
