#include "protocol/wire.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/codec.h"
#include "protocol/refusal.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Plan ExamplePlan() {
  Plan plan;
  plan.model.architecture = learning::MlpSpec{784, {200, 100}, 10};
  plan.training = {.epochs = 2,
                   .batch_size = 10,
                   .learning_rate = 0.05,
                   .schedule = {learning::CosineRate{0.1, 100}, 5},
                   .optimizer = {learning::SgdOptimizer{0.9, true, 1e-4}, 1.5},
                   .micro_batch_size = 5,
                   .last_layers = 2,
                   .keep_order = true};
  plan.algorithm = learning::FedProxLocal{0.1};
  plan.limits = {2.5, int64_t{32} << 20, int64_t{1} << 20};
  plan.norm_bound = 1000;
  plan.max_examples = 5000;
  plan.idle_window = absl::Seconds(30);
  return plan;
}

ModelReference ExampleModel() { return {Sha256("model"), 4711, 12}; }

Assignment ExampleAssignment() {
  Assignment assignment;
  assignment.token = std::string("\x01token\x00\xff", 8);
  assignment.task = "digits";
  assignment.round_id = 77;
  assignment.round_number = 13;
  assignment.model = ExampleModel();
  assignment.time_left = absl::Milliseconds(59'500);
  assignment.plan = ExamplePlan();
  assignment.secure_aggregation_version = 1;
  return assignment;
}

UploadReceipt ExampleReceipt() {
  return {77, Sha256("update"), 5, absl::Minutes(3)};
}

template <typename T>
void ExpectBadRequest(const absl::StatusOr<T>& result,
                      const std::string& sentence) {
  ASSERT_FALSE(result.ok());
  const std::optional<Refusal> refusal = RefusalOf(result.status());
  ASSERT_TRUE(refusal.has_value()) << result.status();
  EXPECT_EQ(refusal->code, RefusalCode::kBadRequest);
  EXPECT_THAT(refusal->sentence, HasSubstr(sentence));
}

TEST(WireTimeTest, TimesAndDurationsComeBack) {
  const absl::Time time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  EXPECT_EQ(FromProto(ToProto(time)), time);
  EXPECT_EQ(FromProto(ToProto(absl::UnixEpoch() - absl::Nanoseconds(1))),
            absl::UnixEpoch() - absl::Nanoseconds(1));
  EXPECT_EQ(FromProto(ToProto(absl::Nanoseconds(-1'500'000'001))),
            absl::Nanoseconds(-1'500'000'001));
}

TEST(WireTimeTest, InfiniteDurationsBecomeTheLongest) {
  EXPECT_EQ(FromProto(ToProto(absl::InfiniteDuration())),
            absl::Seconds(315'576'000'000));
  EXPECT_EQ(ToProto(absl::InfiniteFuture()).nanos(), 0);
}

TEST(WirePartsTest, ImpossibleOptionsNameTheirPath) {
  v1::ModelDefinition model;
  model.mutable_mlp()->set_inputs(784);
  model.mutable_mlp()->set_outputs(1);
  EXPECT_THAT(FromProto(model), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("mlp.outputs: 1")));
  v1::Algorithm algorithm;
  algorithm.mutable_fedprox()->set_mu(-1);
  EXPECT_THAT(FromProto(algorithm), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("fedprox.mu: -1")));
  EXPECT_THAT(FromProto(v1::Algorithm()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("one of fedavg, fedprox")));
}

TEST(WirePartsTest, AbsentLimitsStayAbsent) {
  EXPECT_THAT(FromProto(ToProto(DeviceLimits())), IsOkAndHolds(DeviceLimits()));
}

TEST(WireCheckInTest, ComesBack) {
  CheckIn message;
  message.population = "pumps";
  message.num_examples = 321;
  message.memory_bytes = int64_t{8} << 30;
  message.sdk_version = "0.1.0 (g++ 12.2.0)";
  message.codecs = {learning::UpdateCodec::kFloat32};
  message.secure_aggregation_versions = {1, 2};
  message.private_updates = true;
  SHOAL_ASSERT_OK_AND_ASSIGN(const CheckIn back, FromProto(ToProto(message)));
  EXPECT_EQ(back.protocol, message.protocol);
  EXPECT_EQ(back.population, message.population);
  EXPECT_EQ(back.num_examples, message.num_examples);
  EXPECT_EQ(back.memory_bytes, message.memory_bytes);
  EXPECT_EQ(back.sdk_version, message.sdk_version);
  EXPECT_EQ(back.codecs, message.codecs);
  EXPECT_EQ(back.secure_aggregation_versions,
            message.secure_aggregation_versions);
  EXPECT_TRUE(back.private_updates);
}

v1::CheckInRequest ExampleRequest() {
  CheckIn message;
  message.population = "pumps";
  return ToProto(message);
}

TEST(WireCheckInTest, AnotherMajorVersionIsToldSo) {
  v1::CheckInRequest request;  // whose other fields mean nothing here
  request.mutable_protocol()->set_major(kProtocolVersion.major + 1);
  const absl::StatusOr<CheckIn> result = FromProto(request);
  EXPECT_EQ(RefusalOf(result.status())->code,
            RefusalCode::kProtocolIncompatible);
}

TEST(WireCheckInTest, ANewerMinorVersionIsUnderstood) {
  v1::CheckInRequest request = ExampleRequest();
  request.mutable_protocol()->set_minor(kProtocolVersion.minor + 1);
  EXPECT_THAT(FromProto(request), IsOk());
}

TEST(WireCheckInTest, CodecsOfTheFutureArePassedOver) {
  v1::CheckInRequest request = ExampleRequest();
  request.add_update_codecs(9999);
  request.add_update_codecs(1);
  SHOAL_ASSERT_OK_AND_ASSIGN(const CheckIn message, FromProto(request));
  EXPECT_THAT(message.codecs, ElementsAre(learning::UpdateCodec::kFloat32));
}

TEST(WireCheckInTest, FieldsOutOfBoundsAreNamed) {
  v1::CheckInRequest request = ExampleRequest();
  request.set_population("../etc");
  ExpectBadRequest(FromProto(request), "population:");
  request = ExampleRequest();
  request.set_num_examples(std::numeric_limits<uint64_t>::max());
  ExpectBadRequest(FromProto(request), "num_examples:");
  request = ExampleRequest();
  request.set_memory_bytes(std::numeric_limits<uint64_t>::max());
  ExpectBadRequest(FromProto(request), "memory_bytes:");
  request = ExampleRequest();
  request.set_sdk_version("line\nbreak");
  ExpectBadRequest(FromProto(request), "sdk_version:");
  request = ExampleRequest();
  for (int i = 0; i < 33; ++i) request.add_update_codecs(1);
  ExpectBadRequest(FromProto(request), "update_codecs:");
}

TEST(WireCheckInAnswerTest, AnAssignmentComesBack) {
  CheckInAnswer message;
  message.protocol = kProtocolVersion;
  message.answer = ExampleAssignment();
  SHOAL_ASSERT_OK_AND_ASSIGN(const CheckInAnswer back,
                             FromProto(ToProto(message)));
  EXPECT_EQ(back.protocol, kProtocolVersion);
  const Assignment& assignment = std::get<Assignment>(back.answer);
  const Assignment expected = ExampleAssignment();
  EXPECT_EQ(assignment.token, expected.token);
  EXPECT_EQ(assignment.task, expected.task);
  EXPECT_EQ(assignment.round_id, expected.round_id);
  EXPECT_EQ(assignment.round_number, expected.round_number);
  EXPECT_EQ(assignment.model, expected.model);
  EXPECT_EQ(assignment.time_left, expected.time_left);
  EXPECT_EQ(assignment.plan, expected.plan);
  EXPECT_EQ(DigestOfWork(assignment.plan, 12, 13),
            DigestOfWork(expected.plan, 12, 13));
  EXPECT_EQ(assignment.secure_aggregation_version,
            expected.secure_aggregation_version);
}

TEST(WireCheckInAnswerTest, AdviceToRetryComesBack) {
  CheckInAnswer message;
  message.protocol = kProtocolVersion;
  message.answer = RetryAfter{absl::Seconds(17), "round_full", "26 of 26"};
  SHOAL_ASSERT_OK_AND_ASSIGN(const CheckInAnswer back,
                             FromProto(ToProto(message)));
  const RetryAfter& retry = std::get<RetryAfter>(back.answer);
  EXPECT_EQ(retry.delay, absl::Seconds(17));
  EXPECT_EQ(retry.code, "round_full");
  EXPECT_EQ(retry.sentence, "26 of 26");
}

TEST(WireCheckInAnswerTest, ALongSentenceIsCutBetweenCharacters) {
  CheckInAnswer message;
  message.protocol = kProtocolVersion;
  std::string sentence = "x";
  for (int i = 0; i < 1000; ++i) sentence += "\xc3\xa4";
  message.answer = RetryAfter{absl::Seconds(1), "round_full", sentence};
  const v1::CheckInResponse proto = ToProto(message);
  EXPECT_EQ(proto.retry_after().sentence().size(), 1023u);
  EXPECT_THAT(FromProto(proto), IsOk());
}

v1::CheckInResponse ExampleResponse() {
  CheckInAnswer message;
  message.protocol = kProtocolVersion;
  message.answer = ExampleAssignment();
  return ToProto(message);
}

TEST(WireCheckInAnswerTest, FieldsOutOfBoundsAreNamed) {
  v1::CheckInResponse proto = ExampleResponse();
  proto.clear_answer();
  ExpectBadRequest(FromProto(proto), "answer:");
  proto = ExampleResponse();
  proto.mutable_assignment()->set_token(std::string(513, 't'));
  ExpectBadRequest(FromProto(proto), "assignment.token:");
  proto = ExampleResponse();
  proto.mutable_assignment()->mutable_model()->set_digest("short");
  ExpectBadRequest(FromProto(proto), "assignment.model.digest:");
  proto = ExampleResponse();
  proto.mutable_assignment()->mutable_model()->set_num_bytes(0);
  ExpectBadRequest(FromProto(proto), "assignment.model.num_bytes:");
  proto = ExampleResponse();
  proto.mutable_assignment()->mutable_time_left()->set_seconds(-1);
  ExpectBadRequest(FromProto(proto), "assignment.time_left:");
  proto = ExampleResponse();
  proto.mutable_assignment()->mutable_plan()->clear_algorithm();
  ExpectBadRequest(FromProto(proto), "assignment.plan.algorithm:");
  proto = ExampleResponse();
  proto.mutable_assignment()->mutable_plan()->set_norm_bound(
      std::numeric_limits<double>::infinity());
  ExpectBadRequest(FromProto(proto), "assignment.plan.norm_bound:");
  proto = ExampleResponse();
  proto.mutable_assignment()->mutable_plan()->set_update_codec(2);
  ExpectBadRequest(FromProto(proto), "assignment.plan.update_codec:");
}

TEST(WireCheckInAnswerTest, PartsOfAPlanThatMakeNoSenseAreNamed) {
  const auto plan = [](v1::CheckInResponse& proto) -> v1::Plan& {
    return *proto.mutable_assignment()->mutable_plan();
  };
  v1::CheckInResponse proto = ExampleResponse();
  plan(proto).mutable_model()->mutable_preprocessing()->set_mask(true);
  ExpectBadRequest(FromProto(proto),
                   "assignment.plan.model: preprocessing.mask:");
  proto = ExampleResponse();
  plan(proto).mutable_training()->set_micro_batch_size(11);
  ExpectBadRequest(FromProto(proto),
                   "assignment.plan.training: micro_batch_size:");
  proto = ExampleResponse();
  v1::Algorithm& algorithm = *plan(proto).mutable_algorithm();
  algorithm.GetReflection()->MutableUnknownFields(&algorithm)->AddVarint(99, 1);
  ExpectBadRequest(FromProto(proto), "assignment.plan.algorithm: ");
}

// Those of the task are not in the plan.
TEST(WireCheckInAnswerTest, ACosineInAPlanHasItsRounds) {
  v1::CheckInResponse proto = ExampleResponse();
  v1::Training& training =
      *proto.mutable_assignment()->mutable_plan()->mutable_training();
  training.mutable_schedule()->mutable_cosine()->clear_rounds();
  ExpectBadRequest(FromProto(proto),
                   "assignment.plan.training.schedule: cosine.rounds is 0");
}

TEST(WireUploadTest, HeadersComeBack) {
  const UploadHeader message = {"token", Sha256("update"), 1000, 400};
  SHOAL_ASSERT_OK_AND_ASSIGN(const UploadHeader back,
                             FromProto(ToProto(message)));
  EXPECT_EQ(back.token, message.token);
  EXPECT_EQ(back.digest, message.digest);
  EXPECT_EQ(back.num_bytes, message.num_bytes);
  EXPECT_EQ(back.offset, message.offset);
}

TEST(WireUploadTest, ImpossibleHeadersAreNamed) {
  const v1::UploadHeader good = ToProto({"token", Sha256("u"), 1000, 0});
  v1::UploadHeader proto = good;
  proto.set_token("");
  ExpectBadRequest(FromProto(proto), "token:");
  proto = good;
  proto.set_token(std::string(513, 't'));
  ExpectBadRequest(FromProto(proto), "token:");
  proto = good;
  proto.set_digest(std::string(31, 'd'));
  ExpectBadRequest(FromProto(proto), "digest: 31 bytes, expected 32");
  proto = good;
  proto.set_num_bytes(0);
  ExpectBadRequest(FromProto(proto), "num_bytes:");
  proto = good;
  proto.set_num_bytes(std::numeric_limits<uint64_t>::max());
  ExpectBadRequest(FromProto(proto), "num_bytes:");
  proto = good;
  proto.set_offset(1001);
  ExpectBadRequest(FromProto(proto), "offset:");
}

TEST(WireUploadTest, ReceiptsAndProgressComeBack) {
  UploadProgress message;
  message.received_bytes = 123;
  SHOAL_ASSERT_OK_AND_ASSIGN(UploadProgress back, FromProto(ToProto(message)));
  EXPECT_EQ(back.received_bytes, 123);
  EXPECT_FALSE(back.receipt.has_value());
  message.receipt = ExampleReceipt();
  SHOAL_ASSERT_OK_AND_ASSIGN(back, FromProto(ToProto(message)));
  ASSERT_TRUE(back.receipt.has_value());
  EXPECT_EQ(back.receipt->round_id, 77);
  EXPECT_EQ(back.receipt->digest, Sha256("update"));
  EXPECT_EQ(back.receipt->segment_id, 5);
  EXPECT_EQ(back.receipt->next_check_in, absl::Minutes(3));
}

TEST(WireUploadTest, AReceiptWithoutADigestIsRefused) {
  UploadProgress message;
  message.receipt = ExampleReceipt();
  v1::QueryUploadResponse proto = ToProto(message);
  proto.mutable_receipt()->clear_digest();
  ExpectBadRequest(FromProto(proto), "receipt.digest:");
}

TEST(WireModelReferenceTest, ComesBack) {
  EXPECT_THAT(FromProto(ToProto(ExampleModel())), IsOkAndHolds(ExampleModel()));
}

TEST(WireAbandonTest, EveryReasonComesBack) {
  for (int number = 1; number <= 7; ++number) {
    const AbandonReason reason = static_cast<AbandonReason>(number);
    EXPECT_THAT(FromProto(ToProto(reason)), IsOkAndHolds(reason));
  }
}

TEST(WireAbandonTest, UnknownReasonsAreRefused) {
  ExpectBadRequest(FromProto(v1::ABANDON_REASON_UNSPECIFIED), "reason: 0");
  ExpectBadRequest(FromProto(static_cast<v1::AbandonReason>(99)), "reason: 99");
}

TEST(WireRefusalTest, EveryRefusalComesBack) {
  for (const RefusalInfo& info : AllRefusals()) {
    const absl::Status sent =
        RefusalError(info.code, "because of 7", absl::Seconds(9));
    const absl::Status received = StatusFromWire(
        sent.code(), absl::string_view(sent.message()), ErrorDetails(sent));
    EXPECT_EQ(received, sent);
  }
}

TEST(WireRefusalTest, AnOrdinaryErrorHasNoDetails) {
  const absl::Status sent = absl::InternalError("broken");
  EXPECT_EQ(ErrorDetails(sent), "");
  EXPECT_EQ(StatusFromWire(sent.code(), "broken", ""), sent);
}

TEST(WireRefusalTest, DetailsThatMakeNoSenseLeaveCodeAndMessage) {
  v1::Refusal unknown;
  unknown.set_code("from_the_future");
  v1::Refusal negative;
  negative.set_code("round_full");
  negative.mutable_retry_after()->set_seconds(-5);
  for (const std::string& details :
       {std::string("garbage"), unknown.SerializeAsString(),
        negative.SerializeAsString()}) {
    EXPECT_EQ(StatusFromWire(absl::StatusCode::kUnavailable, "x", details),
              absl::UnavailableError("x"));
  }
}

}  // namespace
}  // namespace shoal::protocol
