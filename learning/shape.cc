#include "learning/shape.h"

#include "absl/strings/str_join.h"

namespace shoal::learning {

int64_t Shape::num_values() const {
  int64_t product = 1;
  for (int64_t dim : dims_) product *= dim;
  return product;
}

std::string Shape::ToString() const { return absl::StrJoin(dims_, "x"); }

}  // namespace shoal::learning
