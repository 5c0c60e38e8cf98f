// Turning images.
#ifndef SHOAL_LEARNING_DATA_IMAGE_TURN_H_
#define SHOAL_LEARNING_DATA_IMAGE_TURN_H_

#include <array>

#include "absl/types/span.h"

namespace shoal::learning {

// Turns an image, [height, width, channels], by `degrees` counterclockwise
// around its centre. Pixels are interpolated bilinearly; those that come from
// outside are 0. Multiples of 90 degrees move the pixels of square images and
// change none. REQUIRES: in and out have the shape's size and do not overlap.
void TurnImage(absl::Span<const float> in, const std::array<int, 3>& shape,
               double degrees, absl::Span<float> out);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_IMAGE_TURN_H_
