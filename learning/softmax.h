// Softmax and cross-entropy over the rows of a matrix of logits.
#ifndef SHOAL_LEARNING_SOFTMAX_H_
#define SHOAL_LEARNING_SOFTMAX_H_

#include <cstdint>

#include "absl/types/span.h"
#include "learning/model.h"

namespace shoal::learning {

// Overwrites `logits` (row-major [labels.size(), classes]) with the
// probabilities. Of equal logits the lowest class is the prediction.
Score SoftmaxCrossEntropy(absl::Span<const int32_t> labels, int64_t classes,
                          float* logits);

// Overwrites `logits` (row-major [rows, classes]) with the probabilities.
void Softmax(int64_t rows, int64_t classes, float* logits);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_SOFTMAX_H_
