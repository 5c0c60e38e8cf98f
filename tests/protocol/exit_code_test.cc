#include "protocol/exit_code.h"

#include "gtest/gtest.h"
#include "protocol/refusal.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::StatusIs;

TEST(ExitCodeTest, SuccessIsZeroAndWrongInputTwo) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("--mu -1")), 2);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("bug")), 1);
}

TEST(ExitCodeTest, SilentCoordinatorIsThree) {
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("nobody there")), 3);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("no answer")), 3);
}

TEST(ExitCodeTest, RefusalForGoodIsFourAndOneThatMayPassIsOne) {
  EXPECT_EQ(ExitCodeOf(RefusalError(RefusalCode::kPermissionDenied, "no")), 4);
  EXPECT_EQ(ExitCodeOf(RefusalError(RefusalCode::kStoreUnavailable, "full")),
            1);
  EXPECT_EQ(ExitCodeOf(RefusalError(RefusalCode::kBadRequest, "x")), 2);
}

TEST(ExitCodeTest, FileThatMayNotBeReadIsNoRefusalOfTheCoordinator) {
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("key.pem: open")), 1);
}

TEST(AsWrongInputTest, DamagedMissingAndForeignFilesAreWrongInput) {
  for (const absl::Status& status :
       {absl::NotFoundError("x"), absl::DataLossError("x"),
        absl::FailedPreconditionError("x"), absl::PermissionDeniedError("x")}) {
    EXPECT_THAT(AsWrongInput(status),
                StatusIs(absl::StatusCode::kInvalidArgument, "x"));
  }
}

TEST(AsWrongInputTest, OtherErrorsStayWhatTheyAre) {
  EXPECT_THAT(AsWrongInput(absl::OkStatus()), ::shoal::testing::IsOk());
  EXPECT_THAT(AsWrongInput(absl::CancelledError("interrupted")),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(AsWrongInput(absl::ResourceExhaustedError("memory")),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace shoal::protocol
