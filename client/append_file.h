// Writing at the end of a file.
#ifndef SHOAL_CLIENT_APPEND_FILE_H_
#define SHOAL_CLIENT_APPEND_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal::client {

// All of `bytes`. An error, which names `path`, may leave some of them there.
absl::Status AppendToFile(int fd, absl::string_view bytes,
                          const std::string& path);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_APPEND_FILE_H_
