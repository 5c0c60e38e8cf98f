#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "client/session.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/refusal.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;
using protocol::RefusalCode;
using ::testing::HasSubstr;
using testing::StatusIs;

const Digest kGroup = Sha256("group");

SessionOptions Options() {
  SessionOptions options;
  options.base_backoff = absl::Milliseconds(200);
  options.max_backoff = absl::Seconds(60);
  options.max_attempts = 3;
  return options;
}

PendingUpload Masked(const std::string& bytes = "masked") {
  return {.token = "token",
          .task = "task",
          .round_id = 3,
          .digest = Sha256(bytes),
          .num_bytes = 600,
          .deadline = absl::UnixEpoch()};
}

protocol::UploadReceipt Receipt(const std::string& bytes = "masked") {
  return {3, Sha256(bytes), 9, absl::Seconds(5)};
}

absl::Status Unavailable() { return absl::UnavailableError("gone"); }
absl::Status GroupOver() {
  return protocol::RefusalError(RefusalCode::kGroupOver, "too few are left");
}

protocol::AggregateAnswer Message(const std::string& bytes) {
  return {kGroup, protocol::GroupMessage{bytes}};
}
protocol::AggregateAnswer Wait(absl::Duration delay) {
  return {std::nullopt, protocol::GroupWait{delay}};
}
protocol::AggregateAnswer Afresh() {
  return {std::nullopt, protocol::GroupAfresh{"too few are left"}};
}
protocol::AggregateAnswer Done(const std::string& bytes = "masked") {
  return {kGroup, Receipt(bytes)};
}

template <typename Action>
const Action& Expect(const DeviceSession& session) {
  const Action* action = std::get_if<Action>(&session.Next());
  EXPECT_NE(action, nullptr) << "action " << session.Next().index();
  static const Action* const kNone = new Action();
  return action != nullptr ? *action : *kNone;
}

// Where a session is on its way through a group.
enum class At {
  kMakingKeys,
  kJoining,
  kDealing,    // has its group's keys to answer
  kSharing,    // has dealt
  kMasking,    // has the others' shares
  kUploading,  // what is masked
  kMasked,     // waits for the request to unmask
  kUnmasking,  // has it
  kUnmasked,   // has answered it
};

DeviceSession SessionAt(At at) {
  DeviceSession session(Options(), std::nullopt, 1);
  protocol::Assignment assignment;
  assignment.token = "token";
  assignment.round_id = 3;
  session.OnCheckIn(
      protocol::CheckInAnswer{protocol::kProtocolVersion, assignment});
  session.OnFetched(absl::OkStatus(), AbandonReason::kTraining);
  session.OnTrained(std::nullopt, AbandonReason::kTraining);
  const auto answer = [&](const std::string& message) {
    session.OnAggregated(Message(message));
  };
  if (at >= At::kJoining) session.OnKeys(std::string("keys"), {});
  if (at >= At::kDealing) answer("group keys");
  if (at >= At::kSharing) session.OnAnswered(GroupReply{"shares"}, {});
  if (at >= At::kMasking) answer("held shares");
  if (at >= At::kUploading) {
    session.OnAnswered(GroupReply{"masked input", Masked()}, {});
  }
  if (at >= At::kMasked) session.OnUploaded(Receipt());
  if (at >= At::kUnmasking) answer("unmask");
  if (at >= At::kUnmasked) {
    session.OnAnswered(GroupReply{"revealed", {}, true}, {});
  }
  return session;
}

TEST(GroupedSessionTest, GoesThroughAllStepsToTheReceipt) {
  DeviceSession session = SessionAt(At::kMakingKeys);
  Expect<DoMakeKeys>(session);
  session.OnKeys(std::string("keys"), AbandonReason::kConditions);
  const auto request = [&] { return Expect<DoAggregate>(session).request; };
  EXPECT_EQ(request().token, "token");
  EXPECT_EQ(request().session, std::nullopt);
  EXPECT_EQ(request().message, "keys");

  session.OnAggregated(Message("group keys"));
  EXPECT_EQ(Expect<DoAnswerGroup>(session).session, kGroup);
  EXPECT_EQ(Expect<DoAnswerGroup>(session).message, "group keys");
  session.OnAnswered(GroupReply{"shares"}, AbandonReason::kConditions);
  EXPECT_EQ(request().session, kGroup);
  EXPECT_EQ(request().message, "shares");

  session.OnAggregated(Message("held shares"));
  session.OnAnswered(GroupReply{"masked input", Masked()},
                     AbandonReason::kConditions);
  EXPECT_EQ(Expect<DoUpload>(session).header.digest, Sha256("masked"));
  EXPECT_EQ(Expect<DoUpload>(session).header.num_bytes, 600);
  EXPECT_EQ(Expect<DoUpload>(session).header.offset, 0);

  session.OnUploaded(Receipt());
  EXPECT_EQ(request().session, kGroup);
  EXPECT_EQ(request().message, "");
  session.OnAggregated(Message("unmask"));
  session.OnAnswered(GroupReply{"revealed", {}, true},
                     AbandonReason::kConditions);
  EXPECT_EQ(request().message, "revealed");
  session.OnAggregated(Done());
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kContributed);
  EXPECT_EQ(end.next_check_in, absl::Seconds(5));
  EXPECT_EQ(end.receipt->segment_id, 9);
  EXPECT_FALSE(end.keep_pending);
}

TEST(GroupedSessionTest, AsksOnWithItsKeysUntilItHasAGroup) {
  DeviceSession session = SessionAt(At::kJoining);
  session.OnAggregated(Wait(absl::ZeroDuration()));
  // A moment, lest it be kept busy.
  EXPECT_EQ(Expect<DoWait>(session).delay, absl::Milliseconds(20));
  session.OnWaited();
  EXPECT_EQ(Expect<DoAggregate>(session).request.message, "keys");
  EXPECT_EQ(Expect<DoAggregate>(session).request.session, std::nullopt);
  protocol::AggregateAnswer placed = Wait(absl::ZeroDuration());
  placed.session = kGroup;
  session.OnAggregated(placed);
  session.OnWaited();
  EXPECT_EQ(Expect<DoAggregate>(session).request.message, "");
  EXPECT_EQ(Expect<DoAggregate>(session).request.session, kGroup);
}

TEST(GroupedSessionTest, WaitsAsLongAsItIsTold) {
  DeviceSession session = SessionAt(At::kSharing);
  session.OnAggregated(Wait(absl::Seconds(4)));
  EXPECT_EQ(Expect<DoWait>(session).delay, absl::Seconds(4));
  SHOAL_EXPECT_OK(Expect<DoWait>(session).why);
  session.OnWaited();
  EXPECT_EQ(Expect<DoAggregate>(session).request.message, "");
}

TEST(GroupedSessionTest, WhatWasNotHeardIsSaidAgain) {
  DeviceSession session = SessionAt(At::kSharing);
  session.OnAggregated(Unavailable());
  EXPECT_THAT(Expect<DoWait>(session).why,
              StatusIs(absl::StatusCode::kUnavailable));
  session.OnWaited();
  EXPECT_EQ(Expect<DoAggregate>(session).request.message, "shares");
}

TEST(GroupedSessionTest, AnswersRenewTheAttempts) {
  DeviceSession session = SessionAt(At::kSharing);
  for (int i = 0; i < 10; ++i) {
    session.OnAggregated(Unavailable());
    session.OnWaited();
    session.OnAggregated(Wait(absl::ZeroDuration()));
    session.OnWaited();
    Expect<DoAggregate>(session);
  }
}

TEST(GroupedSessionTest, UnreachableCoordinatorEndsTheSession) {
  for (const At at : {At::kJoining, At::kSharing, At::kMasked, At::kUnmasked}) {
    DeviceSession session = SessionAt(at);
    for (int i = 0; i < 2; ++i) {
      session.OnAggregated(Unavailable());
      session.OnWaited();
    }
    session.OnAggregated(Unavailable());
    const SessionEnd& end = Expect<SessionEnd>(session);
    EXPECT_EQ(end.outcome, SessionEnd::kUnreachable);
    // Before there is nothing that another session could send.
    EXPECT_EQ(end.keep_pending, at >= At::kMasked);
  }
}

TEST(GroupedSessionTest, UploadThatIsFoundByAQueryGoesOnWithTheGroup) {
  DeviceSession session = SessionAt(At::kUploading);
  session.OnUploaded(Unavailable());
  session.OnWaited();
  session.OnQueried(protocol::UploadProgress{600, Receipt()});
  EXPECT_EQ(Expect<DoAggregate>(session).request.message, "");
}

TEST(GroupedSessionTest, UploadOfAnEarlierSessionEndsWithItsReceipt) {
  DeviceSession session(Options(), Masked(), 1);
  session.OnQueried(protocol::UploadProgress{100, std::nullopt});
  session.OnUploaded(Receipt());
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kContributed);
}

TEST(GroupedSessionTest, UploadOfAnEarlierSessionWhoseGroupIsOverIsDropped) {
  DeviceSession session(Options(), Masked(), 1);
  session.OnQueried(protocol::UploadProgress{0, std::nullopt});
  session.OnUploaded(GroupOver());
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kRefused);
  EXPECT_FALSE(Expect<SessionEnd>(session).keep_pending);
}

TEST(GroupedSessionTest, ReceiptOfAnotherUpdateIsNotBelieved) {
  DeviceSession uploading = SessionAt(At::kUploading);
  uploading.OnUploaded(Receipt("other"));
  EXPECT_EQ(Expect<SessionEnd>(uploading).outcome, SessionEnd::kRefused);
  DeviceSession unmasked = SessionAt(At::kUnmasked);
  unmasked.OnAggregated(Done("other"));
  EXPECT_EQ(Expect<SessionEnd>(unmasked).outcome, SessionEnd::kRefused);
}

// Every way to learn that a group is over, wherever it can be learnt.
enum class Over { kAfresh, kAggregate, kUpload, kQuery };

DeviceSession SessionAfter(Over over, At at) {
  DeviceSession session = SessionAt(at);
  switch (over) {
    case Over::kAfresh:
      session.OnAggregated(Afresh());
      break;
    case Over::kAggregate:
      session.OnAggregated(GroupOver());
      break;
    case Over::kUpload:
      session.OnUploaded(GroupOver());
      break;
    case Over::kQuery:
      session.OnUploaded(Unavailable());
      session.OnWaited();
      session.OnQueried(GroupOver());
      break;
  }
  return session;
}

TEST(GroupedSessionTest, JoinsAnotherGroupWithNewKeysBeforeItUnmasks) {
  for (const auto& [over, at] :
       std::vector<std::pair<Over, At>>{{Over::kAfresh, At::kJoining},
                                        {Over::kAfresh, At::kSharing},
                                        {Over::kAfresh, At::kMasked},
                                        {Over::kAggregate, At::kJoining},
                                        {Over::kAggregate, At::kMasked},
                                        {Over::kUpload, At::kUploading},
                                        {Over::kQuery, At::kUploading}}) {
    DeviceSession session = SessionAfter(over, at);
    EXPECT_THAT(Expect<DoWait>(session).why.message(),
                HasSubstr("too few are left"));
    EXPECT_LE(Expect<DoWait>(session).delay, absl::Seconds(1));
    session.OnWaited();
    Expect<DoMakeKeys>(session);
    session.OnKeys(std::string("new keys"), AbandonReason::kConditions);
    EXPECT_EQ(Expect<DoAggregate>(session).request.message, "new keys");
    EXPECT_EQ(Expect<DoAggregate>(session).request.session, std::nullopt);

    session.OnAggregated(protocol::AggregateAnswer{
        Sha256("another group"), protocol::GroupMessage{"held shares"}});
    session.OnAnswered(GroupReply{"masked input", Masked("masked anew")},
                       AbandonReason::kConditions);
    EXPECT_EQ(Expect<DoUpload>(session).header.digest, Sha256("masked anew"));
    session.OnUploaded(Receipt("masked anew"));
    EXPECT_EQ(Expect<DoAggregate>(session).request.session,
              Sha256("another group"));
  }
}

TEST(GroupedSessionTest, WhatMayHaveBeenUnmaskedIsNeverSentAgain) {
  for (const Over over : {Over::kAfresh, Over::kAggregate}) {
    DeviceSession session = SessionAfter(over, At::kUnmasked);
    EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kConditions);
    EXPECT_THAT(Expect<DoAbandon>(session).why.message(),
                HasSubstr("does not send it again; "));
    session.OnAbandoned(absl::Seconds(8));
    EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kAbandoned);
    EXPECT_FALSE(Expect<SessionEnd>(session).keep_pending);
  }
}

TEST(GroupedSessionTest, LeavesAfterAsManyGroupsAsAttempts) {
  DeviceSession session = SessionAt(At::kSharing);
  for (int i = 0; i < 2; ++i) {
    session.OnAggregated(Afresh());
    session.OnWaited();
    session.OnKeys(std::string("new keys"), AbandonReason::kConditions);
  }
  session.OnAggregated(Afresh());
  EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kConditions);
  EXPECT_THAT(Expect<DoAbandon>(session).why.message(),
              HasSubstr("too few are left"));
}

TEST(GroupedSessionTest, WithoutKeysTheAssignmentIsGivenUp) {
  DeviceSession session = SessionAt(At::kMakingKeys);
  session.OnKeys(absl::InvalidArgumentError("no signer"),
                 AbandonReason::kConditions);
  EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kConditions);
}

// A coordinator that does not keep to the protocol.

TEST(GroupedSessionTest, BrokenProtocolBeforeMaskingIsGivenUp) {
  for (const At at : {At::kDealing, At::kMasking}) {
    DeviceSession session = SessionAt(at);
    session.OnAnswered(absl::InvalidArgumentError("a point of low order"),
                       AbandonReason::kConditions);
    EXPECT_THAT(Expect<DoAbandon>(session).why.message(),
                HasSubstr("low order"));
  }
}

TEST(GroupedSessionTest, BrokenProtocolAfterMaskingEndsTheSession) {
  DeviceSession session = SessionAt(At::kUnmasking);
  session.OnAnswered(absl::FailedPreconditionError("both kinds of share"),
                     AbandonReason::kConditions);
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kAbandoned);
  EXPECT_THAT(end.reason.message(), HasSubstr("both kinds of share"));
  EXPECT_FALSE(end.keep_pending);
  EXPECT_EQ(end.failures, 1);
}

TEST(GroupedSessionTest, MemberThatLeavesTellsNobody) {
  DeviceSession dealing = SessionAt(At::kDealing);
  dealing.OnAnswered(absl::CancelledError("it leaves"), {});
  EXPECT_EQ(Expect<SessionEnd>(dealing).outcome, SessionEnd::kStopped);
  EXPECT_FALSE(Expect<SessionEnd>(dealing).keep_pending);
  DeviceSession unmasking = SessionAt(At::kUnmasking);
  unmasking.OnAnswered(absl::CancelledError("it leaves"), {});
  EXPECT_EQ(Expect<SessionEnd>(unmasking).outcome, SessionEnd::kStopped);
  EXPECT_TRUE(Expect<SessionEnd>(unmasking).keep_pending);
}

TEST(GroupedSessionTest, GroupIsNotExchangedForAnother) {
  DeviceSession session = SessionAt(At::kSharing);
  session.OnAggregated(protocol::AggregateAnswer{
      Sha256("another group"), protocol::GroupMessage{"held shares"}});
  EXPECT_THAT(Expect<DoAbandon>(session).why.message(),
              HasSubstr(Sha256("another group").ToShortHex()));
}

TEST(GroupedSessionTest, MessageOfNoGroupIsNotTaken) {
  DeviceSession session = SessionAt(At::kJoining);
  session.OnAggregated(
      protocol::AggregateAnswer{std::nullopt, protocol::GroupMessage{"keys"}});
  EXPECT_THAT(Expect<DoAbandon>(session).why.message(),
              HasSubstr("message of no group"));
}

TEST(GroupedSessionTest, ReceiptBeforeMaskingIsNotBelieved) {
  DeviceSession session = SessionAt(At::kSharing);
  session.OnAggregated(Done());
  EXPECT_THAT(Expect<DoAbandon>(session).why.message(),
              HasSubstr("has not masked"));
}

// The device has to stop, or its limits allow no more.

class StopInGroupTest : public ::testing::TestWithParam<std::tuple<At, bool>> {
};

TEST_P(StopInGroupTest, AbandonsBeforeMaskingAndKeepsWhatIsMasked) {
  const auto& [at, by_limits] = GetParam();
  DeviceSession session = SessionAt(at);
  if (by_limits) {
    session.HoldBack(AbandonReason::kEnergy,
                     absl::FailedPreconditionError("no energy left"),
                     absl::ZeroDuration());
  } else {
    session.Stop();
  }
  if (at < At::kUploading) {
    EXPECT_EQ(Expect<DoAbandon>(session).reason,
              by_limits ? AbandonReason::kEnergy : AbandonReason::kShutdown);
    return;
  }
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome,
            by_limits ? SessionEnd::kHeldBack : SessionEnd::kStopped);
  EXPECT_TRUE(end.keep_pending);
}

INSTANTIATE_TEST_SUITE_P(
    EveryStep, StopInGroupTest,
    ::testing::Combine(::testing::Values(At::kMakingKeys, At::kJoining,
                                         At::kDealing, At::kSharing,
                                         At::kMasking, At::kUploading,
                                         At::kMasked, At::kUnmasking,
                                         At::kUnmasked),
                       ::testing::Bool()));

TEST(GroupedSessionTest, StopBetweenTwoGroupsAbandons) {
  DeviceSession session = SessionAfter(Over::kAfresh, At::kMasked);
  session.Stop();
  EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kShutdown);
}

// What every error of Aggregate leads to.

struct ErrorCase {
  std::string name;
  absl::Status error;
  std::optional<SessionEnd::Outcome> outcome;  // nothing: it is repeated
  bool keeps_pending = false;                  // when there is one
};

class AggregateErrorTest
    : public ::testing::TestWithParam<std::tuple<At, ErrorCase>> {};

TEST_P(AggregateErrorTest, LeadsToItsOutcome) {
  const auto& [at, row] = GetParam();
  DeviceSession session = SessionAt(at);
  session.OnAggregated(row.error);
  if (!row.outcome.has_value()) {
    Expect<DoWait>(session);
    session.OnWaited();
    Expect<DoAggregate>(session);
    return;
  }
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, *row.outcome);
  EXPECT_EQ(end.keep_pending, at >= At::kUploading && row.keeps_pending);
}

std::vector<ErrorCase> ErrorCases() {
  std::vector<ErrorCase> cases = {
      {"unavailable", Unavailable(), std::nullopt},
      {"unknown_final", absl::FailedPreconditionError("newer code"),
       SessionEnd::kRefused},
      {"cancelled", absl::CancelledError("stop"), SessionEnd::kStopped, true},
      {"unimplemented", absl::UnimplementedError("no groups here"),
       SessionEnd::kRefused, true}};
  for (const protocol::RefusalInfo& info : protocol::AllRefusals()) {
    ErrorCase row = {std::string(info.name),
                     protocol::RefusalError(info.code, "no"),
                     SessionEnd::kRefused};
    switch (info.code) {
      case RefusalCode::kGroupOver:
        continue;  // see Over
      case RefusalCode::kOverloaded:
      case RefusalCode::kStoreUnavailable:
      case RefusalCode::kShuttingDown:
        row.outcome = std::nullopt;
        break;
      case RefusalCode::kUploadOffset:
      case RefusalCode::kChunkCorrupt:
      case RefusalCode::kDigestMismatch:
        row.outcome = SessionEnd::kUnreachable;
        row.keeps_pending = true;
        break;
      case RefusalCode::kProtocolIncompatible:
      case RefusalCode::kUnauthenticated:
      case RefusalCode::kPermissionDenied:
      case RefusalCode::kForgotten:
      case RefusalCode::kInvitationInvalid:
        row.keeps_pending = true;
        break;
      default:
        break;
    }
    cases.push_back(row);
  }
  return cases;
}

std::string NameOf(
    const ::testing::TestParamInfo<std::tuple<At, ErrorCase>>& info) {
  return (std::get<0>(info.param) == At::kSharing ? "sharing_" : "masked_") +
         std::get<1>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(EveryError, AggregateErrorTest,
                         ::testing::Combine(::testing::Values(At::kSharing,
                                                              At::kMasked),
                                            ::testing::ValuesIn(ErrorCases())),
                         NameOf);

}  // namespace
}  // namespace shoal::client
