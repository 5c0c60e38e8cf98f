// What every Transport does, whatever carries its calls. To run it:
//
//   class MyCoordinator : public TransportCoordinator { … };
//   INSTANTIATE_TEST_SUITE_P(Mine, TransportConformanceTest,
//                            ::testing::Values([] { return …; }));
#ifndef SHOAL_TESTS_SUPPORT_TRANSPORT_CONFORMANCE_H_
#define SHOAL_TESTS_SUPPORT_TRANSPORT_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "client/transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/update_codec.h"
#include "protocol/refusal.h"
#include "tests/support/status_matchers.h"
#include "tests/support/transport_calls.h"

namespace shoal::testing {

// A coordinator that a transport can reach. It has one running round that
// admits devices of population().
class TransportCoordinator {
 public:
  virtual ~TransportCoordinator() = default;
  // A transport of a device that has not checked in yet. The coordinator
  // outlives it.
  virtual std::unique_ptr<client::Transport> Connect() = 0;
  virtual std::string population() const = 0;
};
using TransportCoordinatorFactory =
    std::function<std::unique_ptr<TransportCoordinator>()>;

class TransportConformanceTest
    : public ::testing::TestWithParam<TransportCoordinatorFactory> {
 protected:
  TransportConformanceTest()
      : coordinator_(GetParam()()), transport_(coordinator_->Connect()) {}

  protocol::CheckIn Greeting() const {
    protocol::CheckIn message;
    message.population = coordinator_->population();
    message.num_examples = 10;
    message.sdk_version = "test";
    message.codecs = {learning::UpdateCodec::kFloat32};
    return message;
  }

  protocol::Assignment Assigned() {
    const auto answer = CheckIn(*transport_, Greeting());
    EXPECT_THAT(answer, IsOk());
    if (!answer.ok()) return {};
    const auto* assignment = std::get_if<protocol::Assignment>(&answer->answer);
    EXPECT_NE(assignment, nullptr);
    return assignment != nullptr ? *assignment : protocol::Assignment();
  }

  // An update of zeros; `num_steps` makes different ones.
  static std::string Update(const protocol::Assignment& assignment,
                            int64_t num_steps = 1) {
    const auto model = learning::Model::Create(assignment.plan.model);
    EXPECT_THAT(model, IsOk());
    const std::vector<float> delta((*model)->layout().num_parameters());
    return learning::EncodeUpdate(
        assignment.plan.codec,
        {.num_examples = 10, .num_steps = num_steps, .base_loss_sum = 1},
        delta);
  }

  static protocol::UploadHeader HeaderOf(const protocol::Assignment& assignment,
                                         const std::string& update) {
    return {assignment.token, Sha256(update),
            static_cast<int64_t>(update.size()), 0};
  }

  static void ExpectRefusal(const absl::Status& status,
                            protocol::RefusalCode code) {
    const auto refusal = protocol::RefusalOf(status);
    ASSERT_TRUE(refusal.has_value()) << status;
    EXPECT_EQ(refusal->code, code) << status;
    EXPECT_FALSE(refusal->sentence.empty());
  }

  std::unique_ptr<TransportCoordinator> coordinator_;
  std::unique_ptr<client::Transport> transport_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TransportConformanceTest);

TEST_P(TransportConformanceTest, UnknownPopulationIsToldToComeBack) {
  protocol::CheckIn message = Greeting();
  message.population = "nobody";
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto answer, CheckIn(*transport_, message));
  const auto* later = std::get_if<protocol::RetryAfter>(&answer.answer);
  ASSERT_NE(later, nullptr);
  EXPECT_EQ(later->code, "no_task");
  EXPECT_GE(later->delay, absl::ZeroDuration());
}

TEST_P(TransportConformanceTest, CheckInBringsAnAssignment) {
  const protocol::Assignment assignment = Assigned();
  EXPECT_FALSE(assignment.token.empty());
  EXPECT_FALSE(assignment.task.empty());
  EXPECT_GT(assignment.time_left, absl::ZeroDuration());
  EXPECT_GT(assignment.model.num_bytes, 0);
}

TEST_P(TransportConformanceTest, ModelArrivesWhole) {
  const protocol::Assignment assignment = Assigned();
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes,
                             Fetch(*transport_, assignment.model.digest, 0));
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), assignment.model.num_bytes);
  EXPECT_EQ(Sha256(bytes), assignment.model.digest);
}

TEST_P(TransportConformanceTest, ModelIsFetchedFromAnOffset) {
  const protocol::Assignment assignment = Assigned();
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string whole,
                             Fetch(*transport_, assignment.model.digest, 0));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string rest,
                             Fetch(*transport_, assignment.model.digest, 13));
  EXPECT_EQ(rest, whole.substr(13));
}

TEST_P(TransportConformanceTest, UnknownModelIsRefused) {
  ExpectRefusal(Fetch(*transport_, Sha256("no model"), 0).status(),
                protocol::RefusalCode::kUnknownModel);
}

TEST_P(TransportConformanceTest, ErrorOfTheSinkEndsTheFetch) {
  const protocol::Assignment assignment = Assigned();
  const absl::Status status = FetchInto(
      *transport_, assignment.model.digest, 0,
      [](absl::string_view) { return absl::ResourceExhaustedError("full"); });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "full"));
}

TEST_P(TransportConformanceTest, ReceivedBytesAreThoseOfTheModel) {
  const protocol::Assignment assignment = Assigned();
  SHOAL_ASSERT_OK(Fetch(*transport_, assignment.model.digest, 0).status());
  EXPECT_EQ(transport_->bytes_received(), assignment.model.num_bytes);
}

TEST_P(TransportConformanceTest, NothingIsHeldBeforeTheUpload) {
  const protocol::Assignment assignment = Assigned();
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const protocol::UploadProgress progress,
      QueryUpload(*transport_, assignment.token, Sha256(Update(assignment))));
  EXPECT_EQ(progress.received_bytes, 0);
  EXPECT_FALSE(progress.receipt.has_value());
}

TEST_P(TransportConformanceTest, UploadBringsAReceipt) {
  const protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const protocol::UploadReceipt receipt,
      Upload(*transport_, HeaderOf(assignment, update), update));
  EXPECT_EQ(receipt.digest, Sha256(update));
  EXPECT_EQ(receipt.round_id, assignment.round_id);
  EXPECT_EQ(transport_->bytes_sent(), static_cast<int64_t>(update.size()));
}

TEST_P(TransportConformanceTest, ReceiptCanBeAskedForAgain) {
  const protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  SHOAL_ASSERT_OK(Upload(*transport_, HeaderOf(assignment, update), update));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const protocol::UploadProgress progress,
      QueryUpload(*transport_, assignment.token, Sha256(update)));
  ASSERT_TRUE(progress.receipt.has_value());
  EXPECT_EQ(progress.receipt->digest, Sha256(update));
}

TEST_P(TransportConformanceTest, SameUpdateGetsTheSameReceipt) {
  const protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const protocol::UploadReceipt first,
      Upload(*transport_, HeaderOf(assignment, update), update));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const protocol::UploadReceipt second,
      Upload(*transport_, HeaderOf(assignment, update), update));
  EXPECT_EQ(first.segment_id, second.segment_id);
  EXPECT_EQ(first.digest, second.digest);
}

TEST_P(TransportConformanceTest, OtherUpdateForACountedTokenIsRefused) {
  const protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  SHOAL_ASSERT_OK(Upload(*transport_, HeaderOf(assignment, update), update));
  const std::string other = Update(assignment, 2);
  ExpectRefusal(
      Upload(*transport_, HeaderOf(assignment, other), other).status(),
      protocol::RefusalCode::kDigestConflict);
}

TEST_P(TransportConformanceTest, UploadBeyondWhatIsHeldIsRefused) {
  const protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  protocol::UploadHeader header = HeaderOf(assignment, update);
  header.offset = 5;
  ExpectRefusal(Upload(*transport_, header, update).status(),
                protocol::RefusalCode::kUploadOffset);
}

TEST_P(TransportConformanceTest, ForgedTokenIsRefused) {
  protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  assignment.token = "forged";
  ExpectRefusal(
      Upload(*transport_, HeaderOf(assignment, update), update).status(),
      protocol::RefusalCode::kTokenInvalid);
}

TEST_P(TransportConformanceTest, AbandonSaysWhenToComeBack) {
  const protocol::Assignment assignment = Assigned();
  SHOAL_ASSERT_OK_AND_ASSIGN(const absl::Duration delay,
                             Abandon(*transport_, assignment.token,
                                     protocol::AbandonReason::kConditions));
  EXPECT_GE(delay, absl::ZeroDuration());
}

// The answer to the first may have been lost.
TEST_P(TransportConformanceTest, DeviceIsForgottenHoweverOftenItAsks) {
  Assigned();
  SHOAL_EXPECT_OK(Forget(*transport_));
  SHOAL_EXPECT_OK(Forget(*transport_));
}

TEST_P(TransportConformanceTest, DeviceIsForgottenThatWasNeverSeen) {
  SHOAL_EXPECT_OK(Forget(*transport_));
}

TEST_P(TransportConformanceTest, StartAloneDoesNotBlock) {
  transport_->Start(client::CheckInCall{Greeting()});
  std::optional<absl::StatusOr<client::Answer>> answer;
  while (!answer.has_value()) answer = transport_->Step(absl::ZeroDuration());
  EXPECT_THAT(*answer, IsOk());
}

TEST_P(TransportConformanceTest, DroppedCallMakesRoomForTheNext) {
  transport_->Start(client::CheckInCall{Greeting()});
  transport_->Drop();
  SHOAL_EXPECT_OK(CheckIn(*transport_, Greeting()));
}

TEST_P(TransportConformanceTest, DroppedDownloadGoesOnFromWhereItStopped) {
  const protocol::Assignment assignment = Assigned();
  std::string bytes;
  const auto sink = [&](absl::string_view chunk) {
    bytes.append(chunk.data(), chunk.size());
    return absl::OkStatus();
  };
  transport_->Start(client::FetchCall{assignment.model.digest, 0, sink});
  std::optional<absl::StatusOr<client::Answer>> answer;
  while (bytes.empty() && !answer.has_value()) {
    answer = transport_->Step(absl::InfiniteDuration());
  }
  transport_->Drop();
  const int64_t held = static_cast<int64_t>(bytes.size());
  SHOAL_ASSERT_OK(FetchInto(*transport_, assignment.model.digest, held, sink));
  EXPECT_EQ(Sha256(bytes), assignment.model.digest);
}

TEST_P(TransportConformanceTest, DroppedUploadGoesOnFromWhatIsHeld) {
  const protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  protocol::UploadHeader header = HeaderOf(assignment, update);
  transport_->Start(
      client::UploadCall{header, std::make_shared<const std::string>(update)});
  while (transport_->bytes_sent() == 0 &&
         !transport_->Step(absl::InfiniteDuration()).has_value()) {
  }
  transport_->Drop();
  // What was on its way may still arrive between question and upload.
  absl::StatusOr<protocol::UploadReceipt> receipt = absl::UnknownError("");
  for (int attempt = 0; attempt < 100 && !receipt.ok(); ++attempt) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const protocol::UploadProgress progress,
        QueryUpload(*transport_, header.token, header.digest));
    header.offset = progress.received_bytes;
    receipt = Upload(*transport_, header, update);
  }
  SHOAL_ASSERT_OK(receipt);
  EXPECT_EQ(receipt->digest, header.digest);
}

TEST_P(TransportConformanceTest, ClosedConnectionIsOpenedByTheNextCall) {
  SHOAL_ASSERT_OK(CheckIn(*transport_, Greeting()));
  transport_->Close();
  SHOAL_EXPECT_OK(CheckIn(*transport_, Greeting()));
}

TEST_P(TransportConformanceTest, CancelEndsTheCallUnderWay) {
  transport_->Start(client::CheckInCall{Greeting()});
  transport_->Cancel();
  std::optional<absl::StatusOr<client::Answer>> answer;
  while (!answer.has_value()) {
    answer = transport_->Step(absl::InfiniteDuration());
  }
  EXPECT_THAT(*answer, StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(TransportConformanceTest, CancelledTransportMakesNoCalls) {
  const protocol::Assignment assignment = Assigned();
  const std::string update = Update(assignment);
  transport_->Cancel();
  EXPECT_THAT(CheckIn(*transport_, Greeting()),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Fetch(*transport_, assignment.model.digest, 0),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Upload(*transport_, HeaderOf(assignment, update), update),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_TRANSPORT_CONFORMANCE_H_
