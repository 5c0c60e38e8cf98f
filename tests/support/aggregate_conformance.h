// What every Transport does with the calls of secure aggregation, which may
// wait for other devices. Beside transport_conformance.h because no group of an
// engine says what a test wants to hear:
//
//   class MyGroups : public GroupCoordinator { … };
//   INSTANTIATE_TEST_SUITE_P(Mine, AggregateConformanceTest,
//                            ::testing::Values([] { return …; }));
#ifndef SHOAL_TESTS_SUPPORT_AGGREGATE_CONFORMANCE_H_
#define SHOAL_TESTS_SUPPORT_AGGREGATE_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "client/transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/refusal.h"
#include "tests/support/scripted_group.h"
#include "tests/support/status_matchers.h"
#include "tests/support/transport_calls.h"

namespace shoal::testing {

// A coordinator whose Aggregate is answered by a script.
class GroupCoordinator {
 public:
  virtual ~GroupCoordinator() = default;
  // The coordinator outlives the transport.
  virtual std::unique_ptr<client::Transport> Connect() = 0;
  ScriptedGroup& group() { return group_; }

 private:
  ScriptedGroup group_;
};
using GroupCoordinatorFactory =
    std::function<std::unique_ptr<GroupCoordinator>()>;

class AggregateConformanceTest
    : public ::testing::TestWithParam<GroupCoordinatorFactory> {
 protected:
  // The most that both sides take; proto/shoal/v1/fleet.proto.
  static constexpr size_t kMaxMessageBytes = 4'000'000;

  AggregateConformanceTest()
      : coordinator_(GetParam()()), transport_(coordinator_->Connect()) {}
  // A coordinator with threads waits for those that answer.
  ~AggregateConformanceTest() override { group().Release(); }

  ScriptedGroup& group() { return coordinator_->group(); }

  static protocol::AggregateRequest Request(const std::string& message) {
    return {"token", Sha256("group"), message};
  }
  absl::StatusOr<protocol::AggregateAnswer> Aggregate(
      const protocol::AggregateRequest& request) {
    return PerformFor<protocol::AggregateAnswer>(
        *transport_, client::AggregateCall{request});
  }
  // Until the call that is held has arrived.
  void StepUntilReceived(size_t num_requests) {
    while (group().requests().size() < num_requests) {
      ASSERT_FALSE(transport_->Step(absl::Milliseconds(1)).has_value());
    }
  }
  std::optional<absl::StatusOr<client::Answer>> Finish() {
    std::optional<absl::StatusOr<client::Answer>> answer;
    while (!answer.has_value()) {
      answer = transport_->Step(absl::InfiniteDuration());
    }
    return answer;
  }

  std::unique_ptr<GroupCoordinator> coordinator_;
  std::unique_ptr<client::Transport> transport_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AggregateConformanceTest);

TEST_P(AggregateConformanceTest, RequestArrivesAsItIs) {
  protocol::AggregateRequest request = Request(std::string("\0\xff…", 5));
  SHOAL_ASSERT_OK(Aggregate(request).status());
  request.session.reset();
  request.message.clear();
  SHOAL_ASSERT_OK(Aggregate(request).status());

  const auto seen = group().requests();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].token, "token");
  EXPECT_EQ(seen[0].session, Sha256("group"));
  EXPECT_EQ(seen[0].message, std::string("\0\xff…", 5));
  EXPECT_EQ(seen[1].session, std::nullopt);
  EXPECT_EQ(seen[1].message, "");
}

TEST_P(AggregateConformanceTest, EveryAnswerArrives) {
  group().set_answer(protocol::AggregateAnswer{
      Sha256("group"), protocol::GroupMessage{std::string("\0\xff", 2)}});
  SHOAL_ASSERT_OK_AND_ASSIGN(protocol::AggregateAnswer answer,
                             Aggregate(Request("")));
  EXPECT_EQ(answer.session, Sha256("group"));
  EXPECT_EQ(std::get<protocol::GroupMessage>(answer.next).bytes,
            std::string("\0\xff", 2));

  group().set_answer(protocol::AggregateAnswer{
      {}, protocol::GroupWait{absl::Milliseconds(250)}});
  SHOAL_ASSERT_OK_AND_ASSIGN(answer, Aggregate(Request("")));
  EXPECT_EQ(answer.session, std::nullopt);
  EXPECT_EQ(std::get<protocol::GroupWait>(answer.next).delay,
            absl::Milliseconds(250));

  group().set_answer(protocol::AggregateAnswer{
      Sha256("group"), protocol::GroupAfresh{"too few"}});
  SHOAL_ASSERT_OK_AND_ASSIGN(answer, Aggregate(Request("")));
  EXPECT_EQ(std::get<protocol::GroupAfresh>(answer.next).why, "too few");

  group().set_answer(protocol::AggregateAnswer{
      Sha256("group"),
      protocol::UploadReceipt{7, Sha256("update"), 5, absl::Minutes(3)}});
  SHOAL_ASSERT_OK_AND_ASSIGN(answer, Aggregate(Request("")));
  const auto& receipt = std::get<protocol::UploadReceipt>(answer.next);
  EXPECT_EQ(receipt.round_id, 7);
  EXPECT_EQ(receipt.digest, Sha256("update"));
  EXPECT_EQ(receipt.segment_id, 5);
  EXPECT_EQ(receipt.next_check_in, absl::Minutes(3));
}

TEST_P(AggregateConformanceTest, LongestMessagesTravelBothWays) {
  const std::string up(kMaxMessageBytes, 'u');
  const std::string down(kMaxMessageBytes, 'd');
  group().set_answer(
      protocol::AggregateAnswer{Sha256("group"), protocol::GroupMessage{down}});
  SHOAL_ASSERT_OK_AND_ASSIGN(const protocol::AggregateAnswer answer,
                             Aggregate(Request(up)));
  EXPECT_TRUE(group().requests()[0].message == up);
  EXPECT_TRUE(std::get<protocol::GroupMessage>(answer.next).bytes == down);
}

TEST_P(AggregateConformanceTest, MessagesOfTheGroupAreThePayload) {
  group().set_answer(protocol::AggregateAnswer{
      Sha256("group"), protocol::GroupMessage{std::string(300, 'd')}});
  SHOAL_ASSERT_OK(Aggregate(Request(std::string(1000, 'u'))).status());
  EXPECT_EQ(transport_->bytes_sent(), 1000);
  EXPECT_EQ(transport_->bytes_received(), 300);

  group().set_answer(protocol::AggregateAnswer{{}, protocol::GroupWait{}});
  SHOAL_ASSERT_OK(Aggregate(Request("")).status());
  EXPECT_EQ(transport_->bytes_sent(), 1000);
  EXPECT_EQ(transport_->bytes_received(), 300);
}

TEST_P(AggregateConformanceTest, RefusalsKeepTheirCodeAndSentence) {
  for (const protocol::RefusalCode code :
       {protocol::RefusalCode::kGroupFault, protocol::RefusalCode::kGroupOver,
        protocol::RefusalCode::kTokenInvalid}) {
    group().set_answer(protocol::RefusalError(code, "because of 7"));
    const auto refusal =
        protocol::RefusalOf(Aggregate(Request("lie")).status());
    ASSERT_TRUE(refusal.has_value());
    EXPECT_EQ(refusal->code, code);
    EXPECT_EQ(refusal->sentence, "because of 7");
  }
  // And the transport goes on.
  group().set_answer(protocol::AggregateAnswer{{}, protocol::GroupWait{}});
  SHOAL_EXPECT_OK(Aggregate(Request("truth")).status());
}

TEST_P(AggregateConformanceTest, CallIsHeldUntilThereIsAnAnswer) {
  group().Hold();
  transport_->Start(client::AggregateCall{Request("message")});
  StepUntilReceived(1);
  for (int i = 0; i < 20; ++i) {
    ASSERT_FALSE(transport_->Step(absl::Milliseconds(10)).has_value()) << i;
  }

  group().Release();

  const auto answer = Finish();
  SHOAL_ASSERT_OK(answer->status());
  EXPECT_TRUE(std::holds_alternative<protocol::GroupWait>(
      std::get<protocol::AggregateAnswer>(**answer).next));
  EXPECT_EQ(group().requests().size(), 1u);
}

TEST_P(AggregateConformanceTest, CancelEndsACallThatIsHeld) {
  group().Hold();
  transport_->Start(client::AggregateCall{Request("message")});
  StepUntilReceived(1);
  transport_->Cancel();
  EXPECT_THAT(*Finish(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(AggregateConformanceTest, DroppedCallMakesRoomForTheSameAgain) {
  group().Hold();
  transport_->Start(client::AggregateCall{Request("message")});
  StepUntilReceived(1);
  transport_->Drop();
  group().set_answer(protocol::AggregateAnswer{
      Sha256("group"), protocol::GroupMessage{"second"}});
  group().Release();

  SHOAL_ASSERT_OK_AND_ASSIGN(const protocol::AggregateAnswer answer,
                             Aggregate(Request("message")));

  EXPECT_EQ(std::get<protocol::GroupMessage>(answer.next).bytes, "second");
  EXPECT_EQ(group().requests().size(), 2u);
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_AGGREGATE_CONFORMANCE_H_
