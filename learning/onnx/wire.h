// The part of protobuf's wire format that ONNX files are made of, so that the
// device needs no protobuf.
// https://protobuf.dev/programming-guides/encoding/
#ifndef SHOAL_LEARNING_ONNX_WIRE_H_
#define SHOAL_LEARNING_ONNX_WIRE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace shoal::learning::onnx {

// Appends the fields of one message, in the order of the calls.
class MessageWriter {
 public:
  void Int(int field, int64_t value);
  void Float(int field, float value);
  // A string, bytes, or another message.
  void Bytes(int field, absl::string_view bytes);

  std::string Take() && { return std::move(bytes_); }

 private:
  void Varint(uint64_t value);

  std::string bytes_;
};

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  int number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;       // of the three types of numbers
  absl::string_view bytes;  // of kBytes
};

// Walks over the fields of one message. `bytes` must outlive the reader and
// the fields.
class MessageReader {
 public:
  explicit MessageReader(absl::string_view bytes) : rest_(bytes) {}

  // False at the end, and when the bytes are no message: then ok() is false.
  bool Next(WireField& field);
  bool ok() const { return ok_; }

 private:
  bool Fail();
  bool Varint(uint64_t& value);
  bool Fixed(size_t size, uint64_t& value);

  absl::string_view rest_;
  bool ok_ = true;
};

// The numbers of a packed field, or of one that is not packed. False when the
// bytes are no numbers.
bool AppendInts(const WireField& field, std::vector<int64_t>& values);
bool AppendFloats(const WireField& field, std::vector<float>& values);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_WIRE_H_
