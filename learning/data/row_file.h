// Files that are a header and rows of equal size: IDX images, NumPy arrays.
#ifndef SHOAL_LEARNING_DATA_ROW_FILE_H_
#define SHOAL_LEARNING_DATA_ROW_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

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

// Calls `visit` with the place in `rows` and the bytes of each of `rows`,
// which ascend, each once. A gzipped file is read to its end, and DATA_LOSS
// when that is not where it should be. Ends at the first error of `visit`.
absl::Status ForEachRow(
    const RowFile& file, absl::Span<const int64_t> rows,
    absl::FunctionRef<absl::Status(size_t, absl::Span<const char>)> visit);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_ROW_FILE_H_
