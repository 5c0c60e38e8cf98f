// Reads the layout with which every format of parameters begins.
#ifndef SHOAL_LEARNING_LAYOUT_FORMAT_H_
#define SHOAL_LEARNING_LAYOUT_FORMAT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/bytes.h"
#include "learning/parameters.h"

namespace shoal::learning {

// What ParameterLayout::Encode wrote; leaves `reader` behind it. DATA_LOSS
// "<format>: <what is wrong>" when the bytes are none, or are of more values
// than a model may have.
absl::StatusOr<ParameterLayout> ParseLayout(absl::string_view format,
                                            ByteReader& reader);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYOUT_FORMAT_H_
