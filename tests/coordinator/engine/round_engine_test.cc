// The life of rounds, end to end.
#include "coordinator/engine/round_engine.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "learning/model.h"
#include "protocol/round_failure.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using RoundEngineTest = EngineTest;

TEST_F(RoundEngineTest, RoundOpensAsSoonAsTheTaskExists) {
  CreateTask();
  EXPECT_EQ(Round().state, RoundState::kOpen);
  EXPECT_EQ(Round().number, 1);
  EXPECT_EQ(Round().max_assigned, 3);
}

TEST_F(RoundEngineTest, CohortOfReportsMovesTheModelByTheirWeightedMean) {
  CreateTask();
  const protocol::Assignment first = Assign(1);
  const protocol::Assignment second = Assign(2);
  const auto one = Require(Send(1, first.token, Update({1, 2}, 3)));
  const auto two = Require(Send(2, second.token, Update({5, 0}, 1)));
  Advance();

  EXPECT_THAT(one->receipt, IsOk());
  EXPECT_THAT(two->receipt, IsOk());
  // (3 * 1 + 1 * 5) / 4 and (3 * 2 + 0) / 4, from a model of zeros.
  EXPECT_THAT(Model(), ElementsAre(2, 1.5, 0, 0, 0, 0));
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  EXPECT_EQ(Round().state, RoundState::kOpen) << "the next round is open";
  EXPECT_EQ(Round().number, 2);
}

TEST_F(RoundEngineTest, CommittedRoundTellsWhatDevicesReported) {
  CreateTask();
  const int64_t round_id = Round().id;
  Contribute(1, {3, 4});
  Contribute(2, {0, 1});
  const RoundRow round = Require(memory_->GetRound(round_id));
  EXPECT_EQ(round.state, RoundState::kCommitted);
  EXPECT_EQ(round.accepted, 2);
  EXPECT_EQ(round.total_examples, 2);
  EXPECT_DOUBLE_EQ(*round.train_loss, 0.5);
  EXPECT_DOUBLE_EQ(*round.train_accuracy, 0);
  EXPECT_DOUBLE_EQ(round.median_norm, 3);
  EXPECT_EQ(round.committed_model, TaskNamed().current_model);
  EXPECT_EQ(OutcomeOf(1, round_id), "contributed");
}

}  // namespace
}  // namespace shoal::coordinator
