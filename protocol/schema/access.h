// Values of a message by the names of their fields. A name that the schema does
// not have is a bug of ours: CHECK-fails.
#ifndef SHOAL_PROTOCOL_SCHEMA_ACCESS_H_
#define SHOAL_PROTOCOL_SCHEMA_ACCESS_H_

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "protocol/schema/message.h"

namespace shoal::protocol::schema {

// What is absent leaves `value` as it is.
void Read(const Message& message, absl::string_view name, double& value);
void Read(const Message& message, absl::string_view name, std::string& value);
void Read(const Message& message, absl::string_view name,
          absl::Duration& value);
void Read(const Message& message, absl::string_view name,
          std::vector<std::string>& values);
void Read(const Message& message, absl::string_view name,
          std::vector<int>& values);
void Read(const Message& message, absl::string_view name,
          std::vector<double>& values);
// Numbers, and true or false.
template <std::integral Integer>
void Read(const Message& message, absl::string_view name, Integer& value) {
  const Value* const found = message.Find(FieldNamed(message.type(), name));
  if (found != nullptr) value = static_cast<Integer>(found->number);
}
// The number of a word.
template <typename Enum>
requires std::is_enum_v<Enum>
void Read(const Message& message, absl::string_view name, Enum& value) {
  const Value* const found = message.Find(FieldNamed(message.type(), name));
  if (found != nullptr) value = static_cast<Enum>(found->AsWord());
}

bool Has(const Message& message, absl::string_view name);
// The message of a field; one without values when it is absent.
const Message& Part(const Message& message, absl::string_view name);
// The messages of a list, in their order; valid as long as `message`.
std::vector<const Message*> Parts(const Message& message,
                                  absl::string_view name);
// The name of the oneof's member that is there; "": none.
absl::string_view Chosen(const Message& message);

void Write(Message& message, absl::string_view name, double value);
void Write(Message& message, absl::string_view name, absl::string_view value);
// What lies beyond the schema's range becomes its nearest value.
void Write(Message& message, absl::string_view name, absl::Duration value);
void Write(Message& message, absl::string_view name,
           const std::vector<int>& values);
void Write(Message& message, absl::string_view name,
           const std::vector<double>& values);
void Write(Message& message, absl::string_view name,
           const std::vector<std::string>& values);
template <std::integral Integer>
void Write(Message& message, absl::string_view name, Integer value) {
  message.Set(FieldNamed(message.type(), name)).number =
      static_cast<uint64_t>(value);
}
template <typename Enum>
requires std::is_enum_v<Enum>
void Write(Message& message, absl::string_view name, Enum value) {
  Write(message, name, static_cast<int>(value));
}

// As google.protobuf.Duration has it: both of one sign.
struct SecondsAndNanos {
  int64_t seconds;
  int32_t nanos;
};
SecondsAndNanos PartsOf(absl::Duration duration);

// The message of a field, made when it is absent.
Message& MutablePart(Message& message, absl::string_view name);
// A new message of a list.
Message& AddPart(Message& message, absl::string_view name);

}  // namespace shoal::protocol::schema

#endif  // SHOAL_PROTOCOL_SCHEMA_ACCESS_H_
