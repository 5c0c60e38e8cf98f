#include "learning/data/row_file.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "learning/data/input_file.h"

namespace shoal::learning {

absl::Status CheckSize(const RowFile& file) {
  SHOAL_ASSIGN_OR_RETURN(const InputFile input, InputFile::Open(file.path));
  if (input.gzipped()) return absl::OkStatus();
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(file.path, error);
  if (error) return ErrnoStatus(error.value(), file.path, "size");
  const uint64_t expected = file.header_bytes + file.num_rows * file.row_bytes;
  if (size == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      file.path, ": ", size < expected ? "truncated" : "too long", ": ", size,
      " bytes, expected ", expected, " (", file.num_rows, " rows of ",
      file.row_bytes, " bytes after a header of ", file.header_bytes, ")"));
}

absl::Status ForEachRow(
    const RowFile& file, absl::Span<const int64_t> rows,
    absl::FunctionRef<absl::Status(size_t, absl::Span<const char>)> visit) {
  SHOAL_ASSIGN_OR_RETURN(InputFile input, InputFile::Open(file.path));
  SHOAL_RETURN_IF_ERROR(input.Skip(file.header_bytes, "the header"));
  std::vector<char> bytes(file.row_bytes);
  int64_t next = 0;
  const auto skip_to = [&](int64_t row) {
    SHOAL_CHECK(row >= next && row <= file.num_rows);
    const int64_t skipped = (row - next) * file.row_bytes;
    next = row;
    return input.Skip(skipped, absl::StrCat("row ", row - 1));
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    SHOAL_RETURN_IF_ERROR(skip_to(rows[i]));
    SHOAL_RETURN_IF_ERROR(
        input.Read(absl::MakeSpan(bytes), absl::StrCat("row ", rows[i])));
    ++next;
    SHOAL_RETURN_IF_ERROR(visit(i, bytes));
  }
  if (!input.gzipped()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(skip_to(file.num_rows));
  return input.ExpectEnd();
}

}  // namespace shoal::learning
