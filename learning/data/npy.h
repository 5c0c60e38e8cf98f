// NumPy's array files (.npy, format versions 1.0 and 2.0): what
// numpy.save() writes for little-endian arrays in C order.
#ifndef SHOAL_LEARNING_DATA_NPY_H_
#define SHOAL_LEARNING_DATA_NPY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "learning/data/row_file.h"

namespace shoal::learning {

enum class NpyType { kFloat32, kFloat64, kUint8, kInt32, kInt64 };

// One or two dimensions; a one-dimensional array has one column.
struct NpyArray {
  RowFile rows;
  NpyType type = NpyType::kFloat32;
  int64_t num_columns = 0;
};

// Reads the header. DATA_LOSS names what is not as it must be: the magic
// string, the version, the dictionary (exactly descr, fortran_order, shape),
// an element type other than <f4, <f8, |u1, <i4, <i8, Fortran order, an empty
// array or one of three dimensions, or a size that is not the file's.
absl::StatusOr<NpyArray> OpenNpy(const std::string& path);

// The values of one row as `rows` holds them. REQUIRES:
// bytes.size() == rows.row_bytes; out.size() == num_columns.
void DecodeFloats(const NpyArray& array, absl::Span<const char> bytes,
                  absl::Span<float> out);

// A whole array, row by row.
absl::StatusOr<std::vector<float>> ReadFloats(const NpyArray& array);

// A whole array of one column. DATA_LOSS unless its type is an integer.
absl::StatusOr<std::vector<int64_t>> ReadIntegers(const NpyArray& array);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_NPY_H_
