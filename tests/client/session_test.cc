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

constexpr absl::Duration kMaxBackoff = absl::Seconds(60);

SessionOptions Options() {
  SessionOptions options;
  options.check_in.population = "p";
  options.base_backoff = absl::Milliseconds(200);
  options.max_backoff = kMaxBackoff;
  options.max_attempts = 3;
  return options;
}

PendingUpload Pending() {
  return {.token = "token",
          .task = "task",
          .round_id = 3,
          .digest = Sha256("update"),
          .num_bytes = 600,
          .deadline = absl::UnixEpoch()};
}

protocol::CheckInAnswer Assigned() {
  protocol::Assignment assignment;
  assignment.token = "token";
  assignment.round_id = 3;
  assignment.model = {Sha256("model"), 1000, 2};
  return {protocol::kProtocolVersion, assignment};
}

protocol::UploadReceipt Receipt() {
  return {3, Sha256("update"), 9, absl::Seconds(5)};
}

absl::Status Unavailable() { return absl::UnavailableError("gone"); }

absl::Status Refused(RefusalCode code,
                     absl::Duration retry_after = absl::ZeroDuration()) {
  return protocol::RefusalError(code, "no", retry_after);
}

template <typename Action>
const Action& Expect(const DeviceSession& session) {
  const Action* action = std::get_if<Action>(&session.Next());
  EXPECT_NE(action, nullptr) << "action " << session.Next().index();
  static const Action* const kNone = new Action();
  return action != nullptr ? *action : *kNone;
}

DeviceSession Fresh() { return DeviceSession(Options(), std::nullopt, 1); }
DeviceSession Resumed() { return DeviceSession(Options(), Pending(), 1); }
DeviceSession AtFetch() {
  DeviceSession session = Fresh();
  session.OnCheckIn(Assigned());
  return session;
}
DeviceSession AtTrain() {
  DeviceSession session = AtFetch();
  session.OnFetched(absl::OkStatus(), AbandonReason::kTraining);
  return session;
}
DeviceSession AtUpload() {
  DeviceSession session = AtTrain();
  session.OnTrained(Pending(), AbandonReason::kTraining);
  return session;
}

TEST(DeviceSessionTest, HappyPathEndsWithTheReceipt) {
  DeviceSession session = Fresh();
  EXPECT_EQ(Expect<DoCheckIn>(session).message.population, "p");
  session.OnCheckIn(Assigned());
  EXPECT_EQ(Expect<DoFetch>(session).model.digest, Sha256("model"));
  session.OnFetched(absl::OkStatus(), AbandonReason::kTraining);
  EXPECT_EQ(Expect<DoTrain>(session).assignment.token, "token");
  session.OnTrained(Pending(), AbandonReason::kTraining);
  EXPECT_EQ(Expect<DoUpload>(session).header.offset, 0);
  session.OnUploaded(Receipt());
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kContributed);
  EXPECT_EQ(end.next_check_in, absl::Seconds(5));
  EXPECT_EQ(end.receipt->segment_id, 9);
  EXPECT_EQ(end.failures, 0);
  EXPECT_FALSE(end.keep_pending);
}

TEST(DeviceSessionTest, RetryAfterIsObeyed) {
  DeviceSession session = Fresh();
  session.OnCheckIn(protocol::CheckInAnswer{
      protocol::kProtocolVersion,
      protocol::RetryAfter{absl::Seconds(17), "round_full", "full"}});
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kNotAssigned);
  EXPECT_EQ(end.next_check_in, absl::Seconds(17));
  EXPECT_THAT(end.reason.message(), HasSubstr("round_full"));
}

TEST(DeviceSessionTest, RetryAfterOfAnUnknownCodeIsObeyed) {
  DeviceSession session = Fresh();
  session.OnCheckIn(protocol::CheckInAnswer{
      protocol::kProtocolVersion,
      protocol::RetryAfter{absl::Seconds(17), "from_the_future", "why"}});
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kNotAssigned);
  EXPECT_EQ(end.next_check_in, absl::Seconds(17));
}

TEST(DeviceSessionTest, PendingUploadComesFirstAndResumes) {
  DeviceSession session = Resumed();
  EXPECT_EQ(Expect<DoQueryUpload>(session).upload.token, "token");
  session.OnQueried(protocol::UploadProgress{256, std::nullopt});
  EXPECT_EQ(Expect<DoUpload>(session).header.offset, 256);
}

TEST(DeviceSessionTest, ReceiptFoundByQueryEndsTheSession) {
  DeviceSession session = Resumed();
  session.OnQueried(protocol::UploadProgress{600, Receipt()});
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kContributed);
}

TEST(DeviceSessionTest, ReceiptOfAnotherUpdateIsNotBelieved) {
  DeviceSession session = AtUpload();
  protocol::UploadReceipt receipt = Receipt();
  receipt.digest = Sha256("other");
  session.OnUploaded(receipt);
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kRefused);
}

TEST(DeviceSessionTest, MoreBytesHeldThanThereAreIsAnError) {
  DeviceSession session = Resumed();
  session.OnQueried(protocol::UploadProgress{601, std::nullopt});
  EXPECT_THAT(Expect<DoWait>(session).why,
              StatusIs(absl::StatusCode::kInternal, HasSubstr("601")));
}

TEST(DeviceSessionTest, IncompatibleProtocolEndsWithALongBackoff) {
  DeviceSession session = Fresh();
  protocol::CheckInAnswer answer = Assigned();
  answer.protocol.major = protocol::kProtocolVersion.major + 1;
  session.OnCheckIn(answer);
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kRefused);
  EXPECT_GE(end.next_check_in, kMaxBackoff / 2);
  EXPECT_THAT(end.reason.message(), HasSubstr("protocol_incompatible"));
}

TEST(DeviceSessionTest, DeviceThatAnOperatorHadForgottenAsksOnceADay) {
  DeviceSession session = Fresh();
  session.OnCheckIn(Refused(RefusalCode::kForgotten));
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kRefused);
  EXPECT_EQ(end.next_check_in, absl::Hours(24));
  EXPECT_EQ(protocol::RefusalOf(end.reason)->code, RefusalCode::kForgotten);
}

TEST(DeviceSessionTest, NewerMinorThanOursIsRefused) {
  DeviceSession session = Fresh();
  protocol::CheckInAnswer answer = Assigned();
  answer.protocol.minor = protocol::kProtocolVersion.minor + 1;
  session.OnCheckIn(answer);
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kRefused);
}

TEST(DeviceSessionTest, BackoffIsFullJitterBelowADoublingCeiling) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SessionOptions options = Options();
    options.max_attempts = 20;
    DeviceSession session(options, std::nullopt, seed);
    absl::Duration ceiling = options.base_backoff;
    for (int failure = 1; failure < 20; ++failure) {
      session.OnCheckIn(Unavailable());
      ceiling = std::min(2 * ceiling, kMaxBackoff);
      const absl::Duration delay = Expect<DoWait>(session).delay;
      EXPECT_GE(delay, absl::ZeroDuration());
      EXPECT_LE(delay, ceiling);
      session.OnWaited();
    }
  }
}

TEST(DeviceSessionTest, EarlierFailuresLengthenTheBackoff) {
  absl::Duration longest;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SessionOptions options = Options();
    options.earlier_failures = 8;
    DeviceSession session(options, std::nullopt, seed);
    session.OnCheckIn(Unavailable());
    longest = std::max(longest, Expect<DoWait>(session).delay);
  }
  // 50 draws below 200ms * 2^9, cut at a minute: all below 10 s has the
  // probability (1/6)^50.
  EXPECT_GT(longest, absl::Seconds(10));
}

TEST(DeviceSessionTest, UnreachableCoordinatorEndsTheSession) {
  DeviceSession session = Fresh();
  session.OnCheckIn(Unavailable());
  session.OnWaited();
  session.OnCheckIn(Unavailable());
  session.OnWaited();
  session.OnCheckIn(Unavailable());
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kUnreachable);
  EXPECT_EQ(end.failures, 3);
}

TEST(DeviceSessionTest, WaitIsAtLeastWhatTheCoordinatorAsksFor) {
  DeviceSession session = Fresh();
  session.OnCheckIn(Refused(RefusalCode::kOverloaded, absl::Seconds(30)));
  EXPECT_EQ(Expect<DoWait>(session).delay, absl::Seconds(30));
}

TEST(DeviceSessionTest, FailedUploadAsksBeforeItGoesOn) {
  DeviceSession session = AtUpload();
  session.OnUploaded(Unavailable());
  Expect<DoWait>(session);
  session.OnWaited();
  Expect<DoQueryUpload>(session);
  session.OnQueried(protocol::UploadProgress{100, std::nullopt});
  EXPECT_EQ(Expect<DoUpload>(session).header.offset, 100);
}

TEST(DeviceSessionTest, ProgressRenewsTheAttempts) {
  DeviceSession session = AtUpload();
  for (int i = 1; i <= 10; ++i) {
    session.OnUploaded(Unavailable());
    session.OnWaited();
    session.OnQueried(protocol::UploadProgress{i * 10, std::nullopt});
    Expect<DoUpload>(session);
  }
}

TEST(DeviceSessionTest, WithoutProgressTheUploadStaysPending) {
  DeviceSession session = AtUpload();
  for (int i = 0; i < 2; ++i) {
    session.OnUploaded(Unavailable());
    session.OnWaited();
    session.OnQueried(protocol::UploadProgress{0, std::nullopt});
  }
  session.OnUploaded(Unavailable());
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kUnreachable);
  EXPECT_TRUE(end.keep_pending);
}

TEST(DeviceSessionTest, UpdateThatNeverArrivesIntactIsDropped) {
  DeviceSession session = AtUpload();
  for (int i = 0; i < 2; ++i) {
    session.OnUploaded(Refused(RefusalCode::kDigestMismatch));
    session.OnWaited();
    session.OnQueried(protocol::UploadProgress{0, std::nullopt});
  }
  session.OnUploaded(Refused(RefusalCode::kDigestMismatch));
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kRefused);
  EXPECT_FALSE(end.keep_pending);
}

TEST(DeviceSessionTest, DamagedModelIsGivenUpAfterTheLastAttempt) {
  DeviceSession session = AtFetch();
  for (int i = 0; i < 2; ++i) {
    session.OnFetched(absl::DataLossError("sum"), AbandonReason::kTraining);
    session.OnWaited();
  }
  session.OnFetched(absl::DataLossError("sum"), AbandonReason::kTraining);
  EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kTraining);
}

TEST(DeviceSessionTest, ObjectionToThePlanAbandonsWithItsReason) {
  DeviceSession session = AtFetch();
  session.OnFetched(absl::FailedPreconditionError("too large"),
                    AbandonReason::kMemory);
  EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kMemory);
  session.OnAbandoned(absl::Seconds(8));
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kAbandoned);
  EXPECT_EQ(end.next_check_in, absl::Seconds(8));
  EXPECT_THAT(end.reason.message(), HasSubstr("too large"));
}

TEST(DeviceSessionTest, FailedTrainingAbandonsWithItsReason) {
  DeviceSession session = AtTrain();
  session.OnTrained(absl::AbortedError("diverged"), AbandonReason::kTraining);
  EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kTraining);
}

TEST(DeviceSessionTest, UndeliveredAbandonEndsTheSessionAllTheSame) {
  DeviceSession session = AtTrain();
  session.OnTrained(absl::AbortedError("diverged"), AbandonReason::kTraining);
  session.OnAbandoned(Unavailable());
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kAbandoned);
}

TEST(DeviceSessionTest, StopBeforeTrainingAbandons) {
  DeviceSession session = AtTrain();
  session.Stop();
  EXPECT_EQ(Expect<DoAbandon>(session).reason, AbandonReason::kShutdown);
  session.OnAbandoned(absl::Seconds(1));
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kStopped);
}

TEST(DeviceSessionTest, StopDuringTheUploadKeepsItPending) {
  DeviceSession session = AtUpload();
  session.Stop();
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, SessionEnd::kStopped);
  EXPECT_TRUE(end.keep_pending);
}

TEST(DeviceSessionTest, StopBeforeCheckInEndsAtOnce) {
  DeviceSession session = Fresh();
  session.Stop();
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kStopped);
}

TEST(DeviceSessionTest, StopAfterTheEndChangesNothing) {
  DeviceSession session = AtUpload();
  session.OnUploaded(Receipt());
  session.Stop();
  EXPECT_EQ(Expect<SessionEnd>(session).outcome, SessionEnd::kContributed);
}

TEST(DeviceSessionDeathTest, AnswerToAnotherActionIsABug) {
  DeviceSession session = Fresh();
  EXPECT_DEATH(session.OnUploaded(Receipt()), "DoUpload");
}

// What every error leads to in every state.
enum class Step { kCheckIn, kFetch, kQuery, kUpload };

struct ErrorCase {
  std::string name;
  absl::Status error;
  // Nothing: the step is repeated after a wait.
  std::optional<SessionEnd::Outcome> outcome;
  bool keeps_pending = false;  // when there is one
};

class SessionErrorTest
    : public ::testing::TestWithParam<std::tuple<Step, ErrorCase>> {};

TEST_P(SessionErrorTest, LeadsToItsOutcome) {
  const auto& [step, error] = GetParam();
  DeviceSession session = step == Step::kCheckIn ? Fresh()
                          : step == Step::kFetch ? AtFetch()
                          : step == Step::kQuery ? Resumed()
                                                 : AtUpload();
  switch (step) {
    case Step::kCheckIn:
      session.OnCheckIn(error.error);
      break;
    case Step::kFetch:
      session.OnFetched(error.error, AbandonReason::kTraining);
      break;
    case Step::kQuery:
      session.OnQueried(error.error);
      break;
    case Step::kUpload:
      session.OnUploaded(error.error);
      break;
  }
  // Uploads alone can be resumed; elsewhere such a refusal is the end.
  const bool uploading = step == Step::kQuery || step == Step::kUpload;
  const auto refusal = protocol::RefusalOf(error.error);
  const bool resumes =
      refusal.has_value() && (refusal->code == RefusalCode::kUploadOffset ||
                              refusal->code == RefusalCode::kChunkCorrupt ||
                              refusal->code == RefusalCode::kDigestMismatch);
  if (!error.outcome.has_value() && (uploading || !resumes)) {
    Expect<DoWait>(session);
    return;
  }
  const SessionEnd& end = Expect<SessionEnd>(session);
  EXPECT_EQ(end.outcome, error.outcome.value_or(SessionEnd::kUnreachable));
  EXPECT_EQ(end.keep_pending, uploading && error.keeps_pending);
  if (refusal.has_value() && refusal->retry_after > absl::ZeroDuration()) {
    EXPECT_GE(end.next_check_in, refusal->retry_after);
  }
}

std::vector<ErrorCase> ErrorCases() {
  std::vector<ErrorCase> cases = {
      {"unavailable", Unavailable(), std::nullopt},
      {"internal", absl::InternalError("bug"), std::nullopt},
      {"unknown_final", absl::FailedPreconditionError("newer code"),
       SessionEnd::kRefused},
      {"cancelled", absl::CancelledError("stop"), SessionEnd::kStopped, true},
      {"unimplemented", absl::UnimplementedError("no Fleet here"),
       SessionEnd::kRefused, true}};
  for (const protocol::RefusalInfo& info : protocol::AllRefusals()) {
    ErrorCase row = {std::string(info.name),
                     Refused(info.code, absl::Seconds(90)),
                     SessionEnd::kRefused};
    switch (info.code) {
      case RefusalCode::kOverloaded:
      case RefusalCode::kStoreUnavailable:
      case RefusalCode::kShuttingDown:
      case RefusalCode::kUploadOffset:
      case RefusalCode::kChunkCorrupt:
      case RefusalCode::kDigestMismatch:
        row.outcome = std::nullopt;
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
    const ::testing::TestParamInfo<std::tuple<Step, ErrorCase>>& info) {
  static constexpr const char* kSteps[] = {"check_in", "fetch", "query",
                                           "upload"};
  return std::string(kSteps[static_cast<int>(std::get<0>(info.param))]) + "_" +
         std::get<1>(info.param).name;
}

// A plan's or storage's error during the fetch abandons instead: see
// ObjectionToThePlanAbandonsWithItsReason.
std::vector<std::tuple<Step, ErrorCase>> ErrorTable() {
  std::vector<std::tuple<Step, ErrorCase>> table;
  for (const Step step :
       {Step::kCheckIn, Step::kFetch, Step::kQuery, Step::kUpload}) {
    for (const ErrorCase& row : ErrorCases()) {
      if (step == Step::kFetch && row.name == "unknown_final") continue;
      table.emplace_back(step, row);
    }
  }
  return table;
}

INSTANTIATE_TEST_SUITE_P(EveryStep, SessionErrorTest,
                         ::testing::ValuesIn(ErrorTable()), NameOf);

}  // namespace
}  // namespace shoal::client
