// A table in a CSV file: what its columns are, and what its rows hold besides
// their features.
#ifndef SHOAL_LEARNING_DATA_CSV_TABLE_H_
#define SHOAL_LEARNING_DATA_CSV_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "learning/data/csv_reader.h"
#include "learning/data/data_source.h"

namespace shoal::learning {

struct CsvColumns {
  std::vector<std::string> names;
  size_t outcome = 0;  // the label or the target
  size_t device = 0;   // names.size() when there is none
  std::vector<size_t> features;
};

// Of training rows, or of held-out ones.
struct CsvOutcomes {
  std::vector<int32_t> labels;  // in [0, num_classes); empty with targets
  std::vector<float> targets;   // empty with labels
  int64_t size() const { return labels.size() + targets.size(); }
};

struct CsvTable {
  std::string path;
  CsvColumns columns;
  CsvOutcomes train;
  CsvOutcomes test;
  std::vector<int32_t> owners;  // of training rows; empty without devices
  int num_classes = 0;          // 0 with targets
  int num_owners = 0;
  bool missing_values = false;  // among the features
};

// Whether the row with that number, from 0, is held out.
bool IsHeldOutCsvRow(int64_t row);

// Reads the whole file and checks every field. Errors as OpenCsv.
absl::StatusOr<CsvTable> ScanCsv(const CsvSource& source);

// The next row into the reader's fields, whole; false at the end.
absl::StatusOr<bool> NextCsvRow(CsvReader& reader, const CsvColumns& columns);

// Of the reader's row; NaN where it is missing.
absl::StatusOr<float> CsvFeature(const CsvReader& reader,
                                 const CsvColumns& columns, size_t column);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_CSV_TABLE_H_
