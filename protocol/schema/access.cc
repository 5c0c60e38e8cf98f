#include "protocol/schema/access.h"

#include <algorithm>

namespace shoal::protocol::schema {
namespace {

// Of google.protobuf.Duration.
constexpr absl::Duration kLongestDuration = absl::Seconds(315'576'000'000);

const Value* Find(const Message& message, absl::string_view name) {
  return message.Find(FieldNamed(message.type(), name));
}

// A message without values, for what is absent.
const Message& Empty(const Type& type) {
  static const auto& messages = *new std::vector<Message>([] {
    std::vector<Message> made;
    for (const Type& each : AllTypes()) made.emplace_back(each);
    return made;
  }());
  return messages[static_cast<size_t>(&type - AllTypes().data())];
}

Value& Set(Message& message, absl::string_view name) {
  return message.Set(FieldNamed(message.type(), name));
}

}  // namespace

void Read(const Message& message, absl::string_view name, double& value) {
  const Value* const found = Find(message, name);
  if (found != nullptr) value = found->AsDouble();
}

void Read(const Message& message, absl::string_view name, std::string& value) {
  const Value* const found = Find(message, name);
  if (found != nullptr) value = found->text;
}

void Read(const Message& message, absl::string_view name,
          absl::Duration& value) {
  const Value* const found = Find(message, name);
  if (found == nullptr) return;
  value = absl::Seconds(found->seconds) + absl::Nanoseconds(found->nanos);
}

void Read(const Message& message, absl::string_view name,
          std::vector<std::string>& values) {
  const Field& field = FieldNamed(message.type(), name);
  for (const Value& value : message.values()) {
    if (value.field == &field) values.push_back(value.text);
  }
}

void Read(const Message& message, absl::string_view name,
          std::vector<int>& values) {
  for (const int64_t number :
       message.NumbersOf(FieldNamed(message.type(), name))) {
    values.push_back(static_cast<int>(number));
  }
}

void Read(const Message& message, absl::string_view name,
          std::vector<double>& values) {
  values = message.DoublesOf(FieldNamed(message.type(), name));
}

bool Has(const Message& message, absl::string_view name) {
  return message.Has(FieldNamed(message.type(), name));
}

const Message& Part(const Message& message, absl::string_view name) {
  const Field& field = FieldNamed(message.type(), name);
  const Value* const found = message.Find(field);
  return found != nullptr ? found->message[0] : Empty(TypeOf(field));
}

std::vector<const Message*> Parts(const Message& message,
                                  absl::string_view name) {
  const Field& field = FieldNamed(message.type(), name);
  std::vector<const Message*> parts;
  for (const Value& value : message.values()) {
    if (value.field == &field) parts.push_back(&value.message[0]);
  }
  return parts;
}

absl::string_view Chosen(const Message& message) {
  const Field* const chosen = message.Chosen();
  return chosen != nullptr ? chosen->name() : "";
}

void Write(Message& message, absl::string_view name, double value) {
  Set(message, name).SetDouble(value);
}

void Write(Message& message, absl::string_view name, absl::string_view value) {
  Set(message, name).text = std::string(value);
}

SecondsAndNanos PartsOf(absl::Duration duration) {
  absl::Duration rest =
      std::clamp(duration, -kLongestDuration, kLongestDuration);
  const int64_t seconds = absl::IDivDuration(rest, absl::Seconds(1), &rest);
  return {seconds, static_cast<int32_t>(absl::ToInt64Nanoseconds(rest))};
}

void Write(Message& message, absl::string_view name, absl::Duration value) {
  const SecondsAndNanos parts = PartsOf(value);
  Value& written = Set(message, name);
  written.seconds = parts.seconds;
  written.nanos = parts.nanos;
}

void Write(Message& message, absl::string_view name,
           const std::vector<int>& values) {
  const Field& field = FieldNamed(message.type(), name);
  for (const int value : values) {
    message.Add(field).number = static_cast<uint32_t>(value);
  }
}

void Write(Message& message, absl::string_view name,
           const std::vector<double>& values) {
  const Field& field = FieldNamed(message.type(), name);
  for (const double value : values) message.Add(field).SetDouble(value);
}

void Write(Message& message, absl::string_view name,
           const std::vector<std::string>& values) {
  const Field& field = FieldNamed(message.type(), name);
  for (const std::string& value : values) message.Add(field).text = value;
}

Message& MutablePart(Message& message, absl::string_view name) {
  return Set(message, name).message[0];
}

Message& AddPart(Message& message, absl::string_view name) {
  return message.Add(FieldNamed(message.type(), name)).message[0];
}

}  // namespace shoal::protocol::schema
