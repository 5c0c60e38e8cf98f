#include "learning/data/row_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
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

namespace {

// Reads rows where they are, without those in between.
absl::Status ForEachPlainRow(const RowFile& file,
                             absl::Span<const int64_t> rows, RowVisitor visit) {
  const int descriptor = open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return ErrnoStatus(errno, file.path, "open");
  const absl::Cleanup close_file = [descriptor] { close(descriptor); };
  std::vector<char> bytes(file.row_bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    SHOAL_CHECK(rows[i] >= 0 && rows[i] < file.num_rows);
    const int64_t begin = file.header_bytes + rows[i] * file.row_bytes;
    int64_t done = 0;
    while (done < file.row_bytes) {
      const ssize_t got = pread(descriptor, bytes.data() + done,
                                file.row_bytes - done, begin + done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus(errno, file.path, "read");
      if (got == 0) {
        return absl::DataLossError(absl::StrCat(
            file.path, ": truncated: it ends in row ", rows[i], " (", done,
            " of ", file.row_bytes, " bytes are there)"));
      }
      done += got;
    }
    SHOAL_RETURN_IF_ERROR(visit(i, bytes));
  }
  return absl::OkStatus();
}

// Unpacks the file to its end and shows the rows that are asked for.
absl::Status ForEachPackedRow(InputFile& input, const RowFile& file,
                              absl::Span<const int64_t> rows,
                              RowVisitor visit) {
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
  SHOAL_RETURN_IF_ERROR(skip_to(file.num_rows));
  return input.ExpectEnd();
}

}  // namespace

absl::Status ForEachRow(const RowFile& file, absl::Span<const int64_t> rows,
                        RowVisitor visit) {
  SHOAL_ASSIGN_OR_RETURN(InputFile input, InputFile::Open(file.path));
  if (input.gzipped()) return ForEachPackedRow(input, file, rows, visit);
  return ForEachPlainRow(file, rows, visit);
}

absl::Status SharedRows::ForEach(absl::Span<const int64_t> rows,
                                 RowVisitor visit) const {
  const std::shared_ptr<const std::string> unpacked = Unpacked();
  if (unpacked == nullptr) return ForEachRow(file_, rows, visit);
  for (size_t i = 0; i < rows.size(); ++i) {
    SHOAL_CHECK(rows[i] >= 0 && rows[i] < file_.num_rows);
    SHOAL_RETURN_IF_ERROR(
        visit(i, absl::MakeConstSpan(*unpacked).subspan(
                     rows[i] * file_.row_bytes, file_.row_bytes)));
  }
  return absl::OkStatus();
}

std::shared_ptr<const std::string> SharedRows::Unpacked() const {
  // Held while the file is unpacked, so that others wait for that and do not
  // unpack it as well.
  const MutexLock lock(mutex_);
  const bool again = num_uses_++ > 0;
  if (unpacked_ != nullptr || !again) return unpacked_;
  const absl::StatusOr<InputFile> input = InputFile::Open(file_.path);
  if (!input.ok() || !input->gzipped()) return nullptr;
  auto all = std::make_shared<std::string>();
  all->reserve(file_.num_rows * file_.row_bytes);
  std::vector<int64_t> rows(file_.num_rows);
  std::iota(rows.begin(), rows.end(), int64_t{0});
  const absl::Status read =
      ForEachRow(file_, rows, [&](size_t, absl::Span<const char> bytes) {
        all->append(bytes.data(), bytes.size());
        return absl::OkStatus();
      });
  // What is wrong with the file is said where it is read.
  if (read.ok()) unpacked_ = std::move(all);
  return unpacked_;
}

}  // namespace shoal::learning
