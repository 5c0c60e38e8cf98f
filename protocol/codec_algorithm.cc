// The device's part of an algorithm.
#include "base/check.h"
#include "base/status_macros.h"
#include "protocol/codec.h"
#include "protocol/schema/access.h"

namespace shoal::protocol {
namespace {

using schema::Message;
using schema::MutablePart;
using schema::Part;
using schema::Read;
using schema::Write;

// The settings of one algorithm, to and from its part of the message.
void WriteSettings(const learning::FedAvgLocal&, Message&) {}
void ReadSettings(const Message&, learning::FedAvgLocal&) {}

void WriteSettings(const learning::FedProxLocal& local, Message& part) {
  Write(part, "mu", local.mu);
}
void ReadSettings(const Message& part, learning::FedProxLocal& local) {
  Read(part, "mu", local.mu);
}

void WriteSettings(const learning::FedNovaLocal&, Message&) {}
void ReadSettings(const Message&, learning::FedNovaLocal&) {}

void WriteSettings(const learning::FedSgdLocal&, Message&) {}
void ReadSettings(const Message&, learning::FedSgdLocal&) {}

void WriteSettings(const learning::ScaffoldLocal& local, Message& part) {
  Write(part, "devices", local.num_devices);
  Write(part, "option", local.option);
}
void ReadSettings(const Message& part, learning::ScaffoldLocal& local) {
  Read(part, "devices", local.num_devices);
  Read(part, "option", local.option);
}

// Reads the algorithm if it is the one of that name: a member of the schema's
// oneof bears the name of its traits.
template <typename Local>
bool ReadIf(absl::string_view name, const Message& message,
            learning::LocalAlgorithm& algorithm) {
  Local local;
  if (local.traits().name != name) return false;
  ReadSettings(Part(message, name), local);
  algorithm = local;
  return true;
}

template <typename... Locals>
bool ReadAny(absl::string_view name, const Message& message,
             std::variant<Locals...>& algorithm) {
  return (ReadIf<Locals>(name, message, algorithm) || ...);
}

}  // namespace

Message ToSchema(const learning::LocalAlgorithm& algorithm) {
  Message message(schema::TypeNamed("Algorithm"));
  std::visit(
      [&message](const auto& local) {
        WriteSettings(local, MutablePart(message, local.traits().name));
      },
      algorithm);
  return message;
}

absl::StatusOr<learning::LocalAlgorithm> AlgorithmFrom(
    const Message& algorithm) {
  SHOAL_RETURN_IF_ERROR(CheckAllKnown(algorithm, "the algorithm"));
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckRules(algorithm)));
  learning::LocalAlgorithm result;
  // The rules refuse all other names.
  SHOAL_CHECK(ReadAny(schema::Chosen(algorithm), algorithm, result));
  return result;
}

}  // namespace shoal::protocol
