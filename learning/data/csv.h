// Tables in CSV files: a header row, numbers, a column of classes and perhaps
// one of devices.
#ifndef SHOAL_LEARNING_DATA_CSV_H_
#define SHOAL_LEARNING_DATA_CSV_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// The classes are the values of column `label`, in the order of their numbers
// where all are integers, else of their bytes. The values of column `device`,
// where it is not empty, name natural devices, in the order in which training
// examples of them appear. All other columns are features.
//
// One row in five, chosen by a hash of its number, is held out. Features are
// standardised: minus the mean, divided by the standard deviation, both over
// the training rows (a column that never changes becomes 0). Devices that train
// on a file of their own cannot know those numbers; they stand for what a fleet
// agrees on beforehand.
//
// Opening reads the file once and keeps labels and owners; loading reads it
// again. NOT_FOUND: no such file. INVALID_ARGUMENT ("PATH:LINE: column 'x':
// …"): a value that is missing or not a finite number, a row of another length,
// a column that is not in the header or twice, fewer than two classes or more
// than 10 000, no row left to train on or to hold out.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenCsv(const std::string& path,
                                                     const std::string& label,
                                                     const std::string& device);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_CSV_H_
