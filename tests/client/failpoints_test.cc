#include "client/failpoints.h"

#include <signal.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using testing::StatusIs;

TEST(FailpointsTest, ArmedPlaceKillsTheProcess) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Failpoints failpoints,
                             Failpoints::Parse("mid_upload"));
  EXPECT_EXIT(failpoints.Reach(Failpoint::kMidUpload),
              ::testing::KilledBySignal(SIGKILL), "");
}

TEST(FailpointsTest, OtherPlacesDoNothing) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Failpoints failpoints,
                             Failpoints::Parse("mid_upload"));
  failpoints.Reach(Failpoint::kAfterTrain);
  Failpoints().Reach(Failpoint::kMidUpload);
}

TEST(FailpointsTest, UnknownNameListsTheKnown) {
  EXPECT_THAT(
      Failpoints::Parse("nowhere"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               ::testing::HasSubstr("after_fetch, after_train, mid_upload, "
                                    "before_receipt")));
}

}  // namespace
}  // namespace shoal::client
