// A message of the schema as a tree of values: what is between its bytes, or a
// file, and the plain structs. Small messages only: models and updates travel
// beside it.
#ifndef SHOAL_PROTOCOL_SCHEMA_MESSAGE_H_
#define SHOAL_PROTOCOL_SCHEMA_MESSAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "protocol/schema/schema.h"

namespace shoal::protocol::schema {

struct Value;

// Thread-compatible. What it points at of the schema lives forever.
class Message {
 public:
  // More values, or messages deeper inside each other, are refused: a few bytes
  // of a peer must not become megabytes here.
  static constexpr int kMaxValues = 4096;
  static constexpr int kMaxDepth = 100;

  explicit Message(const Type& type);
  Message(const Message& other);
  Message(Message&& other) noexcept;
  Message& operator=(const Message& other);
  Message& operator=(Message&& other) noexcept;
  ~Message();

  // Takes over what `bytes` hold, as protobuf does: of a field that comes
  // twice the last value counts, messages are merged, lists go on. Fields that
  // the schema does not know are passed over and noted. INVALID_ARGUMENT when
  // the bytes are no such message.
  absl::Status Parse(absl::string_view bytes);
  // As protobuf writes it: fields in the order of their numbers, and no zeros
  // where they cannot be told from absence.
  std::string Serialize() const;

  const Type& type() const { return *type_; }
  // In the order in which they came.
  const std::vector<Value>& values() const { return values_; }
  // The value of a field that is no list; null when it is absent.
  const Value* Find(const Field& field) const;
  // Whether the field is there, and not a zero that cannot be told from
  // absence. REQUIRES: it is no list.
  bool Has(const Field& field) const;
  // The member of the oneof that is there; null when none is.
  const Field* Chosen() const;
  int CountOf(const Field& field) const;
  // Of a list of whole numbers, or of kDouble.
  std::vector<int64_t> NumbersOf(const Field& field) const;
  std::vector<double> DoublesOf(const Field& field) const;
  // Whether fields were passed over, here or further inside.
  bool has_unknown() const;

  // The value of a field, made when it is absent; of a oneof the other members
  // go. REQUIRES: it is no list.
  Value& Set(const Field& field);
  // A new element of a list.
  Value& Add(const Field& field);

 private:
  struct Parser;

  const Type* type_;
  std::vector<Value> values_;
  bool has_unknown_ = false;
};

// One value, or one element of a list. Only the members that belong to the
// kind of its field count.
struct Value {
  explicit Value(const Field& its_field);

  const Field* field;
  uint64_t number = 0;  // kBool to kFixed32; kWord as int32; a double's bits
  int64_t seconds = 0;  // of kDuration
  int32_t nanos = 0;    // of kDuration
  std::string text;     // of kText and kBytes
  // Of kMessage: exactly one. (A member of a type that is not complete yet.)
  std::vector<Message> message;

  double AsDouble() const;
  void SetDouble(double value);
  int AsWord() const { return static_cast<int32_t>(number); }
};

// A message holds values, and a value messages: only here are both complete.
inline Message::Message(const Type& type) : type_(&type) {}
inline Message::Message(const Message& other) = default;
inline Message::Message(Message&& other) noexcept = default;
inline Message& Message::operator=(const Message& other) = default;
inline Message& Message::operator=(Message&& other) noexcept = default;
inline Message::~Message() = default;

}  // namespace shoal::protocol::schema

#endif  // SHOAL_PROTOCOL_SCHEMA_MESSAGE_H_
