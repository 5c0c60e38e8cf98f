#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/onnx/file.h"
#include "learning/onnx/file_fields.h"
#include "learning/onnx/wire.h"

namespace shoal::learning::onnx {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 31;
constexpr size_t kMaxRank = 8;

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("not an ONNX file, or damaged: ", what));
}

absl::Status Unknown(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("ONNX file: ", what));
}

// Calls `take` (WireField -> absl::Status) for every field. `what` names the
// message in errors.
template <typename Take>
absl::Status ForEachField(absl::string_view bytes, absl::string_view what,
                          Take take) {
  MessageReader reader(bytes);
  WireField field;
  while (reader.Next(field)) SHOAL_RETURN_IF_ERROR(take(field));
  if (!reader.ok()) return Broken(absl::StrCat(what, " is cut off"));
  return absl::OkStatus();
}

absl::Status ReadText(const WireField& field, std::string& text) {
  if (field.type != WireType::kBytes) return Broken("a name is a number");
  text.assign(field.bytes.data(), field.bytes.size());
  return absl::OkStatus();
}

absl::Status ReadInt(const WireField& field, int64_t& value) {
  if (field.type != WireType::kVarint)
    return Broken(
        "a number is of another "
        "wire type");
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

// All kinds of values that an attribute may have, before its type is known.
struct AttributeParts {
  int64_t type = 0;
  int64_t number = 0;
  std::vector<float> real;
  std::string text;
  Tensor tensor;
  std::vector<int64_t> ints;
  std::vector<float> floats;
};

absl::Status ReadAttributeField(const WireField& field, std::string& name,
                                AttributeParts& parts) {
  const auto numbers = [](bool ok) {
    return ok ? absl::OkStatus() : Broken("an attribute is cut off");
  };
  switch (field.number) {
    case AttributeField::kName:
      return ReadText(field, name);
    case AttributeField::kType:
      return ReadInt(field, parts.type);
    case AttributeField::kInt:
      return ReadInt(field, parts.number);
    case AttributeField::kFloat:
      return numbers(AppendFloats(field, parts.real));
    case AttributeField::kString:
      return ReadText(field, parts.text);
    case AttributeField::kTensor: {
      SHOAL_ASSIGN_OR_RETURN(const absl::string_view bytes, Message(field));
      SHOAL_ASSIGN_OR_RETURN(parts.tensor, DecodeTensor(bytes));
      return absl::OkStatus();
    }
    case AttributeField::kInts:
      return numbers(AppendInts(field, parts.ints));
    case AttributeField::kFloats:
      return numbers(AppendFloats(field, parts.floats));
    default:
      return absl::OkStatus();
  }
}

absl::StatusOr<Attribute> DecodeAttribute(absl::string_view bytes) {
  Attribute attribute;
  AttributeParts parts;
  SHOAL_RETURN_IF_ERROR(
      ForEachField(bytes, "an attribute", [&](const WireField& field) {
        return ReadAttributeField(field, attribute.name, parts);
      }));
  switch (parts.type) {
    case AttributeType::kInt:
      attribute.value = parts.number;
      return attribute;
    case AttributeType::kFloat:
      attribute.value = parts.real.empty() ? 0.0f : parts.real.back();
      return attribute;
    case AttributeType::kString:
      attribute.value = std::move(parts.text);
      return attribute;
    case AttributeType::kTensor:
      attribute.value = std::move(parts.tensor);
      return attribute;
    case AttributeType::kInts:
      attribute.value = std::move(parts.ints);
      return attribute;
    case AttributeType::kFloats:
      attribute.value = std::move(parts.floats);
      return attribute;
    default:
      return Unknown(absl::StrCat("attribute '", attribute.name,
                                  "' is of attribute type ", parts.type,
                                  ", expected numbers, a string or a tensor"));
  }
}

absl::StatusOr<Operation> DecodeOperation(absl::string_view bytes) {
  Operation operation;
  std::string domain;
  const auto take = [&](const WireField& field) -> absl::Status {
    switch (field.number) {
      case NodeField::kInput:
        return ReadText(field, operation.inputs.emplace_back());
      case NodeField::kOutput:
        return ReadText(field, operation.outputs.emplace_back());
      case NodeField::kName:
        return ReadText(field, operation.name);
      case NodeField::kOpType:
        return ReadText(field, operation.type);
      case NodeField::kDomain:
        return ReadText(field, domain);
      case NodeField::kAttribute: {
        SHOAL_ASSIGN_OR_RETURN(const absl::string_view part, Message(field));
        SHOAL_ASSIGN_OR_RETURN(Attribute attribute, DecodeAttribute(part));
        operation.attributes.push_back(std::move(attribute));
        return absl::OkStatus();
      }
      default:
        return absl::OkStatus();
    }
  };
  SHOAL_RETURN_IF_ERROR(ForEachField(bytes, "an operator", take));
  if (!domain.empty() && domain != "ai.onnx") {
    return Unknown(absl::StrCat("operator '", operation.type,
                                "' is of the "
                                "domain '",
                                domain, "', expected ONNX's own"));
  }
  return operation;
}

absl::StatusOr<Dimension> DecodeDimension(absl::string_view bytes) {
  Dimension dim;
  SHOAL_RETURN_IF_ERROR(ForEachField(
      bytes, "a dimension", [&](const WireField& field) -> absl::Status {
        if (field.number == DimField::kValue) return ReadInt(field, dim.size);
        if (field.number == DimField::kParam) {
          return ReadText(field, dim.symbol);
        }
        return absl::OkStatus();
      }));
  if (dim.size < 0) return Broken("a dimension is negative");
  return dim;
}

absl::Status ReadTensorType(absl::string_view bytes, Value& value) {
  return ForEachField(
      bytes, "a type", [&](const WireField& field) -> absl::Status {
        if (field.number == TensorTypeField::kElementType) {
          SHOAL_ASSIGN_OR_RETURN(value.type,
                                 ReadDataType(field, "an input or output"));
          return absl::OkStatus();
        }
        if (field.number != TensorTypeField::kShape) return absl::OkStatus();
        SHOAL_ASSIGN_OR_RETURN(const absl::string_view shape, Message(field));
        return ForEachField(
            shape, "a shape", [&](const WireField& part) -> absl::Status {
              SHOAL_ASSIGN_OR_RETURN(const absl::string_view dim,
                                     Message(part));
              SHOAL_ASSIGN_OR_RETURN(Dimension one, DecodeDimension(dim));
              value.dims.push_back(std::move(one));
              return absl::OkStatus();
            });
      });
}

absl::StatusOr<Value> DecodeValue(absl::string_view bytes) {
  Value value;
  const auto take_type = [&](const WireField& field) -> absl::Status {
    if (field.number != TypeField::kTensorType) {
      return Unknown("an input or output is no tensor");
    }
    SHOAL_ASSIGN_OR_RETURN(const absl::string_view type, Message(field));
    return ReadTensorType(type, value);
  };
  SHOAL_RETURN_IF_ERROR(ForEachField(
      bytes, "an input or output", [&](const WireField& field) -> absl::Status {
        if (field.number == ValueField::kName) {
          return ReadText(field, value.name);
        }
        if (field.number != ValueField::kType) return absl::OkStatus();
        SHOAL_ASSIGN_OR_RETURN(const absl::string_view type, Message(field));
        return ForEachField(type, "a type", take_type);
      }));
  return value;
}

// Decodes the message in `field` and appends it.
template <typename T>
absl::Status Append(const WireField& field,
                    absl::StatusOr<T> (*decode)(absl::string_view),
                    std::vector<T>& out) {
  SHOAL_ASSIGN_OR_RETURN(const absl::string_view bytes, Message(field));
  SHOAL_ASSIGN_OR_RETURN(T value, decode(bytes));
  out.push_back(std::move(value));
  return absl::OkStatus();
}

absl::Status ReadGraphField(const WireField& field, File& file) {
  switch (field.number) {
    case GraphField::kNode:
      if (file.operations.size() >= kMaxOperations) {
        return Unknown(
            absl::StrCat("more than ", kMaxOperations, " operators"));
      }
      return Append(field, DecodeOperation, file.operations);
    case GraphField::kName:
      return ReadText(field, file.name);
    case GraphField::kInitializer:
      return Append(field, DecodeTensor, file.constants);
    case GraphField::kInput:
      return Append(field, DecodeValue, file.inputs);
    case GraphField::kOutput:
      return Append(field, DecodeValue, file.outputs);
    case GraphField::kSparseInitializer:
      return Unknown("sparse tensors");
    default:
      return absl::OkStatus();  // documentation, shapes in between
  }
}

absl::Status ReadOpset(absl::string_view bytes, File& file) {
  std::string domain;
  int64_t version = 0;
  SHOAL_RETURN_IF_ERROR(ForEachField(
      bytes, "an operator set", [&](const WireField& field) -> absl::Status {
        if (field.number == OpsetField::kDomain) return ReadText(field, domain);
        if (field.number == OpsetField::kVersion) {
          return ReadInt(field, version);
        }
        return absl::OkStatus();
      }));
  // Sets of other domains may be imported as long as no operator is of them.
  if (domain.empty() || domain == "ai.onnx") file.opset = version;
  return absl::OkStatus();
}

absl::Status ReadMetadata(absl::string_view bytes, File& file) {
  auto& [key, value] = file.metadata.emplace_back();
  return ForEachField(
      bytes, "metadata",
      [&key = key, &value = value](const WireField& field) -> absl::Status {
        if (field.number == EntryField::kKey) return ReadText(field, key);
        if (field.number == EntryField::kValue) return ReadText(field, value);
        return absl::OkStatus();
      });
}

absl::Status ReadModelField(const WireField& field, File& file) {
  switch (field.number) {
    case ModelField::kIrVersion:
      return ReadInt(field, file.ir_version);
    case ModelField::kProducerName:
      return ReadText(field, file.producer);
    case ModelField::kProducerVersion:
      return ReadText(field, file.producer_version);
    case ModelField::kDocString:
      return ReadText(field, file.description);
    case ModelField::kGraph: {
      SHOAL_ASSIGN_OR_RETURN(const absl::string_view graph, Message(field));
      return ForEachField(graph, "the graph", [&](const WireField& part) {
        return ReadGraphField(part, file);
      });
    }
    case ModelField::kOpsetImport: {
      SHOAL_ASSIGN_OR_RETURN(const absl::string_view opset, Message(field));
      return ReadOpset(opset, file);
    }
    case ModelField::kMetadataProps: {
      SHOAL_ASSIGN_OR_RETURN(const absl::string_view entry, Message(field));
      return ReadMetadata(entry, file);
    }
    case ModelField::kFunctions:
      return Unknown("functions of its own");
    default:
      return absl::OkStatus();  // domain, version, training information
  }
}

}  // namespace

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

absl::StatusOr<File> Decode(absl::string_view bytes) {
  File file;
  SHOAL_RETURN_IF_ERROR(ForEachField(
      bytes, "the file",
      [&](const WireField& field) { return ReadModelField(field, file); }));
  if (file.ir_version == 0 || file.opset == 0) {
    return Broken("has no version");
  }
  if (file.operations.empty()) return Broken("has no operators");
  return file;
}

}  // namespace shoal::learning::onnx
