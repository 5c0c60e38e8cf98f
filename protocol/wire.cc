// The messages of a session, and refusals.
#include "protocol/wire.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "protocol/refusal.h"

namespace shoal::protocol {
namespace {

// Sentences are cut to this before they are sent: error details travel in a
// header of limited size.
constexpr size_t kMaxSentenceBytes = 1024;

// The first kMaxSentenceBytes of UTF-8 text, ending between characters.
std::string CutSentence(absl::string_view sentence) {
  if (sentence.size() <= kMaxSentenceBytes) return std::string(sentence);
  size_t size = kMaxSentenceBytes;
  while (size > 0 && (sentence[size] & 0xC0) == 0x80) --size;
  return std::string(sentence.substr(0, size));
}

absl::Status CheckMessage(const google::protobuf::Message& proto) {
  const absl::Status status = CheckRulesStatus(proto);
  if (status.ok()) return status;
  return RefusalError(RefusalCode::kBadRequest, status.message());
}

// The digest of a field that the rules have found to be 32 bytes long.
Digest CheckedDigest(const std::string& bytes) {
  absl::StatusOr<Digest> digest = Digest::FromBytes(bytes);
  SHOAL_CHECK(digest.ok());
  return *digest;
}

bool IsKnownCodec(uint32_t number) {
  return number == static_cast<uint32_t>(learning::UpdateCodec::kFloat32);
}

v1::ProtocolVersion VersionProto(ProtocolVersion version) {
  v1::ProtocolVersion proto;
  proto.set_major(version.major);
  proto.set_minor(version.minor);
  return proto;
}

// Asked before anything else in a message is: the rest of a message of another
// major version means nothing here.
absl::StatusOr<ProtocolVersion> CompatibleVersion(
    const v1::ProtocolVersion& proto) {
  const ProtocolVersion theirs = {proto.major(), proto.minor()};
  if (Negotiate(kProtocolVersion, theirs).has_value()) return theirs;
  return RefusalError(
      RefusalCode::kProtocolIncompatible,
      absl::StrCat("the peer speaks protocol ", theirs.major, ".", theirs.minor,
                   ", expected ", kProtocolVersion.major, ".x"));
}

v1::Plan PlanProto(const Plan& plan) {
  v1::Plan proto;
  *proto.mutable_model() = ToProto(plan.model);
  *proto.mutable_training() = ToProto(plan.training);
  *proto.mutable_algorithm() = ToProto(plan.algorithm);
  *proto.mutable_device_limits() = ToProto(plan.limits);
  proto.set_norm_bound(plan.norm_bound);
  proto.set_max_examples(static_cast<uint64_t>(plan.max_examples));
  proto.set_update_codec(static_cast<uint32_t>(plan.codec));
  *proto.mutable_idle_window() = ToProto(plan.idle_window);
  return proto;
}

absl::Status RefusePart(absl::string_view part, const absl::Status& problem) {
  return RefusalError(
      RefusalCode::kBadRequest,
      absl::StrCat("assignment.plan.", part, ": ", problem.message()));
}

// What one part of a plan is converted to.
template <typename T>
absl::StatusOr<T> PartOf(absl::string_view name, absl::StatusOr<T> part) {
  if (part.ok()) return part;
  return RefusePart(name, part.status());
}

// REQUIRES: the message around it has passed CheckMessage.
absl::StatusOr<Plan> PlanFrom(const v1::Plan& proto) {
  Plan plan;
  SHOAL_ASSIGN_OR_RETURN(plan.model, PartOf("model", FromProto(proto.model())));
  SHOAL_ASSIGN_OR_RETURN(plan.training,
                         PartOf("training", FromProto(proto.training())));
  // Whose rounds a device does not know from elsewhere.
  const absl::Status schedule = learning::CheckSchedule(plan.training.schedule);
  if (!schedule.ok()) return RefusePart("training.schedule", schedule);
  SHOAL_ASSIGN_OR_RETURN(plan.algorithm,
                         PartOf("algorithm", FromProto(proto.algorithm())));
  SHOAL_ASSIGN_OR_RETURN(
      plan.limits, PartOf("device_limits", FromProto(proto.device_limits())));
  plan.norm_bound = proto.norm_bound();
  plan.max_examples = static_cast<int64_t>(proto.max_examples());
  if (!IsKnownCodec(proto.update_codec())) {
    return RefusalError(
        RefusalCode::kBadRequest,
        absl::StrCat("assignment.plan.update_codec: ", proto.update_codec(),
                     " is unknown, expected one that was offered"));
  }
  plan.codec = static_cast<learning::UpdateCodec>(proto.update_codec());
  plan.idle_window = FromProto(proto.idle_window());
  return plan;
}

v1::Assignment AssignmentProto(const Assignment& assignment) {
  v1::Assignment proto;
  proto.set_token(assignment.token);
  proto.set_task(assignment.task);
  proto.set_round_id(static_cast<uint64_t>(assignment.round_id));
  proto.set_round_number(static_cast<uint64_t>(assignment.round_number));
  *proto.mutable_model() = ToProto(assignment.model);
  *proto.mutable_time_left() = ToProto(assignment.time_left);
  *proto.mutable_plan() = PlanProto(assignment.plan);
  if (assignment.secure_aggregation_version != 0) {
    proto.mutable_secure_aggregation()->set_version(
        assignment.secure_aggregation_version);
  }
  return proto;
}

// REQUIRES: the message around it has passed CheckMessage.
absl::StatusOr<Assignment> AssignmentFrom(const v1::Assignment& proto) {
  Assignment assignment;
  assignment.token = proto.token();
  assignment.task = proto.task();
  assignment.round_id = static_cast<int64_t>(proto.round_id());
  assignment.round_number = static_cast<int64_t>(proto.round_number());
  SHOAL_ASSIGN_OR_RETURN(assignment.model, FromProto(proto.model()));
  assignment.time_left = FromProto(proto.time_left());
  SHOAL_ASSIGN_OR_RETURN(assignment.plan, PlanFrom(proto.plan()));
  assignment.secure_aggregation_version = proto.secure_aggregation().version();
  return assignment;
}

v1::Refusal::Fault FaultProto(Fault fault) {
  switch (fault) {
    case Fault::kDevice:
      return v1::Refusal::FAULT_DEVICE;
    case Fault::kOperator:
      return v1::Refusal::FAULT_OPERATOR;
    case Fault::kCoordinator:
      return v1::Refusal::FAULT_COORDINATOR;
    case Fault::kNobody:
      return v1::Refusal::FAULT_NOBODY;
  }
  SHOAL_CHECK(false);
}

}  // namespace

v1::CheckInRequest ToProto(const CheckIn& message) {
  v1::CheckInRequest proto;
  *proto.mutable_protocol() = VersionProto(message.protocol);
  proto.set_population(message.population);
  proto.set_num_examples(static_cast<uint64_t>(message.num_examples));
  proto.set_memory_bytes(static_cast<uint64_t>(message.memory_bytes));
  proto.set_sdk_version(message.sdk_version);
  for (learning::UpdateCodec codec : message.codecs) {
    proto.add_update_codecs(static_cast<uint32_t>(codec));
  }
  for (uint32_t version : message.secure_aggregation_versions) {
    proto.mutable_secure_aggregation()->add_versions(version);
  }
  return proto;
}

absl::StatusOr<CheckIn> FromProto(const v1::CheckInRequest& proto) {
  CheckIn message;
  SHOAL_ASSIGN_OR_RETURN(message.protocol, CompatibleVersion(proto.protocol()));
  SHOAL_RETURN_IF_ERROR(CheckMessage(proto));
  message.population = proto.population();
  message.num_examples = static_cast<int64_t>(proto.num_examples());
  message.memory_bytes = static_cast<int64_t>(proto.memory_bytes());
  message.sdk_version = proto.sdk_version();
  for (uint32_t number : proto.update_codecs()) {
    if (!IsKnownCodec(number)) continue;
    message.codecs.push_back(static_cast<learning::UpdateCodec>(number));
  }
  message.secure_aggregation_versions.assign(
      proto.secure_aggregation().versions().begin(),
      proto.secure_aggregation().versions().end());
  return message;
}

v1::CheckInResponse ToProto(const CheckInAnswer& message) {
  v1::CheckInResponse proto;
  *proto.mutable_protocol() = VersionProto(message.protocol);
  if (const auto* assignment = std::get_if<Assignment>(&message.answer)) {
    *proto.mutable_assignment() = AssignmentProto(*assignment);
  } else {
    const RetryAfter& retry = std::get<RetryAfter>(message.answer);
    *proto.mutable_retry_after()->mutable_delay() = ToProto(retry.delay);
    proto.mutable_retry_after()->set_code(retry.code);
    proto.mutable_retry_after()->set_sentence(CutSentence(retry.sentence));
  }
  return proto;
}

absl::StatusOr<CheckInAnswer> FromProto(const v1::CheckInResponse& proto) {
  CheckInAnswer message;
  SHOAL_ASSIGN_OR_RETURN(message.protocol, CompatibleVersion(proto.protocol()));
  SHOAL_RETURN_IF_ERROR(CheckMessage(proto));
  if (proto.has_assignment()) {
    SHOAL_ASSIGN_OR_RETURN(message.answer, AssignmentFrom(proto.assignment()));
    return message;
  }
  message.answer =
      RetryAfter{FromProto(proto.retry_after().delay()),
                 proto.retry_after().code(), proto.retry_after().sentence()};
  return message;
}

v1::UploadHeader ToProto(const UploadHeader& message) {
  v1::UploadHeader proto;
  proto.set_token(message.token);
  proto.set_digest(std::string(message.digest.AsBytes()));
  proto.set_num_bytes(static_cast<uint64_t>(message.num_bytes));
  proto.set_offset(static_cast<uint64_t>(message.offset));
  return proto;
}

absl::StatusOr<UploadHeader> FromProto(const v1::UploadHeader& proto) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(proto));
  UploadHeader message;
  message.token = proto.token();
  message.digest = CheckedDigest(proto.digest());
  message.num_bytes = static_cast<int64_t>(proto.num_bytes());
  message.offset = static_cast<int64_t>(proto.offset());
  if (message.offset > message.num_bytes) {
    return RefusalError(
        RefusalCode::kBadRequest,
        absl::StrCat("offset: ", message.offset, ", expected at most the ",
                     message.num_bytes, " bytes of the update"));
  }
  return message;
}

v1::UploadReceipt ToProto(const UploadReceipt& message) {
  v1::UploadReceipt proto;
  proto.set_round_id(static_cast<uint64_t>(message.round_id));
  proto.set_digest(std::string(message.digest.AsBytes()));
  proto.set_segment_id(static_cast<uint64_t>(message.segment_id));
  *proto.mutable_next_check_in() = ToProto(message.next_check_in);
  return proto;
}

absl::StatusOr<UploadReceipt> FromProto(const v1::UploadReceipt& proto) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(proto));
  UploadReceipt message;
  message.round_id = static_cast<int64_t>(proto.round_id());
  message.digest = CheckedDigest(proto.digest());
  message.segment_id = static_cast<int64_t>(proto.segment_id());
  message.next_check_in = FromProto(proto.next_check_in());
  return message;
}

v1::QueryUploadResponse ToProto(const UploadProgress& message) {
  v1::QueryUploadResponse proto;
  proto.set_received_bytes(static_cast<uint64_t>(message.received_bytes));
  if (message.receipt.has_value()) {
    *proto.mutable_receipt() = ToProto(*message.receipt);
  }
  return proto;
}

absl::StatusOr<UploadProgress> FromProto(const v1::QueryUploadResponse& proto) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(proto));
  UploadProgress message;
  message.received_bytes = static_cast<int64_t>(proto.received_bytes());
  if (proto.has_receipt()) {
    SHOAL_ASSIGN_OR_RETURN(message.receipt, FromProto(proto.receipt()));
  }
  return message;
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

v1::ModelReference ToProto(const ModelReference& message) {
  v1::ModelReference proto;
  proto.set_digest(std::string(message.digest.AsBytes()));
  proto.set_num_bytes(static_cast<uint64_t>(message.num_bytes));
  proto.set_version(static_cast<uint64_t>(message.version));
  return proto;
}

absl::StatusOr<ModelReference> FromProto(const v1::ModelReference& proto) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(proto));
  ModelReference message;
  message.digest = CheckedDigest(proto.digest());
  message.num_bytes = static_cast<int64_t>(proto.num_bytes());
  message.version = static_cast<int64_t>(proto.version());
  return message;
}

std::string ErrorDetails(const absl::Status& status) {
  const std::optional<Refusal> refusal = RefusalOf(status);
  if (!refusal.has_value()) return "";
  v1::Refusal proto;
  proto.set_code(std::string(ToString(refusal->code)));
  proto.set_sentence(CutSentence(refusal->sentence));
  *proto.mutable_retry_after() = ToProto(refusal->retry_after);
  proto.set_fault(FaultProto(InfoOf(refusal->code).fault));
  return proto.SerializeAsString();
}

absl::Status StatusFromWire(absl::StatusCode code, absl::string_view message,
                            absl::string_view details) {
  if (code == absl::StatusCode::kOk) return absl::OkStatus();
  v1::Refusal proto;
  if (!details.empty() &&
      proto.ParseFromArray(details.data(), static_cast<int>(details.size())) &&
      CheckRulesStatus(proto).ok()) {
    const std::optional<RefusalCode> known = RefusalCodeFromName(proto.code());
    if (known.has_value()) {
      return RefusalError(*known, proto.sentence(),
                          FromProto(proto.retry_after()));
    }
  }
  return absl::Status(code, message);
}

}  // namespace shoal::protocol
