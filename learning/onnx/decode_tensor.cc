#include <algorithm>

#include "learning/onnx/decode_fields.h"
#include "learning/onnx/file_fields.h"

namespace shoal::learning::onnx {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 31;
constexpr size_t kMaxRank = 8;

// The fields that hold elements, before they are one string.
struct Elements {
  std::vector<float> floats;
  std::vector<int64_t> ints;
  absl::string_view raw;
};

template <typename To>
void AppendAs(const std::vector<int64_t>& from, std::string& out) {
  for (int64_t value : from) {
    const To element = static_cast<To>(value);
    out.append(reinterpret_cast<const char*>(&element), sizeof element);
  }
}

// Typed fields become what raw_data would hold. In int32_data lie all types of
// up to 32 bits, float16 by its bits.
std::string ToRaw(const Elements& elements, DataType type) {
  std::string raw(elements.raw.data(), elements.raw.size());
  if (!raw.empty()) return raw;
  if (type == DataType::kFloat) {
    raw.assign(reinterpret_cast<const char*>(elements.floats.data()),
               elements.floats.size() * sizeof(float));
    return raw;
  }
  switch (ElementSize(type)) {
    case 1:
      AppendAs<uint8_t>(elements.ints, raw);
      break;
    case 2:
      AppendAs<uint16_t>(elements.ints, raw);
      break;
    case 4:
      AppendAs<uint32_t>(elements.ints, raw);
      break;
    default:
      AppendAs<uint64_t>(elements.ints, raw);
  }
  return raw;
}

absl::Status CheckTensor(const Tensor& tensor) {
  if (tensor.dims.size() > kMaxRank) {
    return Unknown(absl::StrCat("tensor '", tensor.name, "' has ",
                                tensor.dims.size(),
                                " dimensions, expected at most ", kMaxRank));
  }
  int64_t elements = 1;
  for (int64_t dim : tensor.dims) {
    if (dim < 0 || dim > kMaxElements ||
        (dim > 0 && elements > kMaxElements / dim)) {
      return Broken(
          absl::StrCat("tensor '", tensor.name, "' has a dimension of ", dim));
    }
    elements *= dim;
  }
  const int64_t expected = elements * ElementSize(tensor.type);
  if (static_cast<int64_t>(tensor.data.size()) != expected) {
    return Broken(absl::StrCat("tensor '", tensor.name, "' has ",
                               tensor.data.size(), " bytes, expected ",
                               expected));
  }
  return absl::OkStatus();
}

absl::Status ReadTensorField(const WireField& field, Tensor& tensor,
                             Elements& elements) {
  const auto numbers = [](bool ok) {
    return ok ? absl::OkStatus() : Broken("a tensor's numbers are cut off");
  };
  switch (field.number) {
    case TensorField::kDims:
      return numbers(AppendInts(field, tensor.dims));
    case TensorField::kDataType: {
      SHOAL_ASSIGN_OR_RETURN(tensor.type, ReadDataType(field, "a tensor"));
      return absl::OkStatus();
    }
    case TensorField::kFloatData:
      return numbers(AppendFloats(field, elements.floats));
    case TensorField::kInt32Data:
    case TensorField::kInt64Data:
      return numbers(AppendInts(field, elements.ints));
    case TensorField::kName:
      return ReadText(field, tensor.name);
    case TensorField::kRawData: {
      SHOAL_ASSIGN_OR_RETURN(elements.raw, Message(field));
      return absl::OkStatus();
    }
    case TensorField::kExternalData:
      return Unknown("a tensor's data lies in another file");
    case TensorField::kDataLocation:
      return field.value == 0 ? absl::OkStatus()
                              : Unknown("a tensor's data lies in another file");
    default:
      return absl::OkStatus();  // doc_string
  }
}

}  // namespace

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("not an ONNX file, or damaged: ", what));
}

absl::Status Unknown(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("ONNX file: ", what));
}

absl::Status ReadText(const WireField& field, std::string& text) {
  if (field.type != WireType::kBytes) return Broken("a name is a number");
  text.assign(field.bytes.data(), field.bytes.size());
  return absl::OkStatus();
}

absl::Status ReadInt(const WireField& field, int64_t& value) {
  if (field.type != WireType::kVarint) {
    return Broken("a number is of another wire type");
  }
  value = static_cast<int64_t>(field.value);
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> Message(const WireField& field) {
  if (field.type != WireType::kBytes) return Broken("a message is a number");
  return field.bytes;
}

absl::StatusOr<DataType> ReadDataType(const WireField& field,
                                      absl::string_view of) {
  int64_t number = 0;
  SHOAL_RETURN_IF_ERROR(ReadInt(field, number));
  const DataType type =
      static_cast<DataType>(std::clamp<int64_t>(number, 0, 1 << 16));
  if (ElementSize(type) == 0) {
    return Unknown(absl::StrCat(of, " has elements of data type ", number,
                                ", expected float, float16 or an "
                                "integer type"));
  }
  return type;
}

int64_t ElementSize(DataType type) {
  switch (type) {
    case DataType::kUint8:
    case DataType::kInt8:
    case DataType::kBool:
      return 1;
    case DataType::kFloat16:
      return 2;
    case DataType::kFloat:
    case DataType::kInt32:
      return 4;
    case DataType::kInt64:
      return 8;
  }
  return 0;
}

int64_t Tensor::num_elements() const {
  return static_cast<int64_t>(data.size()) / ElementSize(type);
}

absl::StatusOr<Tensor> DecodeTensor(absl::string_view bytes) {
  Tensor tensor;
  Elements elements;
  SHOAL_RETURN_IF_ERROR(
      ForEachField(bytes, "a tensor", [&](const WireField& field) {
        return ReadTensorField(field, tensor, elements);
      }));
  tensor.data = ToRaw(elements, tensor.type);
  SHOAL_RETURN_IF_ERROR(CheckTensor(tensor));
  return tensor;
}

}  // namespace shoal::learning::onnx
