// A CSV file on its way into the example store.
#ifndef SHOAL_CLIENT_AGENT_CSV_INTAKE_H_
#define SHOAL_CLIENT_AGENT_CSV_INTAKE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/example_store.h"
#include "learning/data/csv_reader.h"
#include "learning/data/csv_table.h"

namespace shoal::client {

// Reads the file twice, in small pieces: the first time to find out whether all
// of it is right, the second time to add its rows. Each row is stored with the
// file's identity (name, inode, size, time of the last change) and its number,
// so that after a crash the same file goes on where it was. One thread.
//
// A header names the columns: `label` (of sequences `label_1`, `label_2`, …),
// whole numbers from 0; or `target` (of several `target_1`, …); all others are
// features, in their order, of which an empty one is missing.
class CsvIntake {
 public:
  // How it ended.
  struct End {
    // The file's fault; nothing of it was added, unless it changed meanwhile.
    absl::Status file = {};
    absl::Status store = {};  // the store's fault; the file may be tried again
    int64_t num_rows = 0;
  };

  // `store` must outlive it.
  CsvIntake(std::string path, ExampleStore& store);

  // Does the next piece: up to some ten thousand values. Absent: there is more.
  std::optional<End> Step();

 private:
  struct Row {
    std::vector<float> features;
    std::vector<int32_t> labels;
    std::vector<float> targets;
    Example view() const { return {features, labels, targets}; }
  };

  absl::Status Begin();
  absl::Status ReadHeader();
  absl::StatusOr<size_t> TakeColumn(const std::string& name);
  // Reads up to rows_per_step_ rows; fewer at the end of the file.
  absl::StatusOr<std::vector<Row>> ReadRows();
  absl::StatusOr<Row> ParseRow() const;
  absl::StatusOr<uint64_t> Identity() const;
  // Adds the rows that the store has not got.
  absl::Status Add(const std::vector<Row>& rows);

  const std::string path_;
  ExampleStore& store_;
  const size_t rows_per_step_;
  uint64_t identity_ = 0;
  std::optional<learning::CsvReader> reader_;
  learning::CsvColumns columns_;  // names, features
  std::vector<size_t> labels_;    // columns
  std::vector<size_t> targets_;
  bool checked_ = false;  // the second time has begun
  int64_t rows_read_ = 0;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_CSV_INTAKE_H_
