#include "simulations/load/call_log.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/refusal.h"

namespace shoal::simulations {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

CallRecord Upload(int start, int end, absl::Status status = absl::OkStatus()) {
  return {.kind = CallKind::kUpload,
          .start = absl::Seconds(start),
          .end = absl::Seconds(end),
          .bytes_up = 100,
          .bytes_down = 1,
          .status = std::move(status)};
}

TEST(CallLogTest, RateIsFromTheFirstCallToTheLast) {
  CallLog log;
  log.AddCall(Upload(10, 11));
  log.AddCall(Upload(10, 14));
  log.AddCall(Upload(12, 13));
  const LoadFigures figures = log.Figures();
  const CallFigures& uploads = figures.Of(CallKind::kUpload);
  EXPECT_EQ(uploads.answered.count(), 3);
  EXPECT_DOUBLE_EQ(uploads.AnsweredPerSecond(), 3.0 / 4);
  EXPECT_EQ(uploads.bytes_up, 300);
  EXPECT_EQ(uploads.bytes_down, 3);
  EXPECT_EQ(figures.Of(CallKind::kFetch).AnsweredPerSecond(), 0);
}

TEST(CallLogTest, ErrorsAreCountedByWhatTheyAre) {
  CallLog log;
  const absl::Status over =
      protocol::RefusalError(protocol::RefusalCode::kRoundOver, "it is over");
  log.AddCall(Upload(0, 1, over));
  log.AddCall(Upload(1, 2, over));
  log.AddCall(Upload(1, 9, absl::UnavailableError("gone")));
  const CallFigures uploads = log.Figures().Of(CallKind::kUpload);
  EXPECT_EQ(uploads.answered.count(), 0);
  EXPECT_EQ(uploads.num_errors(), 3);
  EXPECT_THAT(uploads.errors,
              ElementsAre(Pair("UNAVAILABLE", 1), Pair("round_over", 2)));
}

TEST(CallLogTest, SessionsKeepWhatTheLastOfThemSaid) {
  CallLog log;
  log.AddSession("refused", "the first");
  log.AddSession("contributed", "");
  log.AddSession("refused", "the last");
  const LoadFigures figures = log.Figures();
  EXPECT_THAT(figures.sessions,
              ElementsAre(Pair("contributed", 1), Pair("refused", 2)));
  EXPECT_THAT(figures.explanations, ElementsAre(Pair("refused", "the last")));
}

}  // namespace
}  // namespace shoal::simulations
