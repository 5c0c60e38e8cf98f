// What devices and coordinator say about secure aggregation outside of groups:
// settings in a plan, and the calls that carry a group's messages.
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/codec.h"
#include "protocol/refusal.h"
#include "protocol/wire.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::testing::HasSubstr;

using secure_aggregation::CoordinatorTrust;

template <typename T>
void ExpectBadRequest(const absl::StatusOr<T>& result,
                      const std::string& sentence) {
  ASSERT_FALSE(result.ok());
  const std::optional<Refusal> refusal = RefusalOf(result.status());
  ASSERT_TRUE(refusal.has_value()) << result.status();
  EXPECT_EQ(refusal->code, RefusalCode::kBadRequest);
  EXPECT_THAT(refusal->sentence, HasSubstr(sentence));
}

// --- settings ----------------------------------------------------------------

SecureAggregation ExampleSettings() {
  return {.min_group = 5,
          .max_group = 70,
          .adversary_fraction = 0.25,
          .dropout_fraction = 0.125,
          .coordinator = CoordinatorTrust::kSemiMalicious,
          .bits = 12,
          .rotation = false};
}

CheckInAnswer AnswerWith(const std::optional<SecureAggregation>& settings,
                         bool uniform_weights) {
  Assignment assignment;
  assignment.token = "token";
  assignment.task = "digits";
  assignment.model = {Sha256("model"), 4711, 12};
  assignment.time_left = absl::Minutes(1);
  assignment.plan.model.architecture = learning::LogisticSpec{4, 3};
  assignment.plan.training.learning_rate = 0.1;
  assignment.plan.norm_bound = 1000;
  assignment.plan.max_examples = 5000;
  assignment.plan.idle_window = absl::Seconds(30);
  assignment.plan.secure_aggregation = settings;
  assignment.plan.uniform_weights = uniform_weights;
  return {kProtocolVersion, assignment};
}

TEST(SecureAggregationWireTest, SettingsComeBack) {
  SecureAggregation settings = ExampleSettings();
  for (const CoordinatorTrust trust :
       {CoordinatorTrust::kHonest, CoordinatorTrust::kSemiMalicious,
        CoordinatorTrust::kMalicious}) {
    settings.coordinator = trust;
    EXPECT_THAT(FromProto(ToProto(settings)), IsOkAndHolds(settings));
  }
}

TEST(SecureAggregationWireTest, SettingsAreWrittenInWholeToTheirFields) {
  const v1::SecureAggregation proto = ToProto(ExampleSettings());
  EXPECT_EQ(proto.min_group(), 5u);
  EXPECT_EQ(proto.max_group(), 70u);
  EXPECT_EQ(proto.adversary_fraction(), 0.25);
  EXPECT_EQ(proto.dropout_fraction(), 0.125);
  EXPECT_EQ(proto.coordinator(), v1::COORDINATOR_TRUST_SEMI_MALICIOUS);
  EXPECT_EQ(proto.bits(), 12u);
  EXPECT_TRUE(proto.has_rotation());
  EXPECT_FALSE(proto.rotation());
}

TEST(SecureAggregationWireTest, WhatIsNotGivenHasItsDefault) {
  v1::SecureAggregation proto;
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(SecureAggregation()));
  SecureAggregation malicious;
  malicious.coordinator = CoordinatorTrust::kMalicious;
  malicious.max_group = kMaxCompleteGroup;
  proto.set_coordinator(v1::COORDINATOR_TRUST_MALICIOUS);
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(malicious));
  malicious.max_group = 30;
  proto.set_max_group(30);
  EXPECT_THAT(FromProto(proto), IsOkAndHolds(malicious));
}

TEST(SecureAggregationWireTest, PlansComeBackWithAndWithoutIt) {
  for (const bool uniform : {false, true}) {
    for (const std::optional<SecureAggregation>& settings :
         {std::optional<SecureAggregation>(),
          std::optional<SecureAggregation>(ExampleSettings())}) {
      const CheckInAnswer sent = AnswerWith(settings, uniform);
      SHOAL_ASSERT_OK_AND_ASSIGN(const CheckInAnswer back,
                                 FromProto(ToProto(sent)));
      EXPECT_EQ(std::get<Assignment>(back.answer).plan,
                std::get<Assignment>(sent.answer).plan);
    }
  }
}

TEST(SecureAggregationWireTest, SettingsOfAPlanOutOfRangeAreNamed) {
  const auto expect = [](const auto& change, const std::string& sentence) {
    v1::CheckInResponse proto = ToProto(AnswerWith(ExampleSettings(), false));
    change(*proto.mutable_assignment()
                ->mutable_plan()
                ->mutable_secure_aggregation());
    ExpectBadRequest(FromProto(proto),
                     "assignment.plan.secure_aggregation." + sentence);
  };
  using Proto = v1::SecureAggregation;
  expect([](Proto& p) { p.set_min_group(2); }, "min_group: 2");
  expect([](Proto& p) { p.set_min_group(1'000'001); }, "min_group: 1000001");
  expect([](Proto& p) { p.set_max_group(2); }, "max_group: 2");
  expect([](Proto& p) { p.set_adversary_fraction(1.5); },
         "adversary_fraction: 1.5");
  expect([](Proto& p) { p.set_dropout_fraction(-0.1); },
         "dropout_fraction: -0.1");
  expect(
      [](Proto& p) {
        p.set_dropout_fraction(std::numeric_limits<double>::quiet_NaN());
      },
      "dropout_fraction:");
  expect([](Proto& p) { p.set_bits(1); }, "bits: 1");
  expect([](Proto& p) { p.set_bits(25); }, "bits: 25");
  expect([](Proto& p) { p.set_coordinator(v1::COORDINATOR_TRUST_UNSPECIFIED); },
         "coordinator: 0");
  expect([](Proto& p) { p.set_coordinator(v1::CoordinatorTrust(4)); },
         "coordinator: 4");
}

// --- the request -------------------------------------------------------------

AggregateRequest ExampleRequest() {
  return {std::string("\x01token\x00\xff", 8), Sha256("group"),
          std::string("to the\0group", 12)};
}

void ExpectEqual(const AggregateRequest& a, const AggregateRequest& b) {
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.session, b.session);
  EXPECT_EQ(a.message, b.message);
}

TEST(AggregateRequestTest, ComesBack) {
  AggregateRequest request = ExampleRequest();
  SHOAL_ASSERT_OK_AND_ASSIGN(AggregateRequest back,
                             FromProto(ToProto(request)));
  ExpectEqual(back, request);
  request.session.reset();
  SHOAL_ASSERT_OK_AND_ASSIGN(back, FromProto(ToProto(request)));
  ExpectEqual(back, request);
  request.message.clear();
  SHOAL_ASSERT_OK_AND_ASSIGN(back, FromProto(ToProto(request)));
  ExpectEqual(back, request);
}

TEST(AggregateRequestTest, BytesAreThoseOfProtobuf) {
  v1::AggregateRequest proto;
  proto.set_token(ExampleRequest().token);
  proto.set_message(ExampleRequest().message);
  proto.set_session(std::string(Sha256("group").AsBytes()));
  EXPECT_EQ(ToSchema(ExampleRequest()).Serialize(), proto.SerializeAsString());
}

TEST(AggregateRequestTest, FieldsOutOfBoundsAreNamed) {
  const v1::AggregateRequest good = ToProto(ExampleRequest());
  v1::AggregateRequest proto = good;
  proto.clear_token();
  ExpectBadRequest(FromProto(proto), "token:");
  proto = good;
  proto.set_token(std::string(513, 't'));
  ExpectBadRequest(FromProto(proto), "token:");
  proto = good;
  proto.set_message(std::string(4'000'001, 'm'));
  ExpectBadRequest(FromProto(proto), "message:");
  for (const int size : {1, 31}) {
    proto = good;
    proto.set_session(std::string(size, 's'));
    ExpectBadRequest(FromProto(proto), "session:");
  }
  proto = good;
  proto.set_session(std::string(33, 's'));
  ExpectBadRequest(FromProto(proto), "session:");
}

// --- the answer --------------------------------------------------------------

UploadReceipt ExampleReceipt() {
  return {77, Sha256("update"), 5, absl::Minutes(3)};
}

template <typename Next>
Next ThereAndBack(const std::optional<Digest>& session, const Next& next) {
  const auto back = FromProto(ToProto(AggregateAnswer{session, next}));
  EXPECT_THAT(back, ::shoal::testing::IsOk());
  if (!back.ok() || !std::holds_alternative<Next>(back->next)) {
    ADD_FAILURE() << "another answer";
    return Next();
  }
  EXPECT_EQ(back->session, session);
  return std::get<Next>(back->next);
}

TEST(AggregateAnswerTest, EveryAnswerComesBack) {
  for (const std::optional<Digest>& session :
       {std::optional<Digest>(), std::optional<Digest>(Sha256("group"))}) {
    EXPECT_EQ(ThereAndBack(session, GroupMessage{"bytes"}).bytes, "bytes");
    EXPECT_EQ(ThereAndBack(session, GroupMessage{""}).bytes, "");
    EXPECT_EQ(ThereAndBack(session, GroupWait{absl::Milliseconds(15)}).delay,
              absl::Milliseconds(15));
    EXPECT_EQ(ThereAndBack(session, GroupWait{}).delay, absl::ZeroDuration());
    EXPECT_EQ(ThereAndBack(session, GroupAfresh{"too few"}).why, "too few");
    const UploadReceipt receipt = ThereAndBack(session, ExampleReceipt());
    EXPECT_EQ(receipt.round_id, 77);
    EXPECT_EQ(receipt.digest, Sha256("update"));
    EXPECT_EQ(receipt.segment_id, 5);
    EXPECT_EQ(receipt.next_check_in, absl::Minutes(3));
  }
}

TEST(AggregateAnswerTest, BytesAreThoseOfProtobuf) {
  v1::AggregateResponse proto;
  proto.set_session(std::string(Sha256("group").AsBytes()));
  proto.set_message("bytes");
  EXPECT_EQ(ToSchema(AggregateAnswer{Sha256("group"), GroupMessage{"bytes"}})
                .Serialize(),
            proto.SerializeAsString());
  *proto.mutable_wait() = ToProto(absl::Milliseconds(1500));
  EXPECT_EQ(ToSchema(AggregateAnswer{Sha256("group"),
                                     GroupWait{absl::Milliseconds(1500)}})
                .Serialize(),
            proto.SerializeAsString());
  *proto.mutable_receipt() = ToProto(ExampleReceipt());
  EXPECT_EQ(
      ToSchema(AggregateAnswer{Sha256("group"), ExampleReceipt()}).Serialize(),
      proto.SerializeAsString());
  proto.set_afresh("too few");
  EXPECT_EQ(ToSchema(AggregateAnswer{Sha256("group"), GroupAfresh{"too few"}})
                .Serialize(),
            proto.SerializeAsString());
}

TEST(AggregateAnswerTest, ALongReasonIsCut) {
  const v1::AggregateResponse proto =
      ToProto(AggregateAnswer{{}, GroupAfresh{std::string(5000, 'x')}});
  EXPECT_EQ(proto.afresh().size(), 1024u);
  EXPECT_THAT(FromProto(proto), ::shoal::testing::IsOk());
}

TEST(AggregateAnswerTest, FieldsOutOfBoundsAreNamed) {
  v1::AggregateResponse proto;
  ExpectBadRequest(FromProto(proto), "answer");
  proto.set_message(std::string(4'000'001, 'm'));
  ExpectBadRequest(FromProto(proto), "message:");
  proto.mutable_wait()->set_seconds(-1);
  ExpectBadRequest(FromProto(proto), "wait:");
  proto.mutable_wait()->set_seconds(3601);
  ExpectBadRequest(FromProto(proto), "wait:");
  proto.set_afresh(std::string(1025, 'x'));
  ExpectBadRequest(FromProto(proto), "afresh:");
  *proto.mutable_receipt() = ToProto(ExampleReceipt());
  proto.mutable_receipt()->clear_digest();
  ExpectBadRequest(FromProto(proto), "receipt.digest:");
  proto.set_message("fine");
  for (const int size : {1, 31, 33}) {
    proto.set_session(std::string(size, 's'));
    ExpectBadRequest(FromProto(proto), "session:");
  }
}

}  // namespace
}  // namespace shoal::protocol
