// The messages of a session, and refusals.
#include "protocol/codec.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "protocol/refusal.h"
#include "protocol/schema/access.h"

namespace shoal::protocol {
namespace {

using schema::Message;
using schema::Part;
using schema::Read;
using schema::Write;

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

absl::Status CheckMessage(const Message& message) {
  const absl::Status status = FirstViolation(CheckRules(message));
  if (status.ok()) return status;
  return RefusalError(RefusalCode::kBadRequest, status.message());
}

// Of a field that the rules have found to be 32 bytes long.
Digest CheckedDigest(const Message& message) {
  std::string bytes;
  Read(message, "digest", bytes);
  absl::StatusOr<Digest> digest = Digest::FromBytes(bytes);
  SHOAL_CHECK(digest.ok());
  return *digest;
}

bool IsKnownCodec(uint32_t number) {
  return number == static_cast<uint32_t>(learning::UpdateCodec::kFloat32);
}

void WriteVersion(ProtocolVersion version, Message& message) {
  Message& part = schema::MutablePart(message, "protocol");
  Write(part, "major", version.major);
  Write(part, "minor", version.minor);
}

// Asked before anything else in a message is: the rest of a message of another
// major version means nothing here.
absl::StatusOr<ProtocolVersion> CompatibleVersion(const Message& message) {
  ProtocolVersion theirs;
  Read(Part(message, "protocol"), "major", theirs.major);
  Read(Part(message, "protocol"), "minor", theirs.minor);
  if (Negotiate(kProtocolVersion, theirs).has_value()) return theirs;
  return RefusalError(
      RefusalCode::kProtocolIncompatible,
      absl::StrCat("the peer speaks protocol ", theirs.major, ".", theirs.minor,
                   ", expected ", kProtocolVersion.major, ".x"));
}

void WritePlan(const Plan& plan, Message& message) {
  schema::MutablePart(message, "model") = ToSchema(plan.model);
  schema::MutablePart(message, "training") = ToSchema(plan.training);
  schema::MutablePart(message, "algorithm") = ToSchema(plan.algorithm);
  schema::MutablePart(message, "device_limits") = ToSchema(plan.limits);
  Write(message, "norm_bound", plan.norm_bound);
  Write(message, "max_examples", plan.max_examples);
  Write(message, "update_codec", static_cast<uint32_t>(plan.codec));
  Write(message, "idle_window", plan.idle_window);
  if (plan.secure_aggregation.has_value()) {
    schema::MutablePart(message, "secure_aggregation") =
        ToSchema(*plan.secure_aggregation);
  }
  Write(message, "uniform_weights", plan.uniform_weights);
  Write(message, "noisy_sums", plan.noisy_sums);
  if (plan.device_noise.has_value()) {
    Message& noise = schema::MutablePart(message, "device_noise");
    Write(noise, "kind", plan.device_noise->kind);
    Write(noise, "noise_multiplier", plan.device_noise->noise_multiplier);
  }
  Write(message, "clip_layers", plan.clip_layers);
  Write(message, "clip_votes", plan.clip_votes);
}

void WriteSession(const std::optional<Digest>& session, Message& message) {
  if (session.has_value()) Write(message, "session", session->AsBytes());
}

absl::StatusOr<std::optional<Digest>> SessionFrom(const Message& message) {
  std::string bytes;
  Read(message, "session", bytes);
  if (bytes.empty()) return std::nullopt;
  const absl::StatusOr<Digest> session = Digest::FromBytes(bytes);
  if (session.ok()) return *session;
  return RefusalError(RefusalCode::kBadRequest,
                      absl::StrCat("session: ", session.status().message()));
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

// A device that does not know a noise must not send its update without it.
absl::StatusOr<DeviceNoise> DeviceNoiseFrom(const Message& message) {
  DeviceNoise noise;
  Read(message, "kind", noise.kind);
  Read(message, "noise_multiplier", noise.noise_multiplier);
  switch (noise.kind) {
    case DeviceNoise::Kind::kLocal:
    case DeviceNoise::Kind::kDiscreteGaussian:
    case DeviceNoise::Kind::kSkellam:
      return noise;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("kind ", static_cast<int64_t>(noise.kind),
                   " is unknown, expected local, discrete_gaussian or "
                   "skellam"));
}

// REQUIRES: the message around it has passed CheckMessage.
absl::StatusOr<Plan> PlanFrom(const Message& message) {
  Plan plan;
  SHOAL_ASSIGN_OR_RETURN(
      plan.model, PartOf("model", ModelSpecFrom(Part(message, "model"))));
  SHOAL_ASSIGN_OR_RETURN(
      plan.training,
      PartOf("training", TrainingFrom(Part(message, "training"))));
  // Whose rounds a device does not know from elsewhere.
  const absl::Status schedule = learning::CheckSchedule(plan.training.schedule);
  if (!schedule.ok()) return RefusePart("training.schedule", schedule);
  SHOAL_ASSIGN_OR_RETURN(
      plan.algorithm,
      PartOf("algorithm", AlgorithmFrom(Part(message, "algorithm"))));
  SHOAL_ASSIGN_OR_RETURN(
      plan.limits, PartOf("device_limits",
                          DeviceLimitsFrom(Part(message, "device_limits"))));
  Read(message, "norm_bound", plan.norm_bound);
  Read(message, "max_examples", plan.max_examples);
  uint32_t codec = 0;
  Read(message, "update_codec", codec);
  if (!IsKnownCodec(codec)) {
    return RefusalError(
        RefusalCode::kBadRequest,
        absl::StrCat("assignment.plan.update_codec: ", codec,
                     " is unknown, expected one that was offered"));
  }
  plan.codec = static_cast<learning::UpdateCodec>(codec);
  Read(message, "idle_window", plan.idle_window);
  if (schema::Has(message, "secure_aggregation")) {
    SHOAL_ASSIGN_OR_RETURN(
        plan.secure_aggregation,
        PartOf("secure_aggregation",
               SecureAggregationFrom(Part(message, "secure_aggregation"))));
  }
  Read(message, "uniform_weights", plan.uniform_weights);
  Read(message, "noisy_sums", plan.noisy_sums);
  if (schema::Has(message, "device_noise")) {
    SHOAL_ASSIGN_OR_RETURN(
        plan.device_noise,
        PartOf("device_noise", DeviceNoiseFrom(Part(message, "device_noise"))));
  }
  Read(message, "clip_layers", plan.clip_layers);
  Read(message, "clip_votes", plan.clip_votes);
  return plan;
}

void WriteAssignment(const Assignment& assignment, Message& message) {
  Write(message, "token", assignment.token);
  Write(message, "task", assignment.task);
  Write(message, "round_id", assignment.round_id);
  Write(message, "round_number", assignment.round_number);
  schema::MutablePart(message, "model") = ToSchema(assignment.model);
  Write(message, "time_left", assignment.time_left);
  WritePlan(assignment.plan, schema::MutablePart(message, "plan"));
  if (assignment.secure_aggregation_version != 0) {
    Write(schema::MutablePart(message, "secure_aggregation"), "version",
          assignment.secure_aggregation_version);
  }
}

// REQUIRES: the message around it has passed CheckMessage.
absl::StatusOr<Assignment> AssignmentFrom(const Message& message) {
  Assignment assignment;
  Read(message, "token", assignment.token);
  Read(message, "task", assignment.task);
  Read(message, "round_id", assignment.round_id);
  Read(message, "round_number", assignment.round_number);
  SHOAL_ASSIGN_OR_RETURN(assignment.model,
                         ModelReferenceFrom(Part(message, "model")));
  Read(message, "time_left", assignment.time_left);
  SHOAL_ASSIGN_OR_RETURN(assignment.plan, PlanFrom(Part(message, "plan")));
  Read(Part(message, "secure_aggregation"), "version",
       assignment.secure_aggregation_version);
  return assignment;
}

RetryAfter RetryAfterFrom(const Message& message) {
  RetryAfter retry;
  Read(message, "delay", retry.delay);
  Read(message, "code", retry.code);
  Read(message, "sentence", retry.sentence);
  return retry;
}

}  // namespace

Digest DigestOfWork(const Plan& plan, int64_t model_version,
                    int64_t round_number) {
  Message message(schema::TypeNamed("Plan"));
  WritePlan(plan, message);
  return Sha256(absl::StrCat("shoal work ", model_version, " ", round_number,
                             "\n", message.Serialize()));
}

Message ToSchema(const CheckIn& message) {
  Message request(schema::TypeNamed("CheckInRequest"));
  WriteVersion(message.protocol, request);
  Write(request, "population", message.population);
  Write(request, "num_examples", message.num_examples);
  Write(request, "memory_bytes", message.memory_bytes);
  Write(request, "sdk_version", message.sdk_version);
  std::vector<int> codecs;
  for (learning::UpdateCodec codec : message.codecs) {
    codecs.push_back(static_cast<int>(codec));
  }
  Write(request, "update_codecs", codecs);
  if (!message.secure_aggregation_versions.empty()) {
    Write(schema::MutablePart(request, "secure_aggregation"), "versions",
          std::vector<int>(message.secure_aggregation_versions.begin(),
                           message.secure_aggregation_versions.end()));
  }
  Write(request, "private_updates", message.private_updates);
  return request;
}

absl::StatusOr<CheckIn> CheckInFrom(const Message& request) {
  CheckIn message;
  SHOAL_ASSIGN_OR_RETURN(message.protocol, CompatibleVersion(request));
  SHOAL_RETURN_IF_ERROR(CheckMessage(request));
  Read(request, "population", message.population);
  Read(request, "num_examples", message.num_examples);
  Read(request, "memory_bytes", message.memory_bytes);
  Read(request, "sdk_version", message.sdk_version);
  std::vector<int> codecs;
  Read(request, "update_codecs", codecs);
  for (const int number : codecs) {
    if (!IsKnownCodec(static_cast<uint32_t>(number))) continue;
    message.codecs.push_back(static_cast<learning::UpdateCodec>(number));
  }
  std::vector<int> versions;
  Read(Part(request, "secure_aggregation"), "versions", versions);
  message.secure_aggregation_versions.assign(versions.begin(), versions.end());
  Read(request, "private_updates", message.private_updates);
  return message;
}

Message ToSchema(const CheckInAnswer& message) {
  Message response(schema::TypeNamed("CheckInResponse"));
  WriteVersion(message.protocol, response);
  if (const auto* assignment = std::get_if<Assignment>(&message.answer)) {
    WriteAssignment(*assignment, schema::MutablePart(response, "assignment"));
  } else {
    const RetryAfter& retry = std::get<RetryAfter>(message.answer);
    Message& part = schema::MutablePart(response, "retry_after");
    Write(part, "delay", retry.delay);
    Write(part, "code", retry.code);
    Write(part, "sentence", CutSentence(retry.sentence));
  }
  return response;
}

absl::StatusOr<CheckInAnswer> CheckInAnswerFrom(const Message& response) {
  CheckInAnswer message;
  SHOAL_ASSIGN_OR_RETURN(message.protocol, CompatibleVersion(response));
  SHOAL_RETURN_IF_ERROR(CheckMessage(response));
  if (schema::Has(response, "assignment")) {
    SHOAL_ASSIGN_OR_RETURN(message.answer,
                           AssignmentFrom(Part(response, "assignment")));
  } else {
    message.answer = RetryAfterFrom(Part(response, "retry_after"));
  }
  return message;
}

Message ToSchema(const UploadHeader& message) {
  Message header(schema::TypeNamed("UploadHeader"));
  Write(header, "token", message.token);
  Write(header, "digest", message.digest.AsBytes());
  Write(header, "num_bytes", message.num_bytes);
  Write(header, "offset", message.offset);
  return header;
}

absl::StatusOr<UploadHeader> UploadHeaderFrom(const Message& header) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(header));
  UploadHeader message;
  Read(header, "token", message.token);
  message.digest = CheckedDigest(header);
  Read(header, "num_bytes", message.num_bytes);
  Read(header, "offset", message.offset);
  if (message.offset <= message.num_bytes) return message;
  return RefusalError(
      RefusalCode::kBadRequest,
      absl::StrCat("offset: ", message.offset, ", expected at most the ",
                   message.num_bytes, " bytes of the update"));
}

Message ToSchema(const UploadReceipt& message) {
  Message receipt(schema::TypeNamed("UploadReceipt"));
  Write(receipt, "round_id", message.round_id);
  Write(receipt, "digest", message.digest.AsBytes());
  Write(receipt, "segment_id", message.segment_id);
  Write(receipt, "next_check_in", message.next_check_in);
  return receipt;
}

absl::StatusOr<UploadReceipt> UploadReceiptFrom(const Message& receipt) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(receipt));
  UploadReceipt message;
  Read(receipt, "round_id", message.round_id);
  message.digest = CheckedDigest(receipt);
  Read(receipt, "segment_id", message.segment_id);
  Read(receipt, "next_check_in", message.next_check_in);
  return message;
}

Message ToSchema(const UploadProgress& message) {
  Message response(schema::TypeNamed("QueryUploadResponse"));
  Write(response, "received_bytes", message.received_bytes);
  if (message.receipt.has_value()) {
    schema::MutablePart(response, "receipt") = ToSchema(*message.receipt);
  }
  return response;
}

absl::StatusOr<UploadProgress> UploadProgressFrom(const Message& response) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(response));
  UploadProgress message;
  Read(response, "received_bytes", message.received_bytes);
  if (schema::Has(response, "receipt")) {
    SHOAL_ASSIGN_OR_RETURN(message.receipt,
                           UploadReceiptFrom(Part(response, "receipt")));
  }
  return message;
}

Message ToSchema(const AggregateRequest& message) {
  Message request(schema::TypeNamed("AggregateRequest"));
  Write(request, "token", message.token);
  Write(request, "message", message.message);
  WriteSession(message.session, request);
  return request;
}

absl::StatusOr<AggregateRequest> AggregateRequestFrom(const Message& request) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(request));
  AggregateRequest message;
  Read(request, "token", message.token);
  Read(request, "message", message.message);
  SHOAL_ASSIGN_OR_RETURN(message.session, SessionFrom(request));
  return message;
}

Message ToSchema(const AggregateAnswer& message) {
  Message response(schema::TypeNamed("AggregateResponse"));
  WriteSession(message.session, response);
  if (const auto* group = std::get_if<GroupMessage>(&message.next)) {
    Write(response, "message", group->bytes);
  } else if (const auto* wait = std::get_if<GroupWait>(&message.next)) {
    Write(response, "wait", wait->delay);
  } else if (const auto* afresh = std::get_if<GroupAfresh>(&message.next)) {
    Write(response, "afresh", CutSentence(afresh->why));
  } else {
    schema::MutablePart(response, "receipt") =
        ToSchema(std::get<UploadReceipt>(message.next));
  }
  return response;
}

absl::StatusOr<AggregateAnswer> AggregateAnswerFrom(const Message& response) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(response));
  AggregateAnswer message;
  SHOAL_ASSIGN_OR_RETURN(message.session, SessionFrom(response));
  const absl::string_view chosen = schema::Chosen(response);
  if (chosen == "message") {
    GroupMessage group;
    Read(response, "message", group.bytes);
    message.next = std::move(group);
  } else if (chosen == "wait") {
    GroupWait wait;
    Read(response, "wait", wait.delay);
    message.next = wait;
  } else if (chosen == "afresh") {
    GroupAfresh afresh;
    Read(response, "afresh", afresh.why);
    message.next = std::move(afresh);
  } else if (chosen == "receipt") {
    SHOAL_ASSIGN_OR_RETURN(message.next,
                           UploadReceiptFrom(Part(response, "receipt")));
  } else {
    return RefusalError(RefusalCode::kBadRequest,
                        "AggregateResponse: the answer is missing");
  }
  return message;
}

Message ToSchema(const ModelReference& message) {
  Message reference(schema::TypeNamed("ModelReference"));
  Write(reference, "digest", message.digest.AsBytes());
  Write(reference, "num_bytes", message.num_bytes);
  Write(reference, "version", message.version);
  return reference;
}

absl::StatusOr<ModelReference> ModelReferenceFrom(const Message& reference) {
  SHOAL_RETURN_IF_ERROR(CheckMessage(reference));
  ModelReference message;
  message.digest = CheckedDigest(reference);
  Read(reference, "num_bytes", message.num_bytes);
  Read(reference, "version", message.version);
  return message;
}

std::string ErrorDetails(const absl::Status& status) {
  const std::optional<Refusal> refusal = RefusalOf(status);
  if (!refusal.has_value()) return "";
  Message message(schema::TypeNamed("Refusal"));
  Write(message, "code", ToString(refusal->code));
  Write(message, "sentence", CutSentence(refusal->sentence));
  Write(message, "retry_after", refusal->retry_after);
  // The schema counts from 1: its 0 is "not specified".
  Write(message, "fault", static_cast<int>(InfoOf(refusal->code).fault) + 1);
  return message.Serialize();
}

absl::Status StatusFromWire(absl::StatusCode code, absl::string_view message,
                            absl::string_view details) {
  if (code == absl::StatusCode::kOk) return absl::OkStatus();
  Message refusal(schema::TypeNamed("Refusal"));
  if (!details.empty() && refusal.Parse(details).ok() &&
      CheckMessage(refusal).ok()) {
    std::string name;
    std::string sentence;
    absl::Duration retry_after;
    Read(refusal, "code", name);
    Read(refusal, "sentence", sentence);
    Read(refusal, "retry_after", retry_after);
    const std::optional<RefusalCode> known = RefusalCodeFromName(name);
    if (known.has_value()) return RefusalError(*known, sentence, retry_after);
  }
  return absl::Status(code, message);
}

}  // namespace shoal::protocol
