// Own data in NumPy's array files.
#ifndef SHOAL_LEARNING_DATA_NPY_SOURCE_H_
#define SHOAL_LEARNING_DATA_NPY_SOURCE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// Features are taken as they are; classes are 0 to the largest label (of both
// halves). The values of `users` name natural devices, in the order of their
// numbers, and then every device has the held-out examples of its user for its
// own; without `test_users` only where nothing is given to hold out. Without
// test arrays every fifth example is held out, with users every fifth of each
// user's.
//
// Reads labels and users; features are streamed when they are loaded.
// NOT_FOUND names the file that is missing; DATA_LOSS one that is no array (see
// npy.h) or has another number of rows or columns than it must, a label that is
// negative or above 9999, a feature that is no finite number; INVALID_ARGUMENT
// when only one of the test arrays is given, test_users without users or
// without test arrays, when nothing can be held out, or when there are fewer
// than two classes.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenNpySource(
    const NpySource& source);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_NPY_SOURCE_H_
