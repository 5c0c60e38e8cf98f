// Records of a CSV file (RFC 4180), one after the other.
#ifndef SHOAL_LEARNING_DATA_CSV_READER_H_
#define SHOAL_LEARNING_DATA_CSV_READER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/data/input_file.h"

namespace shoal::learning {

// Commas separate fields; a field in double quotes may hold commas, line ends
// and doubled quotes; lines end with LF or CRLF, the last one may lack its end;
// a byte order mark at the start is passed over. Gzipped files are read too.
// Thread-compatible; holds one record.
class CsvReader {
 public:
  static absl::StatusOr<CsvReader> Open(const std::string& path);

  // Reads the next record into fields(); false at the end of the file.
  // INVALID_ARGUMENT ("PATH:LINE: …") for a quote that does not end, text
  // behind one, a quote inside a field without, a record over 1 MiB.
  absl::StatusOr<bool> Next();

  // Of the last record.
  const std::vector<std::string>& fields() const { return fields_; }
  // Where it began: "PATH:LINE", lines counted from 1.
  std::string Where() const;

 private:
  explicit CsvReader(InputFile file) : file_(std::move(file)) {}

  int Peek();
  int Take();
  absl::Status ReadField(std::string& field);
  absl::Status ReadQuoted(std::string& field);
  absl::Status CountByte();
  bool AtFieldEnd();

  InputFile file_;
  int peeked_ = kNothing;
  int64_t line_ = 1;         // being read
  int64_t record_line_ = 1;  // where the record began
  size_t record_bytes_ = 0;
  std::vector<std::string> fields_;

  static constexpr int kNothing = -2;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_CSV_READER_H_
