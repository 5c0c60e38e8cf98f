// Devices that give up.

#include "tests/coordinator/engine/upload_desk_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;

class AbandonTest : public UploadDeskTest {};

TEST_F(AbandonTest, AbandonmentIsRecordedWithItsReason) {
  const absl::Duration next = Require(engine().Abandon(
      Device(1), token_, protocol::AbandonReason::kConditions, now_));
  EXPECT_GE(next, options_.min_retry);
  EXPECT_EQ(OutcomeOf(1, Round().id), "abandoned: conditions");
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
}

TEST_F(AbandonTest, AbandonmentEndsTheUploadAtHand) {
  UploadStart start = Require(Begin(1, token_, Update({1})));
  Require(engine().Abandon(Device(1), token_, protocol::AbandonReason::kBytes,
                           now_));
  EXPECT_THAT(AppendTo(*start.stream, "x"), IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(AbandonTest, AbandonmentAfterACompleteUpdateChangesNothing) {
  const auto outcome = Require(Send(1, token_, Update({1})));
  Require(engine().Abandon(Device(1), token_,
                           protocol::AbandonReason::kShutdown, now_));
  Advance();
  EXPECT_THAT(outcome->receipt, IsOk());
  Require(engine().Abandon(Device(1), token_,
                           protocol::AbandonReason::kShutdown, now_));
  EXPECT_EQ(OutcomeOf(1, Round().id), "contributed");
}

TEST_F(AbandonTest, AbandonmentOfARoundThatIsOverIsFine) {
  Contribute(2);
  Contribute(3);
  EXPECT_THAT(engine().Abandon(Device(1), token_,
                               protocol::AbandonReason::kTraining, now_),
              IsOk());
}

TEST_F(AbandonTest, AbandonmentThatCannotBeWrittenMayBeRepeated) {
  store_.SetFaults([](absl::string_view method) {
    return method == "RecordOutcome" ? testing::StoreFault::kBefore
                                     : testing::StoreFault::kNone;
  });
  EXPECT_THAT(
      engine().Abandon(Device(1), token_, protocol::AbandonReason::kData, now_),
      IsRefusal(RefusalCode::kStoreUnavailable));
  store_.SetFaults(nullptr);
  Require(engine().Abandon(Device(1), token_, protocol::AbandonReason::kData,
                           now_));
  EXPECT_EQ(OutcomeOf(1, Round().id), "abandoned: data");
}

TEST_F(AbandonTest, AbandonmentOfUnknownOutcomeIsLearntFromTheStore) {
  store_.SetFaults([](absl::string_view method) {
    return method == "RecordOutcome" ? testing::StoreFault::kAfter
                                     : testing::StoreFault::kNone;
  });
  Assign(2);
  Assign(3);
  EXPECT_FALSE(
      engine()
          .Abandon(Device(1), token_, protocol::AbandonReason::kData, now_)
          .ok());
  store_.SetFaults(nullptr);
  Restart();
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
}

}  // namespace
}  // namespace shoal::coordinator
