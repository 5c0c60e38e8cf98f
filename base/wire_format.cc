#include "base/wire_format.h"

#include <bit>
#include <cstring>

#include "base/bytes.h"

namespace shoal {
namespace {

constexpr int kMaxVarintBytes = 10;
// Of tags and lengths.
constexpr int kMaxShortVarintBytes = 5;

// Appends the bytes of numbers of a fixed size. False when they do not fill
// the last one.
template <typename Number>
bool AppendPacked(absl::string_view bytes, std::vector<Number>& values) {
  if (bytes.size() % sizeof(Number) != 0) return false;
  const size_t count = bytes.size() / sizeof(Number);
  values.resize(values.size() + count);
  std::memcpy(values.data() + values.size() - count, bytes.data(),
              bytes.size());
  return true;
}

// Takes a number of up to so many bytes off the front of `rest`.
bool TakeVarint(absl::string_view& rest, uint64_t& value,
                int max_bytes = kMaxVarintBytes) {
  value = 0;
  for (int shift = 0; shift < 7 * max_bytes; shift += 7) {
    if (rest.empty()) return false;
    const uint8_t byte = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

void WireWriter::Varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    bytes_.push_back(static_cast<char>(value | 0x80));
  }
  bytes_.push_back(static_cast<char>(value));
}

void WireWriter::Tag(int field, WireType type) {
  Varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(type));
}

void WireWriter::Int(int field, int64_t value) {
  Tag(field, WireType::kVarint);
  Varint(static_cast<uint64_t>(value));
}

void WireWriter::Float(int field, float value) {
  Fixed32(field, std::bit_cast<uint32_t>(value));
}

void WireWriter::Double(int field, double value) {
  Tag(field, WireType::kFixed64);
  AppendF64(bytes_, value);
}

void WireWriter::Fixed32(int field, uint32_t value) {
  Tag(field, WireType::kFixed32);
  AppendU32(bytes_, value);
}

void WireWriter::Bytes(int field, absl::string_view bytes) {
  BytesToFollow(field, bytes.size());
  bytes_.append(bytes.data(), bytes.size());
}

void WireWriter::PackedInts(int field, const std::vector<int64_t>& values) {
  if (values.empty()) return;
  WireWriter packed;
  for (const int64_t value : values) {
    packed.Varint(static_cast<uint64_t>(value));
  }
  Bytes(field, packed.bytes_);
}

void WireWriter::PackedDoubles(int field, const std::vector<double>& values) {
  if (values.empty()) return;
  std::string packed;
  for (const double value : values) AppendF64(packed, value);
  Bytes(field, packed);
}

void WireWriter::BytesToFollow(int field, size_t num_bytes) {
  Tag(field, WireType::kBytes);
  Varint(num_bytes);
}

bool WireReader::Fail() {
  ok_ = false;
  return false;
}

bool WireReader::ShortVarint(uint64_t& value) {
  return TakeVarint(rest_, value, kMaxShortVarintBytes) || Fail();
}

bool WireReader::Fixed(size_t size, uint64_t& value) {
  if (rest_.size() < size) return Fail();
  value = 0;
  std::memcpy(&value, rest_.data(), size);
  rest_.remove_prefix(size);
  return true;
}

bool WireReader::Next(WireField& field) {
  if (!ok_ || rest_.empty()) return false;
  uint64_t tag = 0;
  if (!ShortVarint(tag)) return false;
  const uint64_t number = tag >> 3;
  if (number == 0 || number >= (uint64_t{1} << 29)) return Fail();
  field.number = static_cast<int>(number);
  field.type = static_cast<WireType>(tag & 7);
  switch (field.type) {
    case WireType::kVarint:
      return TakeVarint(rest_, field.value) || Fail();
    case WireType::kFixed64:
      return Fixed(8, field.value);
    case WireType::kFixed32:
      return Fixed(4, field.value);
    case WireType::kBytes: {
      uint64_t size = 0;
      if (!ShortVarint(size)) return false;
      if (size > rest_.size()) return Fail();
      field.bytes = rest_.substr(0, size);
      rest_.remove_prefix(size);
      return true;
    }
  }
  return Fail();  // groups, which proto3 has none of
}

bool AppendInts(const WireField& field, std::vector<int64_t>& values) {
  if (field.type == WireType::kVarint) {
    values.push_back(static_cast<int64_t>(field.value));
    return true;
  }
  if (field.type != WireType::kBytes) return false;
  absl::string_view rest = field.bytes;
  while (!rest.empty()) {
    uint64_t value = 0;
    if (!TakeVarint(rest, value)) return false;
    values.push_back(static_cast<int64_t>(value));
  }
  return true;
}

bool AppendFloats(const WireField& field, std::vector<float>& values) {
  if (field.type == WireType::kFixed32) {
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(field.value)));
    return true;
  }
  return field.type == WireType::kBytes && AppendPacked(field.bytes, values);
}

bool AppendDoubles(const WireField& field, std::vector<double>& values) {
  if (field.type == WireType::kFixed64) {
    values.push_back(std::bit_cast<double>(field.value));
    return true;
  }
  return field.type == WireType::kBytes && AppendPacked(field.bytes, values);
}

}  // namespace shoal
