#include "client/agent/session_log.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Keeps what is above DEBUG.
class LinesLogger final : public Logger {
 public:
  void Log(Severity severity, absl::string_view message,
           Fields fields) override {
    if (severity == Severity::kDebug) return;
    std::string line(message);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=", field.value);
    }
    lines.push_back(line);
  }
  std::vector<std::string> lines;
};

SessionReport Report(SessionReport::Outcome outcome,
                     const std::string& explanation) {
  SessionReport report;
  report.outcome = outcome;
  report.explanation = explanation;
  report.next_check_in = absl::Seconds(15.57740712025);
  return report;
}

class SessionLogTest : public ::testing::Test {
 protected:
  void LoseSession(const std::string& why) {
    for (int i = 0; i < 4; ++i)
      session_log_.OnEvent({ClientEvent::kRetrying, why});
    session_log_.OnSessionOver(Report(SessionReport::kUnreachable, why));
  }

  LinesLogger log_;
  SessionLog session_log_{log_};
};

TEST_F(SessionLogTest, SameReasonToHoldBackIsSaidOnce) {
  for (const char* why : {"opted out", "opted out", "too hot"}) {
    session_log_.OnSessionOver(Report(SessionReport::kHeldBack, why));
  }
  EXPECT_THAT(log_.lines,
              ElementsAre(HasSubstr("opted out"), HasSubstr("too hot")));
}

TEST_F(SessionLogTest, LostSessionIsOneLineAndItsReasonIsSaidOnce) {
  LoseSession("refused");
  LoseSession("refused");
  LoseSession("refused");
  EXPECT_THAT(
      log_.lines,
      ElementsAre(
          "coordinator unreachable attempts=5 next_check_in=16 s "
          "reason=refused",
          "coordinator still unreachable sessions=2 next_check_in=16 s",
          "coordinator still unreachable sessions=3 next_check_in=16 s"));
}

TEST_F(SessionLogTest, AnotherReasonIsSaid) {
  LoseSession("refused");
  LoseSession("wrong certificate");
  EXPECT_THAT(log_.lines.back(), HasSubstr("reason=wrong certificate"));
}

TEST_F(SessionLogTest, ReturnOfTheCoordinatorIsSaidAndEndsTheCount) {
  LoseSession("refused");
  session_log_.OnSessionOver(Report(SessionReport::kNotAssigned, "no task"));
  EXPECT_EQ(log_.lines[log_.lines.size() - 2],
            "coordinator reached again sessions_lost=1");
  LoseSession("refused");
  EXPECT_THAT(log_.lines.back(), HasSubstr("reason=refused"));
}

TEST_F(SessionLogTest, SessionThatNeededRetriesSaysHowMany) {
  session_log_.OnEvent({ClientEvent::kRetrying, "refused"});
  session_log_.OnSessionOver(Report(SessionReport::kContributed, "counts"));
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("retries=1")));
  session_log_.OnSessionOver(Report(SessionReport::kContributed, "counts"));
  EXPECT_THAT(log_.lines.back(), HasSubstr("retries=0"));
}

TEST_F(SessionLogTest, StopDuringAnOutageIsNoReturn) {
  LoseSession("refused");
  session_log_.OnSessionOver(Report(SessionReport::kCancelled, "stopped"));
  EXPECT_THAT(log_.lines.back(), Not(HasSubstr("reached again")));
}

TEST_F(SessionLogTest, WhyTheDeviceIsNotAssignedIsSaidOnce) {
  const auto refuse = [this](const std::string& why) {
    session_log_.OnSessionOver(Report(SessionReport::kNotAssigned, why));
  };
  refuse("no task");
  refuse("no task");
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("reason=no task")));
  session_log_.OnSessionOver(Report(SessionReport::kContributed, "counts"));
  refuse("no task");
  EXPECT_EQ(log_.lines.size(), 2u);
  refuse("needs more memory");
  EXPECT_THAT(log_.lines.back(), HasSubstr("reason=needs more memory"));
}

}  // namespace
}  // namespace shoal::client
