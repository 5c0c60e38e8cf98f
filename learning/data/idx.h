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

// One split of EMNIST (Cohen et al., "EMNIST: Extending MNIST to Handwritten
// Letters", IJCNN 2017): emnist-SPLIT-train-images-idx3-ubyte and so on. SPLIT
// is byclass (62 classes), bymerge or balanced (47), letters (26, which the
// files number from 1 and we from 0), digits or mnist (10). Its images lie on
// their side in the files; they are loaded upright. The files do not say who
// wrote what, so that there are no natural devices.
// INVALID_ARGUMENT for another split; the rest as OpenIdx().
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenEmnist(
    const std::string& folder, const std::string& split);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_IDX_H_
