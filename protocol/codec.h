// The plain messages along the schema, both ways, without protobuf. Everything
// that comes from a peer is checked here: what is returned is well-formed.
// (protocol/wire.h does the same with protobuf's classes.)
#ifndef SHOAL_PROTOCOL_CODEC_H_
#define SHOAL_PROTOCOL_CODEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "protocol/messages.h"
#include "protocol/schema/message.h"
#include "protocol/schema/rules.h"

namespace shoal::protocol {

// Parts shared by plans and task files. INVALID_ARGUMENT
// "path: what is wrong, what was expected" for missing or impossible values;
// the path starts inside the part: "learning_rate", "mlp.hidden[1]". Also for
// settings of a newer version: a device would train something else without
// them. Whether the layers of a model fit together is not looked at.
schema::Message ToSchema(const learning::ModelSpec& spec);
absl::StatusOr<learning::ModelSpec> ModelSpecFrom(
    const schema::Message& definition);
// A cosine schedule of no rounds has none in the other form either: those of
// the task, which whoever knows it fills in.
schema::Message ToSchema(const learning::TrainingOptions& options);
absl::StatusOr<learning::TrainingOptions> TrainingFrom(
    const schema::Message& training);
schema::Message ToSchema(const learning::LocalAlgorithm& algorithm);
absl::StatusOr<learning::LocalAlgorithm> AlgorithmFrom(
    const schema::Message& algorithm);
schema::Message ToSchema(const DeviceLimits& limits);
absl::StatusOr<DeviceLimits> DeviceLimitsFrom(const schema::Message& limits);

schema::Message ToSchema(const SecureAggregation& settings);
absl::StatusOr<SecureAggregation> SecureAggregationFrom(
    const schema::Message& message);

// All that says what a device computes from the model of its round: SHA-256 of
// the plan's bytes, of the version that is trained from and of the one that is
// made, by which learning rates go.
Digest DigestOfWork(const Plan& plan, int64_t model_version,
                    int64_t round_number);

// What is wrong between settings that are each right by the schema's rules.
std::vector<schema::Violation> CheckModelAsAWhole(
    const schema::Message& definition);
std::vector<schema::Violation> CheckTrainingAsAWhole(
    const schema::Message& training);

// Messages of a session. kBadRequest refusals name the field in the same way;
// a peer of another major version is refused with kProtocolIncompatible before
// anything else of its message is looked at. Codecs that are not known here are
// left out of a CheckIn.
schema::Message ToSchema(const CheckIn& message);
absl::StatusOr<CheckIn> CheckInFrom(const schema::Message& request);
schema::Message ToSchema(const CheckInAnswer& message);
absl::StatusOr<CheckInAnswer> CheckInAnswerFrom(
    const schema::Message& response);
schema::Message ToSchema(const UploadHeader& message);
absl::StatusOr<UploadHeader> UploadHeaderFrom(const schema::Message& header);
schema::Message ToSchema(const UploadReceipt& message);
absl::StatusOr<UploadReceipt> UploadReceiptFrom(const schema::Message& receipt);
schema::Message ToSchema(const UploadProgress& message);
absl::StatusOr<UploadProgress> UploadProgressFrom(
    const schema::Message& response);
schema::Message ToSchema(const AggregateRequest& message);
absl::StatusOr<AggregateRequest> AggregateRequestFrom(
    const schema::Message& request);
schema::Message ToSchema(const AggregateAnswer& message);
absl::StatusOr<AggregateAnswer> AggregateAnswerFrom(
    const schema::Message& response);
schema::Message ToSchema(const ModelReference& message);
absl::StatusOr<ModelReference> ModelReferenceFrom(
    const schema::Message& reference);

// The bytes for a gRPC error's details: a serialised v1.Refusal, or "" when
// `status` holds no refusal; and back: the refusal of the details when there
// is one of a known code, otherwise an error with that code and message.
std::string ErrorDetails(const absl::Status& status);
absl::Status StatusFromWire(absl::StatusCode code, absl::string_view message,
                            absl::string_view details);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_CODEC_H_
