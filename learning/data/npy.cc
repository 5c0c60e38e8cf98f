#include "learning/data/npy.h"

#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/data/input_file.h"

namespace shoal::learning {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr uint32_t kMaxHeaderBytes = 1 << 16;
constexpr int64_t kMaxDimension = int64_t{1} << 24;

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Parses the Python dictionary of the header: the three keys in any order.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : rest_(text) {}

  // Nothing when the text is not what it must be.
  std::optional<Header> Parse() {
    Header header;
    if (!Take("{")) return std::nullopt;
    bool descr = false, order = false, shape = false;
    while (!Take("}")) {
      bool ok = false;
      if (!descr && Take("'descr'")) {
        ok = descr = Take(":") && TakeString(header.descr);
      } else if (!order && Take("'fortran_order'")) {
        ok = order = Take(":") && TakeBool(header.fortran_order);
      } else if (!shape && Take("'shape'")) {
        ok = shape = Take(":") && TakeTuple(header.shape);
      }
      if (!ok || !(Take(",") || NextIs('}'))) return std::nullopt;
    }
    SkipSpace();
    if (!descr || !order || !shape || !rest_.empty()) return std::nullopt;
    return header;
  }

 private:
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  bool Take(absl::string_view token) {
    SkipSpace();
    return absl::ConsumePrefix(&rest_, token);
  }

  bool NextIs(char c) {
    SkipSpace();
    return !rest_.empty() && rest_.front() == c;
  }

  bool TakeString(std::string& out) {
    if (!Take("'")) return false;
    const size_t end = rest_.find('\'');
    if (end == absl::string_view::npos) return false;
    out = std::string(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool TakeBool(bool& out) {
    out = Take("True");
    return out || Take("False");
  }

  bool TakeTuple(std::vector<int64_t>& out) {
    if (!Take("(")) return false;
    while (!Take(")")) {
      SkipSpace();
      size_t digits = 0;
      while (digits < rest_.size() && absl::ascii_isdigit(rest_[digits])) {
        ++digits;
      }
      int64_t value = 0;
      if (!absl::SimpleAtoi(rest_.substr(0, digits), &value)) return false;
      out.push_back(value);
      rest_.remove_prefix(digits);
      if (!(Take(",") || NextIs(')'))) return false;
    }
    return true;
  }

  absl::string_view rest_;
};

std::optional<NpyType> TypeOf(absl::string_view descr) {
  if (descr == "<f4") return NpyType::kFloat32;
  if (descr == "<f8") return NpyType::kFloat64;
  if (descr == "|u1") return NpyType::kUint8;
  if (descr == "<i4") return NpyType::kInt32;
  if (descr == "<i8") return NpyType::kInt64;
  return std::nullopt;
}

int64_t SizeOf(NpyType type) {
  switch (type) {
    case NpyType::kFloat32:
    case NpyType::kInt32:
      return 4;
    case NpyType::kUint8:
      return 1;
    case NpyType::kFloat64:
    case NpyType::kInt64:
      return 8;
  }
  SHOAL_CHECK(false);
}

// REQUIRES: an integer type.
int64_t LoadInteger(NpyType type, const char* bytes) {
  switch (type) {
    case NpyType::kUint8:
      return static_cast<unsigned char>(*bytes);
    case NpyType::kInt32:
      return static_cast<int32_t>(LoadU32(bytes));
    case NpyType::kInt64:
      return static_cast<int64_t>(LoadU64(bytes));
    case NpyType::kFloat32:
    case NpyType::kFloat64:
      break;
  }
  SHOAL_CHECK(false);
}

// The text of the header; `header_bytes` becomes where the values begin.
absl::StatusOr<std::string> ReadHeader(InputFile& file, int64_t& header_bytes) {
  char start[8];  // magic string, major and minor version
  SHOAL_RETURN_IF_ERROR(file.Read(absl::MakeSpan(start), "the header"));
  if (absl::string_view(start, kMagic.size()) != kMagic) {
    return absl::DataLossError(absl::StrCat(
        file.path(), ": no .npy file: it does not begin with \\x93NUMPY"));
  }
  const int major = start[6], minor = start[7];
  if ((major != 1 && major != 2) || minor != 0) {
    return absl::DataLossError(absl::StrCat(file.path(), ": .npy version ",
                                            major, ".", minor,
                                            ", expected 1.0 or 2.0"));
  }
  char size_bytes[4] = {};
  const size_t size_size = major == 1 ? 2 : 4;
  SHOAL_RETURN_IF_ERROR(
      file.Read(absl::MakeSpan(size_bytes, size_size), "the header"));
  const uint32_t size = LoadU32(size_bytes);
  if (size > kMaxHeaderBytes) {
    return absl::DataLossError(absl::StrCat(file.path(), ": a header of ", size,
                                            " bytes, expected at most ",
                                            kMaxHeaderBytes));
  }
  std::string text(size, '\0');
  SHOAL_RETURN_IF_ERROR(
      file.Read(absl::MakeSpan(text.data(), text.size()), "the header"));
  header_bytes = sizeof start + size_size + size;
  return text;
}

absl::Status CheckShape(const std::string& path,
                        const std::vector<int64_t>& shape) {
  bool ok = shape.size() == 1 || shape.size() == 2;
  for (int64_t dimension : shape) {
    ok = ok && dimension >= 1 && dimension <= kMaxDimension;
  }
  if (ok) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path, ": an array of shape (", absl::StrJoin(shape, ", "),
      "), expected one or two dimensions of 1 to ", kMaxDimension));
}

}  // namespace

absl::StatusOr<NpyArray> OpenNpy(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  NpyArray array;
  array.rows.path = path;
  SHOAL_ASSIGN_OR_RETURN(const std::string text,
                         ReadHeader(file, array.rows.header_bytes));
  const std::optional<Header> header = HeaderParser(text).Parse();
  if (!header.has_value()) {
    return absl::DataLossError(
        absl::StrCat(path,
                     ": the .npy header is not a dictionary of exactly descr, "
                     "fortran_order and shape"));
  }
  const std::optional<NpyType> type = TypeOf(header->descr);
  if (!type.has_value()) {
    return absl::DataLossError(
        absl::StrCat(path, ": elements of type '", header->descr,
                     "', expected <f4, <f8, |u1, <i4 or <i8"));
  }
  if (header->fortran_order) {
    return absl::DataLossError(
        absl::StrCat(path, ": in Fortran order, expected C order"));
  }
  SHOAL_RETURN_IF_ERROR(CheckShape(path, header->shape));
  array.type = *type;
  array.num_columns = header->shape.size() == 2 ? header->shape[1] : 1;
  array.rows.num_rows = header->shape[0];
  array.rows.row_bytes = array.num_columns * SizeOf(*type);
  SHOAL_RETURN_IF_ERROR(CheckSize(array.rows));
  return array;
}

void DecodeFloats(const NpyArray& array, absl::Span<const char> bytes,
                  absl::Span<float> out) {
  SHOAL_CHECK(static_cast<int64_t>(bytes.size()) == array.rows.row_bytes);
  SHOAL_CHECK(static_cast<int64_t>(out.size()) == array.num_columns);
  const char* next = bytes.data();
  for (float& value : out) {
    switch (array.type) {
      case NpyType::kFloat32:
        std::memcpy(&value, next, sizeof value);
        break;
      case NpyType::kFloat64:
        value = static_cast<float>(LoadF64(next));
        break;
      case NpyType::kUint8:
      case NpyType::kInt32:
      case NpyType::kInt64:
        value = static_cast<float>(LoadInteger(array.type, next));
        break;
    }
    next += SizeOf(array.type);
  }
}

absl::StatusOr<std::vector<float>> ReadFloats(const NpyArray& array) {
  std::vector<int64_t> rows(array.rows.num_rows);
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::vector<float> values(rows.size() * array.num_columns);
  SHOAL_RETURN_IF_ERROR(
      ForEachRow(array.rows, rows, [&](size_t i, absl::Span<const char> bytes) {
        DecodeFloats(
            array, bytes,
            absl::MakeSpan(&values[i * array.num_columns], array.num_columns));
        return absl::OkStatus();
      }));
  return values;
}

absl::StatusOr<std::vector<int64_t>> ReadIntegers(const NpyArray& array) {
  const bool integers = array.type == NpyType::kUint8 ||
                        array.type == NpyType::kInt32 ||
                        array.type == NpyType::kInt64;
  if (!integers || array.num_columns != 1) {
    return absl::DataLossError(
        absl::StrCat(array.rows.path,
                     ": expected one column of integers (|u1, <i4 or <i8)"));
  }
  std::vector<int64_t> rows(array.rows.num_rows);
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::vector<int64_t> values(rows.size());
  SHOAL_RETURN_IF_ERROR(
      ForEachRow(array.rows, rows, [&](size_t i, absl::Span<const char> bytes) {
        values[i] = LoadInteger(array.type, bytes.data());
        return absl::OkStatus();
      }));
  return values;
}

}  // namespace shoal::learning
