// Handwriting as a federation sees it.
#ifndef SHOAL_LEARNING_DATA_HANDWRITING_SOURCE_H_
#define SHOAL_LEARNING_DATA_HANDWRITING_SOURCE_H_

#include <memory>

#include "absl/status/status.h"
#include "learning/data/data_source.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// INVALID_ARGUMENT unless mean_examples is 1 to 100 000.
absl::Status CheckHandwriting(const HandwritingSource& source);

// Device k is writer k of source.seed, whatever the number of devices. Nothing
// is kept: shares are drawn when they are loaded.
//
// The test set are further digits of the same writers, with uniform labels:
// 2000, or ten for each writer where that is more, up to 10 000 (then of
// writers evenly spread). It measures how well the one model serves everybody
// on every digit, which a device that trained alone on its own few digits does
// not. REQUIRES: CheckHandwriting() is OK; num_devices >= 1.
std::unique_ptr<FederatedData> MakeHandwritingByWriter(
    const HandwritingSource& source, int num_devices);

// The same examples and the same test set as one pool, for other partitions.
std::unique_ptr<ExamplePool> MakeHandwritingPool(
    const HandwritingSource& source, int num_writers);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_HANDWRITING_SOURCE_H_
