#include <utility>
#include <vector>

#include "learning/onnx/decode_fields.h"
#include "learning/onnx/file_fields.h"

namespace shoal::learning::onnx {
namespace {

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

}  // namespace

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

}  // namespace shoal::learning::onnx
