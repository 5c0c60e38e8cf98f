#include "protocol/schema/message.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "base/wire_format.h"

namespace shoal::protocol::schema {
namespace {

// Of google.protobuf.Duration.
constexpr int kSecondsField = 1;
constexpr int kNanosField = 2;

WireType WireTypeOf(Kind kind) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kUint32:
    case Kind::kUint64:
    case Kind::kWord:
      return WireType::kVarint;
    case Kind::kFixed32:
      return WireType::kFixed32;
    case Kind::kDouble:
      return WireType::kFixed64;
    case Kind::kText:
    case Kind::kBytes:
    case Kind::kDuration:
    case Kind::kMessage:
      return WireType::kBytes;
  }
  SHOAL_CHECK(false);
}

uint64_t NumberOf(Kind kind, uint64_t wire) {
  switch (kind) {
    case Kind::kBool:
      return wire != 0;
    case Kind::kUint32:
    case Kind::kWord:
      return static_cast<uint32_t>(wire);
    default:
      return wire;
  }
}

// Lists of these are written in one piece.
bool IsPacked(const Field& field) {
  return field.is_list && (WireTypeOf(field.kind) == WireType::kVarint ||
                           field.kind == Kind::kDouble);
}

// Whether protobuf leaves the value out: it cannot be told from absence.
bool IsImplied(const Value& value) {
  const Field& field = *value.field;
  return !field.has_presence && !field.is_list && value.number == 0 &&
         value.text.empty();
}

std::string DurationBytes(const Value& value) {
  WireWriter out;
  if (value.seconds != 0) out.Int(kSecondsField, value.seconds);
  if (value.nanos != 0) out.Int(kNanosField, value.nanos);
  return std::move(out).Take();
}

void Write(const Value& value, WireWriter& out) {
  const int number = value.field->number;
  switch (value.field->kind) {
    case Kind::kBool:
    case Kind::kUint32:
    case Kind::kUint64:
      out.Int(number, static_cast<int64_t>(value.number));
      return;
    case Kind::kWord:
      out.Int(number, value.AsWord());
      return;
    case Kind::kFixed32:
      out.Fixed32(number, static_cast<uint32_t>(value.number));
      return;
    case Kind::kDouble:
      out.Double(number, value.AsDouble());
      return;
    case Kind::kText:
    case Kind::kBytes:
      out.Bytes(number, value.text);
      return;
    case Kind::kDuration:
      out.Bytes(number, DurationBytes(value));
      return;
    case Kind::kMessage:
      out.Bytes(number, value.message[0].Serialize());
      return;
  }
  SHOAL_CHECK(false);
}

}  // namespace

Value::Value(const Field& its_field) : field(&its_field) {
  if (its_field.kind == Kind::kMessage) message.emplace_back(TypeOf(its_field));
}

double Value::AsDouble() const { return std::bit_cast<double>(number); }

void Value::SetDouble(double value) { number = std::bit_cast<uint64_t>(value); }

// One walk over the bytes of one message, with those inside of it.
struct Message::Parser {
  int num_values = 0;

  absl::Status Parse(absl::string_view bytes, int depth, Message& message) {
    if (depth > kMaxDepth) return Wrong(message, "is too deep inside others");
    WireReader reader(bytes);
    WireField wire;
    while (reader.Next(wire)) {
      const Field* field =
          FindField(*message.type_, static_cast<uint32_t>(wire.number));
      if (field == nullptr || !Fits(*field, wire.type)) {
        message.has_unknown_ = true;
        continue;
      }
      SHOAL_RETURN_IF_ERROR(Take(*field, wire, depth, message));
    }
    if (!reader.ok()) return Wrong(message, "is not encoded as protobuf does");
    return absl::OkStatus();
  }

  static absl::Status Wrong(const Message& message, absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat(message.type_->name(), " ", what));
  }

  // Lists of numbers may be packed.
  static bool Fits(const Field& field, WireType type) {
    const WireType own = WireTypeOf(field.kind);
    return type == own || (IsPacked(field) && type == WireType::kBytes);
  }

  absl::Status Take(const Field& field, const WireField& wire, int depth,
                    Message& message) {
    if (IsPacked(field)) return TakeNumbers(field, wire, message);
    SHOAL_RETURN_IF_ERROR(Count(message, 1));
    Value& value = field.is_list ? message.Add(field) : message.Set(field);
    switch (field.kind) {
      case Kind::kText:
        if (!IsUtf8(wire.bytes)) {
          return Wrong(message, absl::StrCat("has a ", field.name(),
                                             " that is no UTF-8 text"));
        }
        [[fallthrough]];
      case Kind::kBytes:
        value.text = std::string(wire.bytes);
        return absl::OkStatus();
      case Kind::kDuration:
        return TakeDuration(wire.bytes, value, message);
      case Kind::kMessage:
        return Parse(wire.bytes, depth + 1, value.message[0]);
      default:
        value.number = NumberOf(field.kind, wire.value);
        return absl::OkStatus();
    }
  }

  absl::Status TakeNumbers(const Field& field, const WireField& wire,
                           Message& message) {
    const bool is_double = field.kind == Kind::kDouble;
    // A whole number has a byte at least. Not more are made room for before
    // they have been counted.
    const size_t bytes =
        wire.type == WireType::kBytes ? wire.bytes.size() : size_t{1};
    SHOAL_RETURN_IF_ERROR(Count(message, is_double ? (bytes + 7) / 8 : bytes));
    std::vector<int64_t> whole;
    std::vector<double> doubles;
    if (is_double ? !AppendDoubles(wire, doubles) : !AppendInts(wire, whole)) {
      return Wrong(message, "is not encoded as protobuf does");
    }
    for (const double number : doubles) message.Add(field).SetDouble(number);
    for (const int64_t number : whole) {
      message.Add(field).number =
          NumberOf(field.kind, static_cast<uint64_t>(number));
    }
    return absl::OkStatus();
  }

  static absl::Status TakeDuration(absl::string_view bytes, Value& value,
                                   Message& message) {
    WireReader reader(bytes);
    WireField wire;
    while (reader.Next(wire)) {
      if (wire.number == kSecondsField && wire.type == WireType::kVarint) {
        value.seconds = static_cast<int64_t>(wire.value);
      } else if (wire.number == kNanosField && wire.type == WireType::kVarint) {
        value.nanos = static_cast<int32_t>(wire.value);
      } else {
        message.has_unknown_ = true;
      }
    }
    if (!reader.ok()) return Wrong(message, "is not encoded as protobuf does");
    return absl::OkStatus();
  }

  absl::Status Count(const Message& message, size_t more) {
    if (more > static_cast<size_t>(kMaxValues - num_values)) {
      return Wrong(message,
                   absl::StrCat("has more than ", kMaxValues, " values"));
    }
    num_values += static_cast<int>(more);
    return absl::OkStatus();
  }
};

absl::Status Message::Parse(absl::string_view bytes) {
  Parser parser;
  return parser.Parse(bytes, 0, *this);
}

std::string Message::Serialize() const {
  WireWriter out;
  for (const Field& field : FieldsOf(*type_)) {
    if (field.is_list && field.kind == Kind::kDouble) {
      out.PackedDoubles(field.number, DoublesOf(field));
      continue;
    }
    if (IsPacked(field)) {
      out.PackedInts(field.number, NumbersOf(field));
      continue;
    }
    for (const Value& value : values_) {
      if (value.field == &field && !IsImplied(value)) Write(value, out);
    }
  }
  return std::move(out).Take();
}

std::vector<int64_t> Message::NumbersOf(const Field& field) const {
  std::vector<int64_t> numbers;
  for (const Value& value : values_) {
    if (value.field != &field) continue;
    numbers.push_back(static_cast<int64_t>(value.number));
  }
  return numbers;
}

std::vector<double> Message::DoublesOf(const Field& field) const {
  std::vector<double> numbers;
  for (const Value& value : values_) {
    if (value.field == &field) numbers.push_back(value.AsDouble());
  }
  return numbers;
}

const Value* Message::Find(const Field& field) const {
  for (const Value& value : values_) {
    if (value.field == &field) return &value;
  }
  return nullptr;
}

bool Message::Has(const Field& field) const {
  const Value* const value = Find(field);
  return value != nullptr && !IsImplied(*value);
}

const Field* Message::Chosen() const {
  for (const Value& value : values_) {
    if (value.field->in_oneof) return value.field;
  }
  return nullptr;
}

int Message::CountOf(const Field& field) const {
  return static_cast<int>(
      std::count_if(values_.begin(), values_.end(),
                    [&](const Value& value) { return value.field == &field; }));
}

bool Message::has_unknown() const {
  if (has_unknown_) return true;
  return std::any_of(values_.begin(), values_.end(), [](const Value& value) {
    return !value.message.empty() && value.message[0].has_unknown();
  });
}

Value& Message::Set(const Field& field) {
  SHOAL_CHECK(!field.is_list);
  if (field.in_oneof) {
    std::erase_if(values_, [&](const Value& value) {
      return value.field->in_oneof && value.field != &field;
    });
  }
  for (Value& value : values_) {
    if (value.field == &field) return value;
  }
  return values_.emplace_back(field);
}

Value& Message::Add(const Field& field) {
  SHOAL_CHECK(field.is_list);
  return values_.emplace_back(field);
}

}  // namespace shoal::protocol::schema
