// Protobuf's wire format, of which ONNX files and the messages between device
// and coordinator are made, so that a device needs no protobuf.
// https://protobuf.dev/programming-guides/encoding/
#ifndef SHOAL_BASE_WIRE_FORMAT_H_
#define SHOAL_BASE_WIRE_FORMAT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace shoal {

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Appends the fields of one message, in the order of the calls.
class WireWriter {
 public:
  void Int(int field, int64_t value);
  void Float(int field, float value);
  void Double(int field, double value);
  void Fixed32(int field, uint32_t value);
  // A string, bytes, or another message.
  void Bytes(int field, absl::string_view bytes);
  // Numbers in one field; nothing when there are none.
  void PackedInts(int field, const std::vector<int64_t>& values);
  void PackedDoubles(int field, const std::vector<double>& values);
  // Announces so many bytes that the caller will put after all the rest.
  void BytesToFollow(int field, size_t num_bytes);

  std::string Take() && { return std::move(bytes_); }

 private:
  void Tag(int field, WireType type);
  void Varint(uint64_t value);

  std::string bytes_;
};

struct WireField {
  int number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;       // of the three types of numbers
  absl::string_view bytes;  // of kBytes
};

// Walks over the fields of one message. `bytes` must outlive the reader and
// the fields.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}

  // False at the end, and when the bytes are no message: then ok() is false.
  bool Next(WireField& field);
  bool ok() const { return ok_; }

 private:
  bool Fail();
  bool ShortVarint(uint64_t& value);
  bool Fixed(size_t size, uint64_t& value);

  absl::string_view rest_;
  bool ok_ = true;
};

// The numbers of a packed field, or of one that is not packed. False when the
// bytes are no numbers.
bool AppendInts(const WireField& field, std::vector<int64_t>& values);
bool AppendFloats(const WireField& field, std::vector<float>& values);
bool AppendDoubles(const WireField& field, std::vector<double>& values);

}  // namespace shoal

#endif  // SHOAL_BASE_WIRE_FORMAT_H_
