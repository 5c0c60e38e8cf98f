// Checking downloaded files against the SHA256SUMS that came with them.
#ifndef SHOAL_LEARNING_DATA_SHA256SUMS_H_
#define SHOAL_LEARNING_DATA_SHA256SUMS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace shoal::learning {

// Where `folder` holds a file SHA256SUMS (as sha256sum(1) writes it), compares
// the digests of those of `files` (names relative to `folder`) that it lists;
// without one there is nothing to check. Files are streamed. DATA_LOSS names
// the file and both digests, or the line that is no digest and name.
absl::Status CheckSha256Sums(const std::string& folder,
                             absl::Span<const std::string> files);

// The same for the one file `path` and the folder that it lies in.
absl::Status CheckSha256SumOf(const std::string& path);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_SHA256SUMS_H_
