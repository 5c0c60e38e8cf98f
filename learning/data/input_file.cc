#include "learning/data/input_file.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

constexpr unsigned kBufferBytes = 1 << 17;

}  // namespace

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rbe");
  if (file == nullptr) {
    return ErrnoStatus(errno != 0 ? errno : ENOMEM, path, "open");
  }
  InputFile input(path, file);
  gzbuffer(file, kBufferBytes);
  return input;
}

absl::Status InputFile::Read(absl::Span<char> out, absl::string_view what) {
  const size_t size = gzfread(out.data(), 1, out.size(), file_.get());
  if (size == out.size()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(status());
  return absl::DataLossError(absl::StrCat(path_, ": truncated: it ends in ",
                                          what, " (", size, " of ", out.size(),
                                          " bytes are there)"));
}

absl::Status InputFile::Skip(int64_t num_bytes, absl::string_view what) {
  if (num_bytes == 0) return absl::OkStatus();
  // Seeking beyond the end succeeds; reading the last byte does not.
  if (gzseek(file_.get(), num_bytes - 1, SEEK_CUR) < 0) {
    SHOAL_RETURN_IF_ERROR(status());
    return ErrnoStatus(errno, path_, "seek");
  }
  char last;
  return Read(absl::MakeSpan(&last, 1), what);
}

absl::Status InputFile::ExpectEnd() {
  if (Get() != -1) {
    return absl::DataLossError(
        absl::StrCat(path_, ": bytes follow where the data should end"));
  }
  return status();
}

absl::Status InputFile::status() const {
  int error = Z_OK;
  const char* const message = gzerror(file_.get(), &error);
  switch (error) {
    case Z_OK:
    case Z_STREAM_END:
      return absl::OkStatus();
    case Z_ERRNO:
      return ErrnoStatus(errno, path_, "read");
    case Z_BUF_ERROR:
      return absl::DataLossError(
          absl::StrCat(path_, ": truncated: its gzip stream has no end"));
    default:
      return absl::DataLossError(
          absl::StrCat(path_, ": damaged gzip stream: ", message));
  }
}

}  // namespace shoal::learning
