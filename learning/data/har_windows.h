// One part (training or test) of UCI HAR, in either of its layouts.
#ifndef SHOAL_LEARNING_DATA_HAR_WINDOWS_H_
#define SHOAL_LEARNING_DATA_HAR_WINDOWS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/data/npy.h"
#include "learning/dataset.h"

namespace shoal::learning {

inline constexpr int kHarFeatures = 561;
inline constexpr int kHarClasses = 6;

// Text of kHarFeatures numbers a line.
struct HarText {
  std::string path;
};

struct HarWindows {
  std::variant<HarText, NpyArray> features;
  std::vector<int32_t> labels;    // [0, kHarClasses)
  std::vector<int64_t> subjects;  // as numbered by the data; as many as labels
};

// `part` is "train" or "test".
absl::StatusOr<HarWindows> OpenHarText(const std::string& folder,
                                       const std::string& part);
absl::StatusOr<HarWindows> OpenHarNpy(const std::string& folder);

// The windows with these numbers, which ascend. DATA_LOSS names the line or row
// and what is wrong with it.
absl::StatusOr<std::unique_ptr<Dataset>> LoadWindows(
    const HarWindows& windows, absl::Span<const int64_t> rows);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_HAR_WINDOWS_H_
