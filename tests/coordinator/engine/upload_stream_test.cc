#include "coordinator/engine/upload_stream.h"

#include <limits>

#include "tests/coordinator/engine/upload_desk_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class UploadStreamTest : public UploadDeskTest {};

// --- bytes -------------------------------------------------------------------

TEST_F(UploadStreamTest, InterruptedUploadResumesWhereItEnded) {
  const std::string update = Update({1, 2, 3});
  {
    UploadStart start = Require(Begin(1, token_, update));
    SHOAL_ASSERT_OK(AppendTo(*start.stream, update.substr(0, 30)));
  }
  EXPECT_EQ(Require(Query(1, token_, update)).received_bytes, 30);
  EXPECT_THAT(Begin(1, token_, update, 10),
              IsRefusal(RefusalCode::kUploadOffset));
  UploadStart start = Require(Begin(1, token_, update, 30));
  EXPECT_EQ(start.stream->offset(), 30);
  SHOAL_ASSERT_OK(SendRest(*start.stream, update));
  auto outcome = std::make_shared<Outcome>();
  SHOAL_ASSERT_OK(Finish(*start.stream, outcome));
  Advance();
  EXPECT_EQ(Require(outcome->receipt).digest, Sha256(update));
}

TEST_F(UploadStreamTest, SharedUpdateCountsLikeOneInChunks) {
  const std::string update = Update({1, 2, 3});
  UploadStart start = Require(Begin(1, token_, update));
  const auto shared = std::make_shared<const std::string>(update);
  SHOAL_ASSERT_OK(start.stream->Share(shared));
  EXPECT_EQ(start.stream->offset(), static_cast<int64_t>(update.size()));
  EXPECT_EQ(shared.use_count(), 2);
  auto outcome = std::make_shared<Outcome>();
  SHOAL_ASSERT_OK(Finish(*start.stream, outcome));
  Advance();
  EXPECT_EQ(Require(outcome->receipt).digest, Sha256(update));
}

TEST_F(UploadStreamTest, UpdateIsSharedWholeOrNotAtAll) {
  const std::string update = Update({1, 2, 3});
  UploadStart start = Require(Begin(1, token_, update));
  EXPECT_THAT(
      start.stream->Share(std::make_shared<const std::string>(update + "x")),
      IsRefusal(RefusalCode::kUploadTooLarge));
  SHOAL_ASSERT_OK(AppendTo(*start.stream, update.substr(0, 10)));
  EXPECT_THAT(start.stream->Share(std::make_shared<const std::string>(update)),
              IsRefusal(RefusalCode::kUploadOffset));
}

TEST_F(UploadStreamTest, QueryOfAnUnknownUploadIsZero) {
  EXPECT_EQ(Require(Query(1, token_, Update({1}))).received_bytes, 0);
}

TEST_F(UploadStreamTest, UploadMustStartAtZeroWhenNothingIsHere) {
  EXPECT_THAT(Begin(1, token_, Update({1}), 8),
              IsRefusal(RefusalCode::kUploadOffset));
}

TEST_F(UploadStreamTest, NewerStreamTakesOver) {
  const std::string update = Update({1});
  UploadStart old = Require(Begin(1, token_, update));
  SHOAL_ASSERT_OK(AppendTo(*old.stream, update.substr(0, 10)));
  UploadStart newer = Require(Begin(1, token_, update, 10));
  EXPECT_THAT(AppendTo(*old.stream, update.substr(10, 10)),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Finish(*old.stream, std::make_shared<Outcome>()),
              StatusIs(absl::StatusCode::kAborted));
  SHOAL_EXPECT_OK(SendRest(*newer.stream, update));
}

TEST_F(UploadStreamTest, OldStreamThatDiesDoesNotEndTheNewer) {
  const std::string update = Update({1});
  UploadStart old = Require(Begin(1, token_, update));
  UploadStart newer = Require(Begin(1, token_, update));
  old.stream.reset();
  EXPECT_EQ(engine().uploads_in_progress(), 1);
  newer.stream.reset();
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(UploadStreamTest, ChunkOutOfOrderIsRefusedAndAddsNothing) {
  UploadStart start = Require(Begin(1, token_, Update({1})));
  const std::string chunk = "abc";
  EXPECT_THAT(start.stream->Append(1, chunk, Crc32(chunk)),
              IsRefusal(RefusalCode::kUploadOffset));
  EXPECT_THAT(start.stream->Append(-1, chunk, Crc32(chunk)),
              IsRefusal(RefusalCode::kUploadOffset));
  EXPECT_EQ(start.stream->offset(), 0);
}

TEST_F(UploadStreamTest, CorruptChunkIsRefusedAndCanBeSentAgain) {
  const std::string update = Update({1});
  UploadStart start = Require(Begin(1, token_, update));
  EXPECT_THAT(start.stream->Append(0, "abc", Crc32("abd")),
              IsRefusal(RefusalCode::kChunkCorrupt));
  SHOAL_EXPECT_OK(SendRest(*start.stream, update));
}

TEST_F(UploadStreamTest, ChunkBeyondTheAnnouncedSizeIsRefused) {
  const std::string update = Update({1});
  UploadStart start = Require(Begin(1, token_, update));
  SHOAL_ASSERT_OK(SendRest(*start.stream, update));
  EXPECT_THAT(AppendTo(*start.stream, "x"),
              IsRefusal(RefusalCode::kUploadTooLarge));
}

TEST_F(UploadStreamTest, IncompleteUploadCannotFinish) {
  const std::string update = Update({1});
  UploadStart start = Require(Begin(1, token_, update));
  SHOAL_ASSERT_OK(AppendTo(*start.stream, update.substr(0, 20)));
  EXPECT_THAT(Finish(*start.stream, std::make_shared<Outcome>()),
              IsRefusal(RefusalCode::kUploadOffset));
  SHOAL_EXPECT_OK(SendRest(*start.stream, update));
  SHOAL_EXPECT_OK(Finish(*start.stream, std::make_shared<Outcome>()));
}

TEST_F(UploadStreamTest, BytesOfAnotherDigestAreDroppedAndCanBeSentAnew) {
  const std::string update = Update({1});
  std::string other = update;
  other.back() ^= 1;
  UploadStart start = Require(Begin(1, token_, update));
  SHOAL_ASSERT_OK(SendRest(*start.stream, other));
  EXPECT_THAT(Finish(*start.stream, std::make_shared<Outcome>()),
              IsRefusal(RefusalCode::kDigestMismatch));
  EXPECT_EQ(Require(Query(1, token_, update)).received_bytes, 0);
  EXPECT_THAT(Send(1, token_, update), IsOk());
}

// --- sizes and space ---------------------------------------------------------

TEST_F(UploadStreamTest, ClaimOfATebibyteIsRefusedBeforeAnythingIsReserved) {
  const auto start = BeginClaiming(int64_t{1} << 40);
  EXPECT_THAT(start, IsRefusal(RefusalCode::kUploadTooLarge));
  EXPECT_THAT(std::string(start.status().message()),
              AllOf(HasSubstr("1099511627776"), HasSubstr("88")));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: upload_too_large");
}

TEST_F(UploadStreamTest, UpdateOfASmallerModelIsRefused) {
  EXPECT_THAT(BeginClaiming(8), IsRefusal(RefusalCode::kUpdateShape));
  EXPECT_THAT(BeginClaiming(-8), IsRefusal(RefusalCode::kRoundOver))
      << "the first refusal has ended the assignment";
}

TEST_F(UploadStreamTest, FullSpoolAsksTheDeviceToComeBack) {
  const std::string update = Update({1});
  spool_ = MakeMemorySpool(static_cast<int64_t>(update.size()));
  Restart();
  const std::string second = Assign(2).token;
  UploadStart start = Require(Begin(1, token_, update));
  const auto refused = Begin(2, second, update);
  EXPECT_THAT(refused, IsRefusal(RefusalCode::kOverloaded));
  EXPECT_GT(protocol::RefusalOf(refused.status())->retry_after,
            absl::ZeroDuration());
  SHOAL_ASSERT_OK(SendRest(*start.stream, update));
  SHOAL_ASSERT_OK(Finish(*start.stream, std::make_shared<Outcome>()));
  start.stream.reset();
  Advance();
  EXPECT_THAT(Begin(2, second, update), IsOk()) << "the first one is counted";
}

TEST_F(UploadStreamTest, UploadThatNobodyFeedsGivesWay) {
  const std::string update = Update({1});
  spool_ = MakeMemorySpool(static_cast<int64_t>(update.size()));
  Restart();
  const std::string second = Assign(2).token;
  {
    UploadStart start = Require(Begin(1, token_, update));
    SHOAL_ASSERT_OK(AppendTo(*start.stream, update.substr(0, 9)));
  }
  EXPECT_THAT(Begin(2, second, update), IsOk());
  EXPECT_EQ(Require(Query(1, token_, update)).received_bytes, 0);
}

// --- contents ----------------------------------------------------------------

TEST_F(UploadStreamTest, UpdateThatIsNotFiniteIsRefusedAndTheRoundGoesOn) {
  EXPECT_THAT(FinishOf(Update({std::numeric_limits<float>::quiet_NaN()})),
              IsRefusal(RefusalCode::kUpdateNotFinite));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: update_not_finite");
  const int64_t round_id = Round().id;
  Contribute(2);
  Contribute(3);
  EXPECT_EQ(Require(memory_->GetRound(round_id)).state, RoundState::kCommitted);
}

TEST_F(UploadStreamTest, InfiniteUpdateIsRefused) {
  EXPECT_THAT(FinishOf(Update({std::numeric_limits<float>::infinity()})),
              IsRefusal(RefusalCode::kUpdateNotFinite));
}

TEST_F(UploadStreamTest, UpdateBeyondTheNormBoundIsRefused) {
  EXPECT_THAT(FinishOf(Update({1001})), IsRefusal(RefusalCode::kNormBound));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: norm_bound");
}

TEST_F(UploadStreamTest, WeightBeyondTheBoundIsRefused) {
  EXPECT_THAT(FinishOf(Update({1}, 1'000'001)),
              IsRefusal(RefusalCode::kWeightBound));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: weight_bound");
}

TEST_F(UploadStreamTest, GarbageIsRefused) {
  EXPECT_THAT(FinishOf(std::string(Update({1}).size(), 'x')),
              IsRefusal(RefusalCode::kUpdateMalformed));
}

TEST_F(UploadStreamTest, RefusedDeviceIsNotAskedToTryAgain) {
  EXPECT_THAT(FinishOf(Update({1001})), IsRefusal(RefusalCode::kNormBound));
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(Wait(1).code, "already_contributed");
}

}  // namespace
}  // namespace shoal::coordinator
