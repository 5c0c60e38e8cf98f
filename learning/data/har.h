// UCI HAR: windows of smartphone sensors, labelled with what the wearer did
// (Anguita et al., "A Public Domain Dataset for Human Activity Recognition
// Using Smartphones", ESANN 2013). The wearers are natural devices.
#ifndef SHOAL_LEARNING_DATA_HAR_H_
#define SHOAL_LEARNING_DATA_HAR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// Reads either the official text files (train/X_train.txt, y_train.txt and
// subject_train.txt, likewise test/…; labels 1 to 6), or har_x.npy, har_y.npy
// (labels 0 to 5) and har_subject.npy. 561 features, as they are: in [-1, 1].
// Where there is no test part, every fifth window of each subject is held out.
// Reads labels and subjects; features are streamed when they are loaded.
// NOT_FOUND names what is missing; DATA_LOSS numbers of rows or columns that
// disagree, or a value out of its range, with its line or row.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenHar(const std::string& folder);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_HAR_H_
