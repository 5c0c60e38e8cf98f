#include "protocol/wire.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "protocol/refusal.h"
#include "protocol/schema/access.h"
#include "protocol/wire_schema.h"

namespace shoal::protocol {
namespace {

template <typename Proto, typename Plain>
Proto Converted(const Plain& plain) {
  Proto proto;
  FromSchema(ToSchema(plain), proto);
  return proto;
}

template <typename Plain>
absl::StatusOr<Plain> Converted(
    const google::protobuf::Message& proto,
    absl::StatusOr<Plain> (*from)(const schema::Message&)) {
  SHOAL_ASSIGN_OR_RETURN(const schema::Message message, AsSchema(proto));
  return from(message);
}

std::vector<RuleViolation> CheckedAsAWhole(
    const google::protobuf::Message& proto,
    std::vector<RuleViolation> (*check)(const schema::Message&)) {
  const absl::StatusOr<schema::Message> message = AsSchema(proto);
  // One that is too large has been found wrong by CheckRules().
  if (!message.ok()) return {};
  return check(*message);
}

}  // namespace

google::protobuf::Duration ToProto(absl::Duration duration) {
  const schema::SecondsAndNanos parts = schema::PartsOf(duration);
  google::protobuf::Duration proto;
  proto.set_seconds(parts.seconds);
  proto.set_nanos(parts.nanos);
  return proto;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  if (time != absl::InfiniteFuture() && time != absl::InfinitePast()) {
    proto.set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  }
  return proto;
}

absl::Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::Time FromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) +
         absl::Nanoseconds(proto.nanos());
}

v1::ModelDefinition ToProto(const learning::ModelSpec& spec) {
  return Converted<v1::ModelDefinition>(spec);
}
absl::StatusOr<learning::ModelSpec> FromProto(
    const v1::ModelDefinition& proto) {
  return Converted(proto, ModelSpecFrom);
}
v1::Training ToProto(const learning::TrainingOptions& options) {
  return Converted<v1::Training>(options);
}
absl::StatusOr<learning::TrainingOptions> FromProto(const v1::Training& proto) {
  return Converted(proto, TrainingFrom);
}
v1::Algorithm ToProto(const learning::LocalAlgorithm& algorithm) {
  return Converted<v1::Algorithm>(algorithm);
}
absl::StatusOr<learning::LocalAlgorithm> FromProto(const v1::Algorithm& proto) {
  return Converted(proto, AlgorithmFrom);
}
v1::DeviceLimits ToProto(const DeviceLimits& limits) {
  return Converted<v1::DeviceLimits>(limits);
}
absl::StatusOr<DeviceLimits> FromProto(const v1::DeviceLimits& proto) {
  return Converted(proto, DeviceLimitsFrom);
}

v1::SecureAggregation ToProto(const SecureAggregation& settings) {
  return Converted<v1::SecureAggregation>(settings);
}
absl::StatusOr<SecureAggregation> FromProto(
    const v1::SecureAggregation& proto) {
  return Converted(proto, SecureAggregationFrom);
}

v1::CheckInRequest ToProto(const CheckIn& message) {
  return Converted<v1::CheckInRequest>(message);
}
absl::StatusOr<CheckIn> FromProto(const v1::CheckInRequest& proto) {
  return Converted(proto, CheckInFrom);
}
v1::CheckInResponse ToProto(const CheckInAnswer& message) {
  return Converted<v1::CheckInResponse>(message);
}
absl::StatusOr<CheckInAnswer> FromProto(const v1::CheckInResponse& proto) {
  return Converted(proto, CheckInAnswerFrom);
}
v1::UploadHeader ToProto(const UploadHeader& message) {
  return Converted<v1::UploadHeader>(message);
}
absl::StatusOr<UploadHeader> FromProto(const v1::UploadHeader& proto) {
  return Converted(proto, UploadHeaderFrom);
}
v1::UploadReceipt ToProto(const UploadReceipt& message) {
  return Converted<v1::UploadReceipt>(message);
}
absl::StatusOr<UploadReceipt> FromProto(const v1::UploadReceipt& proto) {
  return Converted(proto, UploadReceiptFrom);
}
v1::QueryUploadResponse ToProto(const UploadProgress& message) {
  return Converted<v1::QueryUploadResponse>(message);
}
absl::StatusOr<UploadProgress> FromProto(const v1::QueryUploadResponse& proto) {
  return Converted(proto, UploadProgressFrom);
}
v1::AggregateRequest ToProto(const AggregateRequest& message) {
  return Converted<v1::AggregateRequest>(message);
}
absl::StatusOr<AggregateRequest> FromProto(const v1::AggregateRequest& proto) {
  return Converted(proto, AggregateRequestFrom);
}
v1::AggregateResponse ToProto(const AggregateAnswer& message) {
  return Converted<v1::AggregateResponse>(message);
}
absl::StatusOr<AggregateAnswer> FromProto(const v1::AggregateResponse& proto) {
  return Converted(proto, AggregateAnswerFrom);
}
v1::ModelReference ToProto(const ModelReference& message) {
  return Converted<v1::ModelReference>(message);
}
absl::StatusOr<ModelReference> FromProto(const v1::ModelReference& proto) {
  return Converted(proto, ModelReferenceFrom);
}

std::vector<RuleViolation> CheckAsAWhole(const v1::ModelDefinition& proto) {
  return CheckedAsAWhole(proto, CheckModelAsAWhole);
}
std::vector<RuleViolation> CheckAsAWhole(const v1::Training& proto) {
  return CheckedAsAWhole(proto, CheckTrainingAsAWhole);
}

v1::AbandonReason ToProto(AbandonReason reason) {
  return static_cast<v1::AbandonReason>(reason);
}

absl::StatusOr<AbandonReason> FromProto(v1::AbandonReason proto) {
  if (v1::AbandonReason_IsValid(proto) &&
      proto != v1::ABANDON_REASON_UNSPECIFIED) {
    return static_cast<AbandonReason>(proto);
  }
  return RefusalError(
      RefusalCode::kBadRequest,
      absl::StrCat("reason: ", static_cast<int>(proto),
                   " is unknown, expected one of AbandonReason"));
}

}  // namespace shoal::protocol
