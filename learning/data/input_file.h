// Reading a file from its beginning to its end, gzipped or not, with errors
// that name it.
#ifndef SHOAL_LEARNING_DATA_INPUT_FILE_H_
#define SHOAL_LEARNING_DATA_INPUT_FILE_H_

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::learning {

// Thread-compatible. Holds buffers of some hundred KiB, never the file.
class InputFile {
 public:
  // NOT_FOUND, PERMISSION_DENIED, … with the path. Whether the file is gzipped
  // is seen from its first bytes, not from its name.
  static absl::StatusOr<InputFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  bool gzipped() const { return gzdirect(file_.get()) == 0; }

  // The next byte, or -1 at the end and on failure: status() tells which.
  int Get() { return gzgetc(file_.get()); }

  // Fills `out`; fewer bytes are there: DATA_LOSS "… truncated in `what`".
  absl::Status Read(absl::Span<char> out, absl::string_view what);
  // Passes over bytes that must be there, as Read() does; a file that is not
  // gzipped is not read for that.
  absl::Status Skip(int64_t num_bytes, absl::string_view what);
  // DATA_LOSS when more bytes follow, or the gzip trailer is missing or wrong.
  // (Bytes behind a complete gzip stream are ignored, as gzip does.)
  absl::Status ExpectEnd();
  // DATA_LOSS after a read that failed other than by an orderly end.
  absl::Status status() const;

 private:
  struct Closer {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  InputFile(std::string path, gzFile file) : path_(path), file_(file) {}

  std::string path_;
  std::unique_ptr<gzFile_s, Closer> file_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_INPUT_FILE_H_
