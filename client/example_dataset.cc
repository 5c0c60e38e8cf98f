#include "client/example_dataset.h"

#include "absl/strings/str_cat.h"

namespace shoal::client {

absl::Status CheckDataset(const learning::Dataset& data) {
  if (data.num_examples() < 0 || data.num_features() < 0 ||
      data.num_classes() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the examples' sizes are ", data.num_examples(),
                     " examples, ", data.num_features(), " features and ",
                     data.num_classes(), " classes, expected none below 0"));
  }
  for (int64_t i = 0; i < data.num_examples(); ++i) {
    const int32_t label = data.label(i);
    if (label >= 0 && label < data.num_classes()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("example ", i, " has the label ", label,
                     ", expected 0 to ", data.num_classes() - 1));
  }
  return absl::OkStatus();
}

}  // namespace shoal::client
