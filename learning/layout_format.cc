#include "learning/layout_format.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/model_spec.h"

namespace shoal::learning {
namespace {

constexpr uint32_t kMaxTensors = 4096;
constexpr uint32_t kMaxNameBytes = 255;
constexpr uint32_t kMaxDims = 8;

// The messages are about one format and one tensor after the other.
class LayoutParser {
 public:
  LayoutParser(absl::string_view format, ByteReader& reader)
      : format_(format), reader_(reader) {}

  absl::StatusOr<ParameterLayout> Parse() {
    const uint32_t num_tensors = reader_.U32();
    if (!reader_.ok()) return Broken("ends inside the header");
    if (num_tensors < 1 || num_tensors > kMaxTensors) {
      return Broken(absl::StrCat("has ", num_tensors,
                                 " tensors, expected 1 to ", kMaxTensors));
    }
    std::vector<TensorShape> tensors;
    int64_t num_parameters = 0;
    for (uint32_t i = 0; i < num_tensors; ++i) {
      SHOAL_ASSIGN_OR_RETURN(TensorShape tensor, ParseTensor(i));
      num_parameters += tensor.num_values();
      if (num_parameters > kMaxParameters) {
        return Broken(
            absl::StrCat("has more than ", kMaxParameters, " parameters"));
      }
      tensors.push_back(std::move(tensor));
    }
    return ParameterLayout(std::move(tensors));
  }

 private:
  absl::Status Broken(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(format_, ": ", what));
  }

  absl::StatusOr<TensorShape> ParseTensor(uint32_t index) {
    TensorShape tensor;
    const absl::string_view name = reader_.Sized();
    const uint32_t num_dims = reader_.U32();
    if (!reader_.ok()) {
      return Broken(absl::StrCat("ends inside the shape of tensor ", index));
    }
    if (name.empty() || name.size() > kMaxNameBytes) {
      return Broken(absl::StrCat("the name of tensor ", index, " has ",
                                 name.size(), " bytes, expected 1 to ",
                                 kMaxNameBytes));
    }
    if (num_dims < 1 || num_dims > kMaxDims) {
      return Broken(absl::StrCat("tensor ", index, " has ", num_dims,
                                 " dimensions, expected 1 to ", kMaxDims));
    }
    tensor.name = std::string(name);
    int64_t num_values = 1;
    for (uint32_t i = 0; i < num_dims; ++i) {
      const uint64_t dim = reader_.U64();
      if (!reader_.ok()) {
        return Broken(absl::StrCat("ends inside the shape of tensor ", index));
      }
      if (dim < 1 || dim > static_cast<uint64_t>(kMaxParameters / num_values)) {
        return Broken(absl::StrCat("dimension ", i, " of tensor ", index,
                                   " is ", dim, ", too small or too large"));
      }
      num_values *= static_cast<int64_t>(dim);
      tensor.dims.push_back(static_cast<int64_t>(dim));
    }
    return tensor;
  }

  const absl::string_view format_;
  ByteReader& reader_;
};

}  // namespace

absl::StatusOr<ParameterLayout> ParseLayout(absl::string_view format,
                                            ByteReader& reader) {
  return LayoutParser(format, reader).Parse();
}

}  // namespace shoal::learning
