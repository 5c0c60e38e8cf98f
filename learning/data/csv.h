// Tables in CSV files: a header row, numbers, a column to predict and perhaps
// one of devices.
#ifndef SHOAL_LEARNING_DATA_CSV_H_
#define SHOAL_LEARNING_DATA_CSV_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// With a column `label` examples have classes: its values, in the order of
// their numbers where all are integers, else of their bytes. With a column
// `target` they have one target value each, which is taken as it is. The values
// of column `device`, where that is not empty, name natural devices, in the
// order in which training examples of them appear. All other columns are
// features.
//
// Features are taken as they are, too: a model standardises them for itself
// (PreprocessingSpec), with statistics that devices can gather. An empty field
// is a missing feature, NaN, for models that impute.
//
// One row in five, chosen by a hash of its number, is held out. Opening reads
// the file once and keeps labels or targets, and owners; loading reads it
// again. NOT_FOUND: no such file. INVALID_ARGUMENT: not exactly one of label
// and target; or, with "PATH:LINE: column 'x': …", a value that is not a finite
// number of float32, a label, target or device that is missing, a row of
// another length, a column that is not in the header or twice, fewer than two
// classes or more than 10 000, no row left to train on or to hold out.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenCsv(const CsvSource& source);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_CSV_H_
