#include "learning/data/csv_reader.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

constexpr size_t kMaxRecordBytes = 1 << 20;
constexpr int kEnd = -1;

}  // namespace

absl::StatusOr<CsvReader> CsvReader::Open(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  CsvReader reader(std::move(file));
  if (reader.Peek() == 0xEF) {
    const bool mark =
        reader.Take() == 0xEF && reader.Take() == 0xBB && reader.Take() == 0xBF;
    if (!mark) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":1: begins with a broken byte order mark"));
    }
  }
  return reader;
}

std::string CsvReader::Where() const {
  return absl::StrCat(file_.path(), ":", record_line_);
}

int CsvReader::Peek() {
  if (peeked_ == kNothing) peeked_ = file_.Get();
  return peeked_;
}

int CsvReader::Take() {
  const int c = Peek();
  if (c != kEnd) peeked_ = kNothing;
  if (c == '\n') ++line_;
  return c;
}

absl::Status CsvReader::CountByte() {
  if (++record_bytes_ <= kMaxRecordBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      Where(), ": a record of more than ", kMaxRecordBytes, " bytes"));
}

bool CsvReader::AtFieldEnd() {
  const int c = Peek();
  return c == ',' || c == '\n' || c == '\r' || c == kEnd;
}

absl::Status CsvReader::ReadQuoted(std::string& field) {
  Take();
  while (true) {
    const int c = Take();
    if (c == kEnd) {
      SHOAL_RETURN_IF_ERROR(file_.status());
      return absl::InvalidArgumentError(
          absl::StrCat(Where(), ": a quoted field does not end"));
    }
    if (c == '"') {
      if (Peek() != '"') break;
      Take();
    }
    SHOAL_RETURN_IF_ERROR(CountByte());
    field.push_back(static_cast<char>(c));
  }
  if (AtFieldEnd()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(Where(), ": text follows the closing quote of a field"));
}

absl::Status CsvReader::ReadField(std::string& field) {
  if (Peek() == '"') return ReadQuoted(field);
  while (!AtFieldEnd()) {
    if (Peek() == '"') {
      return absl::InvalidArgumentError(absl::StrCat(
          Where(), ": a quote inside a field that does not begin with one"));
    }
    SHOAL_RETURN_IF_ERROR(CountByte());
    field.push_back(static_cast<char>(Take()));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> CsvReader::Next() {
  record_line_ = line_;
  record_bytes_ = 0;
  size_t count = 0;
  if (Peek() == kEnd) {
    SHOAL_RETURN_IF_ERROR(file_.status());
    return false;
  }
  while (true) {
    // Fields keep their memory from record to record.
    if (count == fields_.size()) fields_.emplace_back();
    fields_[count].clear();
    SHOAL_RETURN_IF_ERROR(ReadField(fields_[count]));
    ++count;
    if (Peek() != ',') break;
    Take();
    SHOAL_RETURN_IF_ERROR(CountByte());
  }
  fields_.resize(count);
  if (Peek() == '\r') {
    Take();
    if (Peek() != '\n') {
      return absl::InvalidArgumentError(
          absl::StrCat(Where(), ": a carriage return without a line feed"));
    }
  }
  if (Take() == kEnd) SHOAL_RETURN_IF_ERROR(file_.status());
  return true;
}

}  // namespace shoal::learning
