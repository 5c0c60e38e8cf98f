// The shape of one example, or of one layer's value for it.
#ifndef SHOAL_LEARNING_SHAPE_H_
#define SHOAL_LEARNING_SHAPE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace shoal::learning {

// [n], [length, channels] or [height, width, channels]; row-major. Value type.
class Shape {
 public:
  Shape() = default;
  explicit Shape(std::vector<int64_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  const std::vector<int64_t>& dims() const { return dims_; }
  // The last dimension: features of a vector, channels of the others.
  int64_t channels() const { return dims_.back(); }
  // Places that have channels: 1, length, or height * width.
  int64_t positions() const { return num_values() / channels(); }
  int64_t num_values() const;
  std::string ToString() const;  // "28x28x1"

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::vector<int64_t> dims_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_SHAPE_H_
