// Field numbers of onnx.proto, shared by both directions.
#ifndef SHOAL_LEARNING_ONNX_FILE_FIELDS_H_
#define SHOAL_LEARNING_ONNX_FILE_FIELDS_H_

namespace shoal::learning::onnx {

struct ModelField {
  enum {
    kIrVersion = 1,
    kProducerName = 2,
    kProducerVersion = 3,
    kDocString = 6,
    kGraph = 7,
    kOpsetImport = 8,
    kMetadataProps = 14,
    kFunctions = 25,
  };
};

struct OpsetField {
  enum { kDomain = 1, kVersion = 2 };
};

struct EntryField {
  enum { kKey = 1, kValue = 2 };
};

struct GraphField {
  enum {
    kNode = 1,
    kName = 2,
    kInitializer = 5,
    kInput = 11,
    kOutput = 12,
    kSparseInitializer = 15,
  };
};

struct NodeField {
  enum {
    kInput = 1,
    kOutput = 2,
    kName = 3,
    kOpType = 4,
    kAttribute = 5,
    kDomain = 7,
  };
};

struct AttributeField {
  enum {
    kName = 1,
    kFloat = 2,
    kInt = 3,
    kString = 4,
    kTensor = 5,
    kFloats = 7,
    kInts = 8,
    kType = 20,
  };
};

struct AttributeType {
  enum {
    kFloat = 1,
    kInt = 2,
    kString = 3,
    kTensor = 4,
    kFloats = 6,
    kInts = 7,
  };
};

struct TensorField {
  enum {
    kDims = 1,
    kDataType = 2,
    kFloatData = 4,
    kInt32Data = 5,
    kInt64Data = 7,
    kName = 8,
    kRawData = 9,
    kExternalData = 13,
    kDataLocation = 14,
  };
};

struct ValueField {
  enum { kName = 1, kType = 2 };
};

struct TypeField {
  enum { kTensorType = 1 };
};

struct TensorTypeField {
  enum { kElementType = 1, kShape = 2 };
};

struct ShapeField {
  enum { kDim = 1 };
};

struct DimField {
  enum { kValue = 1, kParam = 2 };
};

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_FILE_FIELDS_H_
