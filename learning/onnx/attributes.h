// The attributes of an operator, each of which must be understood.
#ifndef SHOAL_LEARNING_ONNX_ATTRIBUTES_H_
#define SHOAL_LEARNING_ONNX_ATTRIBUTES_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "learning/onnx/file.h"

namespace shoal::learning::onnx {

// UNIMPLEMENTED, and INVALID_ARGUMENT: "operator Conv '/conv1/Conv': " and what
// is wrong with it.
absl::Status Unsupported(const Operation& operation, absl::string_view what);
absl::Status Inconsistent(const Operation& operation, absl::string_view what);

// As the number of a specification, whose bounds are checked later: beyond
// those of int the nearest.
int ToInt(int64_t number);

// What a 32-bit number was before it was rounded to one: of all that round to
// it, the one with the fewest decimals. 1e-5, not 9.99999974737875e-06.
double ToDouble(float number);

// `operation` must outlive it.
class Attributes {
 public:
  explicit Attributes(const Operation& operation) : operation_(operation) {}

  // The attribute's value, or `otherwise` when it is absent or of another type.
  int64_t Int(absl::string_view name, int64_t otherwise);
  float Float(absl::string_view name, float otherwise);
  std::string Text(absl::string_view name, absl::string_view otherwise);
  std::vector<int64_t> Ints(absl::string_view name);

  // UNIMPLEMENTED when there is an attribute that nobody asked for, or one was
  // of another type. Call it before the values are used.
  absl::Status Finish() const;

 private:
  template <typename Kind>
  const Kind* Find(absl::string_view name);

  const Operation& operation_;
  std::set<const Attribute*> understood_;
};

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_ATTRIBUTES_H_
