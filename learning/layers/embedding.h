// A vector for every token.
#ifndef SHOAL_LEARNING_LAYERS_EMBEDDING_H_
#define SHOAL_LEARNING_LAYERS_EMBEDDING_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Token numbers [length] to rows of the table, [length, dimensions]. Tensor:
// "weight" [vocabulary, dimensions] (uniform in ±0.05: small against what
// follows, and without preference for any token).
//
// Whoever reads examples checks that inputs are integers in
// [0, token_limit()). Any other input gives NaN, so that the loss shows it, and
// adds nothing to the gradient. The gradient of the input itself is zero.
// INVALID_ARGUMENT when a size is out of range or the input is no vector.
absl::StatusOr<std::unique_ptr<Layer>> MakeEmbedding(const EmbeddingSpec& spec,
                                                     const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_EMBEDDING_H_
