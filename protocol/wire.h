// Conversion between the plain messages and protobuf's classes, which the
// coordinator's services use. What the conversion is, protocol/codec.h says.
#ifndef SHOAL_PROTOCOL_WIRE_H_
#define SHOAL_PROTOCOL_WIRE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "protocol/wire_schema.h"
#include "shoal/v1/fleet.pb.h"
#include "shoal/v1/model.pb.h"
#include "shoal/v1/task.pb.h"

namespace shoal::protocol {

// What lies beyond the wire's range becomes its nearest value; infinite times
// come back as finite ones.
google::protobuf::Duration ToProto(absl::Duration duration);
google::protobuf::Timestamp ToProto(absl::Time time);
absl::Duration FromProto(const google::protobuf::Duration& proto);
absl::Time FromProto(const google::protobuf::Timestamp& proto);

// Parts shared by plans and task files: see there.
v1::ModelDefinition ToProto(const learning::ModelSpec& spec);
absl::StatusOr<learning::ModelSpec> FromProto(const v1::ModelDefinition& proto);
v1::Training ToProto(const learning::TrainingOptions& options);
absl::StatusOr<learning::TrainingOptions> FromProto(const v1::Training& proto);
std::vector<RuleViolation> CheckAsAWhole(const v1::ModelDefinition& proto);
std::vector<RuleViolation> CheckAsAWhole(const v1::Training& proto);
v1::Algorithm ToProto(const learning::LocalAlgorithm& algorithm);
absl::StatusOr<learning::LocalAlgorithm> FromProto(const v1::Algorithm& proto);
v1::DeviceLimits ToProto(const DeviceLimits& limits);
absl::StatusOr<DeviceLimits> FromProto(const v1::DeviceLimits& proto);
v1::SecureAggregation ToProto(const SecureAggregation& settings);
absl::StatusOr<SecureAggregation> FromProto(const v1::SecureAggregation& proto);

// Messages of a session: see there.
v1::CheckInRequest ToProto(const CheckIn& message);
absl::StatusOr<CheckIn> FromProto(const v1::CheckInRequest& proto);
v1::CheckInResponse ToProto(const CheckInAnswer& message);
absl::StatusOr<CheckInAnswer> FromProto(const v1::CheckInResponse& proto);
v1::UploadHeader ToProto(const UploadHeader& message);
absl::StatusOr<UploadHeader> FromProto(const v1::UploadHeader& proto);
v1::UploadReceipt ToProto(const UploadReceipt& message);
absl::StatusOr<UploadReceipt> FromProto(const v1::UploadReceipt& proto);
v1::QueryUploadResponse ToProto(const UploadProgress& message);
absl::StatusOr<UploadProgress> FromProto(const v1::QueryUploadResponse& proto);
v1::AggregateRequest ToProto(const AggregateRequest& message);
absl::StatusOr<AggregateRequest> FromProto(const v1::AggregateRequest& proto);
v1::AggregateResponse ToProto(const AggregateAnswer& message);
absl::StatusOr<AggregateAnswer> FromProto(const v1::AggregateResponse& proto);
v1::ModelReference ToProto(const ModelReference& message);
absl::StatusOr<ModelReference> FromProto(const v1::ModelReference& proto);
v1::AbandonReason ToProto(AbandonReason reason);
absl::StatusOr<AbandonReason> FromProto(v1::AbandonReason proto);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_WIRE_H_
