#include "base/status_macros.h"
#include "protocol/codec.h"
#include "protocol/schema/access.h"

namespace shoal::protocol {

using schema::Message;
using schema::Read;
using schema::Write;
using secure_aggregation::CoordinatorTrust;

Message ToSchema(const SecureAggregation& settings) {
  Message message(schema::TypeNamed("SecureAggregation"));
  Write(message, "min_group", settings.min_group);
  Write(message, "max_group", settings.max_group);
  Write(message, "adversary_fraction", settings.adversary_fraction);
  Write(message, "dropout_fraction", settings.dropout_fraction);
  Write(message, "coordinator", settings.coordinator);
  Write(message, "bits", settings.bits);
  Write(message, "rotation", settings.rotation);
  return message;
}

absl::StatusOr<SecureAggregation> SecureAggregationFrom(
    const Message& message) {
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckRules(message)));
  SecureAggregation settings;
  Read(message, "coordinator", settings.coordinator);
  if (settings.coordinator == CoordinatorTrust::kMalicious) {
    settings.max_group = kMaxCompleteGroup;
  }
  Read(message, "min_group", settings.min_group);
  Read(message, "max_group", settings.max_group);
  Read(message, "adversary_fraction", settings.adversary_fraction);
  Read(message, "dropout_fraction", settings.dropout_fraction);
  Read(message, "bits", settings.bits);
  Read(message, "rotation", settings.rotation);
  return settings;
}

}  // namespace shoal::protocol
