// Conversion between the plain messages and protobuf. Everything that comes
// from a peer is checked here: what is returned is well-formed.
#ifndef SHOAL_PROTOCOL_WIRE_H_
#define SHOAL_PROTOCOL_WIRE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "protocol/messages.h"
#include "protocol/schema_rules.h"
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

// Parts shared by plans and task files. INVALID_ARGUMENT
// "path: what is wrong, what was expected" for missing or impossible values;
// the path starts inside the part: "learning_rate", "mlp.hidden[1]". Also for
// settings of a newer version: a device would train something else without
// them. Whether the layers of a model fit together is not looked at.
v1::ModelDefinition ToProto(const learning::ModelSpec& spec);
absl::StatusOr<learning::ModelSpec> FromProto(const v1::ModelDefinition& proto);
// A cosine schedule of no rounds has none in the other form either: those of
// the task, which whoever knows it fills in.
v1::Training ToProto(const learning::TrainingOptions& options);
absl::StatusOr<learning::TrainingOptions> FromProto(const v1::Training& proto);
// What is wrong between settings that are each right by the schema's rules.
std::vector<RuleViolation> CheckAsAWhole(const v1::ModelDefinition& proto);
std::vector<RuleViolation> CheckAsAWhole(const v1::Training& proto);
v1::Algorithm ToProto(const learning::LocalAlgorithm& algorithm);
absl::StatusOr<learning::LocalAlgorithm> FromProto(const v1::Algorithm& proto);
v1::DeviceLimits ToProto(const DeviceLimits& limits);
absl::StatusOr<DeviceLimits> FromProto(const v1::DeviceLimits& proto);

// Messages of a session. kBadRequest refusals name the field in the same way;
// a peer of another major version is refused with kProtocolIncompatible before
// anything else of its message is looked at. Codecs that are not known here are
// left out of a CheckIn.
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
v1::AbandonReason ToProto(AbandonReason reason);
absl::StatusOr<AbandonReason> FromProto(v1::AbandonReason proto);
v1::ModelReference ToProto(const ModelReference& message);
absl::StatusOr<ModelReference> FromProto(const v1::ModelReference& proto);

// The bytes for a gRPC error's details: a serialised v1.Refusal, or "" when
// `status` holds no refusal; and back: the refusal of the details when there
// is one of a known code, otherwise an error with that code and message.
std::string ErrorDetails(const absl::Status& status);
absl::Status StatusFromWire(absl::StatusCode code, absl::string_view message,
                            absl::string_view details);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_WIRE_H_
