#include "learning/onnx/attributes.h"

#include <algorithm>
#include <limits>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace shoal::learning::onnx {
namespace {

std::string Message(const Operation& operation, absl::string_view what) {
  return absl::StrCat("operator ", operation.type, " '", operation.name, "' ",
                      what);
}

}  // namespace

absl::Status Unsupported(const Operation& operation, absl::string_view what) {
  return absl::UnimplementedError(Message(operation, what));
}

absl::Status Inconsistent(const Operation& operation, absl::string_view what) {
  return absl::InvalidArgumentError(Message(operation, what));
}

int ToInt(int64_t number) {
  return static_cast<int>(std::clamp<int64_t>(number,
                                              std::numeric_limits<int>::min(),
                                              std::numeric_limits<int>::max()));
}

double ToDouble(float number) {
  double short_number = 0;
  if (absl::SimpleAtod(absl::StrCat(number), &short_number) &&
      static_cast<float>(short_number) == number) {
    return short_number;
  }
  return number;
}

template <typename Kind>
const Kind* Attributes::Find(absl::string_view name) {
  for (const Attribute& attribute : operation_.attributes) {
    if (attribute.name != name) continue;
    const Kind* const value = std::get_if<Kind>(&attribute.value);
    if (value != nullptr) understood_.insert(&attribute);
    return value;
  }
  return nullptr;
}

int64_t Attributes::Int(absl::string_view name, int64_t otherwise) {
  const auto* const value = Find<int64_t>(name);
  return value == nullptr ? otherwise : *value;
}

float Attributes::Float(absl::string_view name, float otherwise) {
  const auto* const value = Find<float>(name);
  return value == nullptr ? otherwise : *value;
}

std::string Attributes::Text(absl::string_view name,
                             absl::string_view otherwise) {
  const auto* const value = Find<std::string>(name);
  return value == nullptr ? std::string(otherwise) : *value;
}

std::vector<int64_t> Attributes::Ints(absl::string_view name) {
  const auto* const value = Find<std::vector<int64_t>>(name);
  return value == nullptr ? std::vector<int64_t>() : *value;
}

absl::Status Attributes::Finish() const {
  for (const Attribute& attribute : operation_.attributes) {
    if (!understood_.contains(&attribute)) {
      return Unsupported(operation_,
                         absl::StrCat("has the attribute '", attribute.name,
                                      "', which is not understood here"));
    }
  }
  return absl::OkStatus();
}

}  // namespace shoal::learning::onnx
