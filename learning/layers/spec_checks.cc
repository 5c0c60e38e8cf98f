#include "learning/layers/spec_checks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace shoal::learning {
namespace {

// How `kind` is called, and the ranks that it allows.
struct InputForm {
  absl::string_view name;
  int min_rank;
  int max_rank;
};

InputForm FormOf(InputKind kind) {
  switch (kind) {
    case InputKind::kAny:
      break;
    case InputKind::kVector:
      return {"a vector [n]", 1, 1};
    case InputKind::kSequence:
      return {"a sequence [length, channels]", 2, 2};
    case InputKind::kImage:
      return {"an image [height, width, channels]", 3, 3};
    case InputKind::kSequenceOrImage:
      return {
          "a sequence [length, channels] or an image [height, width, channels]",
          2, 3};
  }
  return {"one to three dimensions", 1, 3};
}

// The product, or `bound` + 1 when it is larger than `bound`.
int64_t BoundedProduct(const std::vector<int64_t>& dims, int64_t bound) {
  int64_t product = 1;
  for (int64_t dim : dims) {
    if (dim > bound / product) return bound + 1;
    product *= dim;
  }
  return product;
}

}  // namespace

absl::Status CheckRange(absl::string_view name, int64_t value, int64_t low,
                        int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected ", low, " to ", high));
}

absl::Status CheckInput(InputKind kind, const Shape& input) {
  const InputForm form = FormOf(kind);
  const bool positive = std::all_of(input.dims().begin(), input.dims().end(),
                                    [](int64_t dim) { return dim >= 1; });
  if (input.rank() < form.min_rank || input.rank() > form.max_rank ||
      !positive) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expects ", form.name, ", got ",
        input.rank() == 0 ? std::string("nothing") : input.ToString()));
  }
  if (BoundedProduct(input.dims(), kMaxValuesPerExample) >
      kMaxValuesPerExample) {
    return absl::InvalidArgumentError(
        absl::StrCat("expects at most ", kMaxValuesPerExample,
                     " values per example, got ", input.ToString()));
  }
  return absl::OkStatus();
}

absl::Status CheckSizes(const Shape& output,
                        const std::vector<LayerTensor>& tensors) {
  if (BoundedProduct(output.dims(), kMaxValuesPerExample) >
      kMaxValuesPerExample) {
    return absl::InvalidArgumentError(absl::StrCat(
        "gives ", output.ToString(), " values per example, expected at most ",
        kMaxValuesPerExample));
  }
  int64_t parameters = 0;
  for (const LayerTensor& tensor : tensors) {
    parameters += BoundedProduct(tensor.dims, kMaxParameters);
    if (parameters > kMaxParameters) {
      return absl::InvalidArgumentError(absl::StrCat(
          tensor.name, " of ", Shape(tensor.dims).ToString(),
          " is too large: expected at most ", kMaxParameters, " parameters"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FusedRelu(ActivationKind kind) {
  if (kind == ActivationKind::kNone) return false;
  if (kind == ActivationKind::kRelu) return true;
  return absl::InvalidArgumentError(
      "activation is neither none nor relu: expected a layer of its own for "
      "it");
}

}  // namespace shoal::learning
