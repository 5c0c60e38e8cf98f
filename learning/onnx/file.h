// An ONNX file in memory: the messages of onnx.proto that models of ours need.
// https://github.com/onnx/onnx/blob/main/docs/IR.md
#ifndef SHOAL_LEARNING_ONNX_FILE_H_
#define SHOAL_LEARNING_ONNX_FILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::learning::onnx {

// Numbers of onnx.proto.
enum class DataType {
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kInt32 = 6,
  kInt64 = 7,
  kBool = 9,
  kFloat16 = 10,
};

// Bytes of one element; 0 for a type that is not listed above.
int64_t ElementSize(DataType type);

struct Tensor {
  std::string name;
  DataType type = DataType::kFloat;
  std::vector<int64_t> dims;  // empty: a scalar
  std::string data;           // the elements, row-major, little-endian

  int64_t num_elements() const;
};

struct Attribute {
  std::string name;
  std::variant<int64_t, float, std::string, Tensor, std::vector<int64_t>,
               std::vector<float>>
      value;
};

// What onnx.proto calls a node.
struct Operation {
  std::string name;
  std::string type;                 // "Gemm"
  std::vector<std::string> inputs;  // "": not given
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
};

struct Dimension {
  int64_t size = 0;    // 0: not known
  std::string symbol;  // its name then
};

// An input or output of the graph.
struct Value {
  std::string name;
  DataType type = DataType::kFloat;
  std::vector<Dimension> dims;
};

struct File {
  int64_t ir_version = 0;
  int64_t opset = 0;
  std::string producer;
  std::string producer_version;
  std::string name;
  std::string description;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<Operation> operations;  // each after those that it reads from
  std::vector<Tensor> constants;      // what onnx.proto calls initializers
  std::vector<Value> inputs;
  std::vector<Value> outputs;
};

inline constexpr int kMaxOperations = 1 << 14;

// An upper bound for the size of Encode(file), within a few bytes for every
// name and operation.
int64_t EncodedSizeBound(const File& file);

// REQUIRES: the size is less than 2 GiB, which no reader of protobuf passes.
std::string Encode(const File& file);

// Memory is proportional to the bytes. Names, shapes and data of constants fit
// each other; what operations mean is not looked at. DATA_LOSS when the bytes
// are no ONNX file; UNIMPLEMENTED for what has no place above: other types,
// external data, subgraphs, operators outside of ONNX's own set.
absl::StatusOr<File> Decode(absl::string_view bytes);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_FILE_H_
