// In which order the dimensions of a value lie.
#ifndef SHOAL_LEARNING_ONNX_FORM_H_
#define SHOAL_LEARNING_ONNX_FORM_H_

#include <cstdint>
#include <vector>

#include "learning/kernels/kernels.h"

namespace shoal::learning::onnx {

// Batch first, but for kTimeFirst.
enum class Form {
  kChannelsLast,   // ours: [batch, …positions, channels]
  kChannelsFirst,  // of convolutions: [batch, channels, …positions]
  kTimeFirst,      // of recurrent layers: [length, batch, channels]
  kFlat,           // ours as a vector: [batch, n]
};

// Which of our axes each axis of the form is: 0 is the batch, 1 to `rank` are
// the dimensions of an example. REQUIRES: not kFlat; rank 2 for kTimeFirst.
std::vector<int64_t> AxesOf(Form form, int rank);

// The zeros around an input as ONNX counts them: those before along each axis,
// then those behind. Sequences (rank 2) have one axis, images (rank 3) two.
std::vector<int64_t> PadsOf(const WindowShape& window, int rank);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_FORM_H_
