#include "simulations/patience.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using coordinator::RoundRow;
using coordinator::RoundState;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

RoundRow Round(RoundState state, int assigned) {
  RoundRow round;
  round.task = "digits";
  round.number = 7;
  round.state = state;
  round.failure = "too_few_reports";
  round.assigned = assigned;
  round.accepted = 3;
  round.min_reports = 10;
  return round;
}

TEST(PatienceTest, ATaskIsGivenUpAfterAThousandFailuresInARow) {
  coordinator::TaskRow task;
  task.name = "digits";
  task.rounds = 50;
  task.rounds_committed = 6;
  task.rounds_failed_in_a_row = 999;
  SHOAL_EXPECT_OK(Patience::Check(task));
  task.rounds_failed_in_a_row = 1000;
  EXPECT_THAT(Patience::Check(task),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       "task digits has 6 of 50 rounds, and 1000 failed in a "
                       "row"));
}

TEST(PatienceTest, ARoundIsGivenUpAfterAHundredFailuresWithEnoughDevices) {
  Patience patience;
  for (int i = 0; i < 99; ++i) {
    SHOAL_EXPECT_OK(patience.OnRoundOver(Round(RoundState::kFailed, 10)));
  }
  EXPECT_THAT(patience.OnRoundOver(Round(RoundState::kFailed, 12)),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       AllOf(HasSubstr("does not get beyond round 7: it has "
                                       "failed 100 times"),
                             HasSubstr("(too_few_reports) with 3 reports of 12 "
                                       "devices, expected at least 10"))));
}

TEST(PatienceTest, RoundsThatDrawMoreThanTheyHavePlacesForSaySo) {
  Patience patience;
  RoundRow round = Round(RoundState::kFailed, 88);
  round.failure = "overdrawn";
  round.max_assigned = 88;
  for (int i = 0; i < 99; ++i) SHOAL_EXPECT_OK(patience.OnRoundOver(round));
  EXPECT_THAT(patience.OnRoundOver(round).message(),
              AllOf(HasSubstr("all of its 88 places taken (overdrawn)"),
                    HasSubstr("the sampling rate times the number of "
                              "devices")));
}

TEST(PatienceTest, RoundsForWhichTooFewCameAreWaitedFor) {
  Patience patience;
  for (int i = 0; i < 500; ++i) {
    SHOAL_EXPECT_OK(patience.OnRoundOver(Round(RoundState::kFailed, 9)));
  }
}

TEST(PatienceTest, AVersionBeginsTheCountAnew) {
  Patience patience;
  for (int i = 0; i < 500; ++i) {
    const bool is_committed = i % 100 == 99;
    SHOAL_EXPECT_OK(patience.OnRoundOver(Round(
        is_committed ? RoundState::kCommitted : RoundState::kFailed, 10)));
  }
}

}  // namespace
}  // namespace shoal::simulations
