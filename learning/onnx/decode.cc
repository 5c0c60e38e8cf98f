#include <utility>
#include <vector>

#include "learning/onnx/decode_fields.h"
#include "learning/onnx/file_fields.h"

namespace shoal::learning::onnx {
namespace {

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
