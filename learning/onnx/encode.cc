#include "base/wire_format.h"
#include "learning/onnx/file.h"
#include "learning/onnx/file_fields.h"

namespace shoal::learning::onnx {
namespace {

// Of a field's tag and length, and of the numbers of small messages.
constexpr int64_t kOverhead = 32;

std::string EncodeTensor(const Tensor& tensor) {
  WireWriter out;
  for (int64_t dim : tensor.dims) out.Int(TensorField::kDims, dim);
  out.Int(TensorField::kDataType, static_cast<int64_t>(tensor.type));
  if (!tensor.name.empty()) out.Bytes(TensorField::kName, tensor.name);
  out.Bytes(TensorField::kRawData, tensor.data);
  return std::move(out).Take();
}

// Writes the value of an attribute and its type.
struct AttributeValueWriter {
  WireWriter& out;

  void Type(int64_t type) const { out.Int(AttributeField::kType, type); }
  void operator()(int64_t value) const {
    out.Int(AttributeField::kInt, value);
    Type(AttributeType::kInt);
  }
  void operator()(float value) const {
    out.Float(AttributeField::kFloat, value);
    Type(AttributeType::kFloat);
  }
  void operator()(const std::string& value) const {
    out.Bytes(AttributeField::kString, value);
    Type(AttributeType::kString);
  }
  void operator()(const Tensor& value) const {
    out.Bytes(AttributeField::kTensor, EncodeTensor(value));
    Type(AttributeType::kTensor);
  }
  void operator()(const std::vector<int64_t>& values) const {
    for (int64_t value : values) out.Int(AttributeField::kInts, value);
    Type(AttributeType::kInts);
  }
  void operator()(const std::vector<float>& values) const {
    for (float value : values) out.Float(AttributeField::kFloats, value);
    Type(AttributeType::kFloats);
  }
};

std::string EncodeAttribute(const Attribute& attribute) {
  WireWriter out;
  out.Bytes(AttributeField::kName, attribute.name);
  std::visit(AttributeValueWriter{out}, attribute.value);
  return std::move(out).Take();
}

std::string EncodeOperation(const Operation& operation) {
  WireWriter out;
  for (const std::string& name : operation.inputs) {
    out.Bytes(NodeField::kInput, name);
  }
  for (const std::string& name : operation.outputs) {
    out.Bytes(NodeField::kOutput, name);
  }
  out.Bytes(NodeField::kName, operation.name);
  out.Bytes(NodeField::kOpType, operation.type);
  for (const Attribute& attribute : operation.attributes) {
    out.Bytes(NodeField::kAttribute, EncodeAttribute(attribute));
  }
  return std::move(out).Take();
}

std::string EncodeValue(const Value& value) {
  WireWriter shape;
  for (const Dimension& dim : value.dims) {
    WireWriter one;
    if (dim.size > 0) {
      one.Int(DimField::kValue, dim.size);
    } else {
      one.Bytes(DimField::kParam, dim.symbol);
    }
    shape.Bytes(ShapeField::kDim, std::move(one).Take());
  }
  WireWriter tensor;
  tensor.Int(TensorTypeField::kElementType, static_cast<int64_t>(value.type));
  tensor.Bytes(TensorTypeField::kShape, std::move(shape).Take());
  WireWriter type;
  type.Bytes(TypeField::kTensorType, std::move(tensor).Take());
  WireWriter out;
  out.Bytes(ValueField::kName, value.name);
  out.Bytes(ValueField::kType, std::move(type).Take());
  return std::move(out).Take();
}

std::string EncodeGraph(const File& file) {
  WireWriter out;
  for (const Operation& operation : file.operations) {
    out.Bytes(GraphField::kNode, EncodeOperation(operation));
  }
  out.Bytes(GraphField::kName, file.name);
  for (const Tensor& tensor : file.constants) {
    out.Bytes(GraphField::kInitializer, EncodeTensor(tensor));
  }
  for (const Value& value : file.inputs) {
    out.Bytes(GraphField::kInput, EncodeValue(value));
  }
  for (const Value& value : file.outputs) {
    out.Bytes(GraphField::kOutput, EncodeValue(value));
  }
  return std::move(out).Take();
}

}  // namespace

int64_t EncodedSizeBound(const File& file) {
  int64_t size = kOverhead * 8 + file.producer.size() +
                 file.producer_version.size() + file.name.size() +
                 file.description.size();
  for (const auto& [key, value] : file.metadata) {
    size += kOverhead + key.size() + value.size();
  }
  for (const Tensor& tensor : file.constants) {
    size += kOverhead + tensor.name.size() + 11 * tensor.dims.size() +
            tensor.data.size();
  }
  for (const Operation& operation : file.operations) {
    size += EncodeOperation(operation).size() + kOverhead;
  }
  for (const std::vector<Value>* values : {&file.inputs, &file.outputs}) {
    for (const Value& value : *values) {
      size += EncodeValue(value).size() + kOverhead;
    }
  }
  return size;
}

std::string Encode(const File& file) {
  WireWriter out;
  out.Int(ModelField::kIrVersion, file.ir_version);
  out.Bytes(ModelField::kProducerName, file.producer);
  out.Bytes(ModelField::kProducerVersion, file.producer_version);
  if (!file.description.empty()) {
    out.Bytes(ModelField::kDocString, file.description);
  }
  out.Bytes(ModelField::kGraph, EncodeGraph(file));
  WireWriter opset;
  opset.Bytes(OpsetField::kDomain, "");
  opset.Int(OpsetField::kVersion, file.opset);
  out.Bytes(ModelField::kOpsetImport, std::move(opset).Take());
  for (const auto& [key, value] : file.metadata) {
    WireWriter entry;
    entry.Bytes(EntryField::kKey, key);
    entry.Bytes(EntryField::kValue, value);
    out.Bytes(ModelField::kMetadataProps, std::move(entry).Take());
  }
  return std::move(out).Take();
}

}  // namespace shoal::learning::onnx
