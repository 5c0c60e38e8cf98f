// CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny
// Images", 2009) in its binary version: data_batch_1.bin to data_batch_5.bin
// and test_batch.bin, each of records of one label and 32 x 32 pixels in three
// planes: red, green, blue.
#ifndef SHOAL_LEARNING_DATA_CIFAR10_H_
#define SHOAL_LEARNING_DATA_CIFAR10_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// Features are pixels / 255, [32, 32, 3]; examples are numbered through the
// batches. Reads the labels; images are streamed from their files when they are
// loaded. Batches may have fewer records than the published 10 000.
// NOT_FOUND names the file that is missing; DATA_LOSS one that is no whole
// number of records, or a label above 9.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenCifar10(
    const std::string& folder);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_CIFAR10_H_
