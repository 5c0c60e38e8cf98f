// Devices that are forgotten.
#include <memory>
#include <string>
#include <vector>

#include "tests/coordinator/engine/upload_desk_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;

class ForgetTest : public UploadDeskTest {
 protected:
  void Forget(int device) {
    SHOAL_ASSERT_OK(engine().ForgetDevice(Device(device).id));
  }
};

TEST_F(ForgetTest, ForgottenDeviceIsRefusedWhateverItAsks) {
  Forget(1);
  EXPECT_THAT(CheckIn(1), IsRefusal(RefusalCode::kForgotten));
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kForgotten));
  EXPECT_THAT(Query(1, token_, Update({1})),
              IsRefusal(RefusalCode::kForgotten));
  EXPECT_THAT(
      engine().Abandon(Device(1), token_, protocol::AbandonReason::kData, now_),
      IsRefusal(RefusalCode::kForgotten));
  EXPECT_THAT(engine().CheckNotForgotten(Device(1).id),
              IsRefusal(RefusalCode::kForgotten));
  SHOAL_EXPECT_OK(engine().CheckNotForgotten(Device(2).id));
}

TEST_F(ForgetTest, RefusalsOutliveARestart) {
  Forget(1);
  Restart();
  EXPECT_THAT(CheckIn(1), IsRefusal(RefusalCode::kForgotten));
}

TEST_F(ForgetTest, ItMayBeAskedAgain) {
  Forget(1);
  Forget(1);
  Forget(99);
}

TEST_F(ForgetTest, StoreThatFailsForgetsNothing) {
  store_.SetFaults([](absl::string_view method) {
    return method == "ForgetDevice" ? testing::StoreFault::kBefore
                                    : testing::StoreFault::kNone;
  });
  EXPECT_THAT(engine().ForgetDevice(Device(1).id),
              IsRefusal(RefusalCode::kStoreUnavailable));
  store_.SetFaults(nullptr);
  SHOAL_EXPECT_OK(Send(1, token_, Update({1})));
}

TEST_F(ForgetTest, StoreThatCannotTellLetsNobodyIn) {
  store_.SetFaults([](absl::string_view method) {
    return method == "IsForgotten" ? testing::StoreFault::kBefore
                                   : testing::StoreFault::kNone;
  });
  EXPECT_THAT(CheckIn(2), IsRefusal(RefusalCode::kStoreUnavailable));
}

TEST_F(ForgetTest, UploadAtHandIsDropped) {
  UploadStart start = Require(Begin(1, token_, Update({1})));
  Forget(1);
  EXPECT_THAT(AppendTo(*start.stream, "x"), IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(ForgetTest, CompleteUpdateThatIsNotCountedIsDropped) {
  const auto outcome = Require(Send(1, token_, Update({1})));
  Forget(1);
  Advance();
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(Round().accepted, 0);
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

// The moment between the two is the store's: it refuses what came too late.
TEST_F(ForgetTest, UpdateThatIsBeingCommittedMeanwhileIsRefusedByTheStore) {
  const auto outcome = Require(Send(1, token_, Update({1})));
  store_.SetFaults([&](absl::string_view method) {
    if (method == "CommitSegment") {
      EXPECT_THAT(memory_->ForgetDevice(Device(1).id), IsOk());
    }
    return testing::StoreFault::kNone;
  });
  Advance();
  store_.SetFaults(nullptr);
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(Round().accepted, 0);
  SHOAL_EXPECT_OK(engine().ForgetDevice(Device(1).id));
}

TEST_F(ForgetTest, BatchThatIsTriedAgainLeavesTheForgottenOut) {
  const auto outcome = Require(Send(1, token_, Update({1})));
  const auto other = Require(Send(2, Assign(2).token, Update({2})));
  bool failed = false;
  store_.SetFaults([&](absl::string_view method) {
    if (method != "CommitSegment" || failed) return testing::StoreFault::kNone;
    failed = true;
    EXPECT_THAT(engine().ForgetDevice(Device(1).id), IsOk());
    return testing::StoreFault::kBefore;
  });
  Advance();
  Pass(absl::Seconds(10));
  Advance();
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kRoundOver));
  EXPECT_THAT(other->receipt, IsOk());
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(ForgetTest, LostPlaceDoesNotKeepTheRoundWaiting) {
  Assign(2);
  const std::string last = Assign(3).token;  // all places are taken
  Forget(1);
  Forget(2);
  const int64_t id = Round().id;
  Require(Send(3, last, Update({1})));
  Advance();
  const RoundRow round = Require(memory_->GetRound(id));
  EXPECT_EQ(round.state, RoundState::kCommitted);
  EXPECT_EQ(round.assigned, 3);
  EXPECT_THAT(Require(memory_->ListAssignments(id)), ::testing::SizeIs(1));
}

enum class When { kNever, kWhileCollecting, kWhileSealed };

// What is in the sum stays there, and a sealed round is committed as sealed.
TEST_F(ForgetTest, RoundWithAForgottenContributorCommitsTheSameModel) {
  // Rounds of their own populations, to which two devices contribute; the
  // first of them is forgotten.
  const auto committed = [this](const std::string& name, int first, When when) {
    configuration::Task task = SmallTask(name);
    task.population = name;
    CreateTask(task);
    protocol::CheckIn hello = Hello();
    hello.population = name;
    const int64_t id = Round(name).id;
    const auto contribute = [&](int device, const std::vector<float>& delta) {
      const auto answer = Require(CheckIn(device, hello));
      const auto& assignment = std::get<protocol::Assignment>(answer.answer);
      Require(Send(device, assignment.token, Update(delta, 3)));
      Advance();
    };
    contribute(first, {0.1f, -3, 0.7f});
    if (when == When::kWhileCollecting) Forget(first);
    store_.SetFaults([&](absl::string_view method) {
      if (when == When::kWhileSealed && method == "GetOptimizerState") {
        EXPECT_EQ(Require(memory_->GetRound(id)).state, RoundState::kSealed);
        EXPECT_THAT(memory_->ForgetDevice(Device(first).id), IsOk());
      }
      return testing::StoreFault::kNone;
    });
    contribute(first + 1, {0.25f, 1e-3f});
    store_.SetFaults(nullptr);
    const RoundRow round = Require(memory_->GetRound(id));
    EXPECT_EQ(round.accepted, 2);
    EXPECT_THAT(Require(memory_->ListContributions(id)),
                ::testing::SizeIs(when == When::kNever ? 2 : 1));
    return round.committed_model;
  };

  const Digest expected = committed("calm", 11, When::kNever);
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(committed("collecting", 21, When::kWhileCollecting), expected);
  EXPECT_EQ(committed("sealed", 31, When::kWhileSealed), expected);
}

TEST_F(ForgetTest, MinimumSeparationOfTheOthersIsKept) {
  configuration::Task task = SmallTask("spaced");
  task.population = "spaced";
  task.round.min_separation = 3;
  CreateTask(task);
  protocol::CheckIn hello = Hello();
  hello.population = "spaced";
  for (int device : {1, 2}) {
    const auto answer = Require(CheckIn(device, hello));
    const auto& assignment = std::get<protocol::Assignment>(answer.answer);
    Require(Send(device, assignment.token, Update({1})));
    Advance();
  }
  Forget(1);
  const auto answer = Require(CheckIn(2, hello));
  EXPECT_EQ(std::get<protocol::RetryAfter>(answer.answer).code,
            "min_separation");
}

}  // namespace
}  // namespace shoal::coordinator
