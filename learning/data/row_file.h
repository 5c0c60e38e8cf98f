// Files that are a header and rows of equal size: IDX images, NumPy arrays.
#ifndef SHOAL_LEARNING_DATA_ROW_FILE_H_
#define SHOAL_LEARNING_DATA_ROW_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/mutex.h"

namespace shoal::learning {

struct RowFile {
  std::string path;
  int64_t header_bytes = 0;
  int64_t num_rows = 0;
  int64_t row_bytes = 0;  // >= 1
};

// DATA_LOSS unless the file is exactly as long as its header says. A gzipped
// one is checked when it is read.
absl::Status CheckSize(const RowFile& file);

// Gets the place in what was asked for, and the bytes of the row.
using RowVisitor =
    absl::FunctionRef<absl::Status(size_t, absl::Span<const char>)>;

// Shows each of `rows`, which ascend, each once. A gzipped file is read to its
// end, and DATA_LOSS when that is not where it should be. Ends at the first
// error of `visit`.
absl::Status ForEachRow(const RowFile& file, absl::Span<const int64_t> rows,
                        RowVisitor visit);

// Rows that are read again and again, as simulations do: from the second time
// on those of a gzipped file are held in memory, unpacked. A device reads its
// own once, and holds nothing. Thread-safe.
class SharedRows {
 public:
  explicit SharedRows(RowFile file) : file_(std::move(file)) {}

  const RowFile& file() const { return file_; }
  // As ForEachRow().
  absl::Status ForEach(absl::Span<const int64_t> rows, RowVisitor visit) const;

 private:
  // Null: to be read from the file.
  std::shared_ptr<const std::string> Unpacked() const;

  const RowFile file_;
  mutable Mutex mutex_;
  mutable int64_t num_uses_ SHOAL_GUARDED_BY(mutex_) = 0;
  mutable std::shared_ptr<const std::string> unpacked_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_ROW_FILE_H_
