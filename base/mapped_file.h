// Files that are read in place.
#ifndef SHOAL_BASE_MAPPED_FILE_H_
#define SHOAL_BASE_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal {

// The contents of a file as it was opened, in pages that the kernel reads when
// they are touched and may drop again: they are none of the process's own
// memory. The file may be renamed or removed meanwhile, but not shortened.
// Immutable and thread-safe.
class MappedFile {
 public:
  // NOT_FOUND, PERMISSION_DENIED, … with the path.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(
      const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Starts at the start of a page.
  absl::string_view bytes() const {
    return {static_cast<const char*>(data_), size_};
  }

 private:
  MappedFile(void* data, size_t size) : data_(data), size_(size) {}

  void* const data_;
  const size_t size_;
};

}  // namespace shoal

#endif  // SHOAL_BASE_MAPPED_FILE_H_
