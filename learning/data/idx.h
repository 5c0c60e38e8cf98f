// MNIST and its relatives: images and labels in IDX files
// (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-…), gzipped (.gz) or
// not.
#ifndef SHOAL_LEARNING_DATA_IDX_H_
#define SHOAL_LEARNING_DATA_IDX_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// Ten classes; features are pixels / 255. Reads the labels; images are streamed
// from their file when they are loaded. NOT_FOUND names what is missing;
// DATA_LOSS a wrong magic number, counts or sizes that disagree, a label above
// 9, a file that is truncated or too long.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenIdx(const std::string& folder);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_IDX_H_
