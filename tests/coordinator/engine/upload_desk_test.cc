#include "coordinator/engine/upload_desk.h"

#include <limits>

#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Device 1 of a round is admitted.
class UploadDeskTest : public EngineTest {
 protected:
  UploadDeskTest() {
    CreateTask();
    token_ = Assign(1).token;
  }
  // Sends `update` and returns what Finish() says.
  absl::Status FinishOf(const std::string& update) {
    UploadStart start = Require(Begin(1, token_, update));
    SHOAL_EXPECT_OK(SendRest(*start.stream, update));
    return Finish(*start.stream, std::make_shared<Outcome>());
  }
  absl::StatusOr<UploadStart> BeginClaiming(int64_t num_bytes) {
    protocol::UploadHeader header;
    header.token = token_;
    header.digest = Sha256("x");
    header.num_bytes = num_bytes;
    return engine().BeginUpload(Device(1), header, now_);
  }
  absl::Status AppendTo(UploadStream& stream, const std::string& data) {
    return stream.Append(stream.offset(), data, Crc32(data));
  }

  std::string token_;
};

// --- bytes -------------------------------------------------------------------

TEST_F(UploadDeskTest, InterruptedUploadResumesWhereItEnded) {
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

TEST_F(UploadDeskTest, QueryOfAnUnknownUploadIsZero) {
  EXPECT_EQ(Require(Query(1, token_, Update({1}))).received_bytes, 0);
}

TEST_F(UploadDeskTest, UploadMustStartAtZeroWhenNothingIsHere) {
  EXPECT_THAT(Begin(1, token_, Update({1}), 8),
              IsRefusal(RefusalCode::kUploadOffset));
}

TEST_F(UploadDeskTest, NewerStreamTakesOver) {
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

TEST_F(UploadDeskTest, OldStreamThatDiesDoesNotEndTheNewer) {
  const std::string update = Update({1});
  UploadStart old = Require(Begin(1, token_, update));
  UploadStart newer = Require(Begin(1, token_, update));
  old.stream.reset();
  EXPECT_EQ(engine().uploads_in_progress(), 1);
  newer.stream.reset();
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(UploadDeskTest, ChunkOutOfOrderIsRefusedAndAddsNothing) {
  UploadStart start = Require(Begin(1, token_, Update({1})));
  const std::string chunk = "abc";
  EXPECT_THAT(start.stream->Append(1, chunk, Crc32(chunk)),
              IsRefusal(RefusalCode::kUploadOffset));
  EXPECT_THAT(start.stream->Append(-1, chunk, Crc32(chunk)),
              IsRefusal(RefusalCode::kUploadOffset));
  EXPECT_EQ(start.stream->offset(), 0);
}

TEST_F(UploadDeskTest, CorruptChunkIsRefusedAndCanBeSentAgain) {
  const std::string update = Update({1});
  UploadStart start = Require(Begin(1, token_, update));
  EXPECT_THAT(start.stream->Append(0, "abc", Crc32("abd")),
              IsRefusal(RefusalCode::kChunkCorrupt));
  SHOAL_EXPECT_OK(SendRest(*start.stream, update));
}

TEST_F(UploadDeskTest, ChunkBeyondTheAnnouncedSizeIsRefused) {
  const std::string update = Update({1});
  UploadStart start = Require(Begin(1, token_, update));
  SHOAL_ASSERT_OK(SendRest(*start.stream, update));
  EXPECT_THAT(AppendTo(*start.stream, "x"),
              IsRefusal(RefusalCode::kUploadTooLarge));
}

TEST_F(UploadDeskTest, IncompleteUploadCannotFinish) {
  const std::string update = Update({1});
  UploadStart start = Require(Begin(1, token_, update));
  SHOAL_ASSERT_OK(AppendTo(*start.stream, update.substr(0, 20)));
  EXPECT_THAT(Finish(*start.stream, std::make_shared<Outcome>()),
              IsRefusal(RefusalCode::kUploadOffset));
  SHOAL_EXPECT_OK(SendRest(*start.stream, update));
  SHOAL_EXPECT_OK(Finish(*start.stream, std::make_shared<Outcome>()));
}

TEST_F(UploadDeskTest, BytesOfAnotherDigestAreDroppedAndCanBeSentAnew) {
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

TEST_F(UploadDeskTest, ClaimOfATebibyteIsRefusedBeforeAnythingIsReserved) {
  const auto start = BeginClaiming(int64_t{1} << 40);
  EXPECT_THAT(start, IsRefusal(RefusalCode::kUploadTooLarge));
  EXPECT_THAT(std::string(start.status().message()),
              AllOf(HasSubstr("1099511627776"), HasSubstr("72")));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: upload_too_large");
}

TEST_F(UploadDeskTest, UpdateOfASmallerModelIsRefused) {
  EXPECT_THAT(BeginClaiming(8), IsRefusal(RefusalCode::kUpdateShape));
  EXPECT_THAT(BeginClaiming(-8), IsRefusal(RefusalCode::kRoundOver))
      << "the first refusal has ended the assignment";
}

TEST_F(UploadDeskTest, FullSpoolAsksTheDeviceToComeBack) {
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

TEST_F(UploadDeskTest, UploadThatNobodyFeedsGivesWay) {
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

TEST_F(UploadDeskTest, UpdateThatIsNotFiniteIsRefusedAndTheRoundGoesOn) {
  EXPECT_THAT(FinishOf(Update({std::numeric_limits<float>::quiet_NaN()})),
              IsRefusal(RefusalCode::kUpdateNotFinite));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: update_not_finite");
  const int64_t round_id = Round().id;
  Contribute(2);
  Contribute(3);
  EXPECT_EQ(Require(memory_->GetRound(round_id)).state, RoundState::kCommitted);
}

TEST_F(UploadDeskTest, InfiniteUpdateIsRefused) {
  EXPECT_THAT(FinishOf(Update({std::numeric_limits<float>::infinity()})),
              IsRefusal(RefusalCode::kUpdateNotFinite));
}

TEST_F(UploadDeskTest, UpdateBeyondTheNormBoundIsRefused) {
  EXPECT_THAT(FinishOf(Update({1001})), IsRefusal(RefusalCode::kNormBound));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: norm_bound");
}

TEST_F(UploadDeskTest, WeightBeyondTheBoundIsRefused) {
  EXPECT_THAT(FinishOf(Update({1}, 1'000'001)),
              IsRefusal(RefusalCode::kWeightBound));
  EXPECT_EQ(OutcomeOf(1, Round().id), "refused: weight_bound");
}

TEST_F(UploadDeskTest, GarbageIsRefused) {
  EXPECT_THAT(FinishOf(std::string(Update({1}).size(), 'x')),
              IsRefusal(RefusalCode::kUpdateMalformed));
}

TEST_F(UploadDeskTest, RefusedDeviceIsNotAskedToTryAgain) {
  EXPECT_THAT(FinishOf(Update({1001})), IsRefusal(RefusalCode::kNormBound));
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(Wait(1).code, "already_contributed");
}

// --- tokens ------------------------------------------------------------------

TEST_F(UploadDeskTest, ForgedTokenIsRefused) {
  std::string forged = token_;
  forged[20] ^= 1;
  EXPECT_THAT(Begin(1, forged, Update({1})),
              IsRefusal(RefusalCode::kTokenInvalid));
  EXPECT_THAT(Query(1, "", Update({1})), IsRefusal(RefusalCode::kTokenInvalid));
  EXPECT_THAT(engine().Abandon(Device(1), "rubbish",
                               protocol::AbandonReason::kData, now_),
              IsRefusal(RefusalCode::kTokenInvalid));
}

TEST_F(UploadDeskTest, TokenOfAnotherDeviceIsRefused) {
  EXPECT_THAT(Begin(2, token_, Update({1})),
              IsRefusal(RefusalCode::kTokenInvalid));
}

TEST_F(UploadDeskTest, TokenOfAnotherDeploymentIsRefused) {
  const std::unique_ptr<RoundStore> elsewhere = MakeMemoryStore();
  const auto other = Require(
      RoundEngine::Create(options_, {*elsewhere, *spool_, rng_, log_}, now_));
  SHOAL_ASSERT_OK(other->CreateTask(SmallTask(), "", now_));
  protocol::UploadHeader header;
  header.token = token_;
  EXPECT_THAT(other->BeginUpload(Device(1), header, now_),
              IsRefusal(RefusalCode::kTokenInvalid));
}

TEST_F(UploadDeskTest, ExpiredTokenIsRefused) {
  Pass(absl::Minutes(1));
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kTokenExpired));
  Advance();
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kTokenExpired))
      << "also when the round is over";
}

TEST_F(UploadDeskTest, UploadToARoundThatIsOverIsRefused) {
  Contribute(2);
  Contribute(3);
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
  EXPECT_THAT(Query(1, token_, Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
}

// --- idempotency -------------------------------------------------------------

TEST_F(UploadDeskTest, SameUpdateGetsTheSameReceiptAgain) {
  const std::string update = Update({1});
  const auto first = Require(Send(1, token_, update));
  Advance();
  const protocol::UploadReceipt again =
      *Require(Begin(1, token_, update)).receipt;
  EXPECT_EQ(again.segment_id, Require(first->receipt).segment_id);
  EXPECT_EQ(again.digest, Sha256(update));
  EXPECT_EQ(Require(Query(1, token_, update)).receipt->segment_id,
            again.segment_id);
  EXPECT_EQ(Round().accepted, 1);
}

TEST_F(UploadDeskTest, ReceiptIsGivenAgainAfterTheDeadlineAndTheCommit) {
  const std::string update = Update({1});
  Require(Send(1, token_, update));
  Advance();
  Contribute(2);
  ASSERT_EQ(TaskNamed().rounds_committed, 1);
  Pass(absl::Hours(24));
  Advance();
  EXPECT_TRUE(Require(Begin(1, token_, update)).receipt.has_value());
  Restart();
  EXPECT_TRUE(Require(Begin(1, token_, update)).receipt.has_value());
  EXPECT_TRUE(Require(Query(1, token_, update)).receipt.has_value());
}

TEST_F(UploadDeskTest, OtherContentWithACountedTokenIsRefused) {
  Require(Send(1, token_, Update({1})));
  Advance();
  EXPECT_THAT(Begin(1, token_, Update({2})),
              IsRefusal(RefusalCode::kDigestConflict));
  EXPECT_THAT(Query(1, token_, Update({2})),
              IsRefusal(RefusalCode::kDigestConflict));
  Restart();
  EXPECT_THAT(Begin(1, token_, Update({2})),
              IsRefusal(RefusalCode::kDigestConflict));
}

TEST_F(UploadDeskTest, SecondStreamOfACompleteUpdateGetsTheReceiptToo) {
  const std::string update = Update({1});
  const auto first = Require(Send(1, token_, update));
  const int64_t size = static_cast<int64_t>(update.size());
  EXPECT_EQ(Require(Query(1, token_, update)).received_bytes, size);
  UploadStart second = Require(Begin(1, token_, update, size));
  auto outcome = std::make_shared<Outcome>();
  SHOAL_ASSERT_OK(Finish(*second.stream, outcome));
  UploadStart third = Require(Begin(1, token_, update, size));
  Advance();
  EXPECT_EQ(Require(outcome->receipt).segment_id,
            Require(first->receipt).segment_id);
  // One that asks after the update was counted.
  auto late = std::make_shared<Outcome>();
  SHOAL_ASSERT_OK(Finish(*third.stream, late));
  EXPECT_FALSE(late->called) << "Advance() tells";
  Advance();
  EXPECT_EQ(Require(late->receipt).segment_id,
            Require(first->receipt).segment_id);
  EXPECT_EQ(Round().accepted, 1);
}

TEST_F(UploadDeskTest, OtherContentBesideACompleteUpdateIsRefused) {
  Require(Send(1, token_, Update({1})));
  EXPECT_THAT(Begin(1, token_, Update({2})),
              IsRefusal(RefusalCode::kDigestConflict));
}

TEST_F(UploadDeskTest, IncompleteUpdateIsReplacedByAnother) {
  const std::string abandoned = Update({1});
  UploadStart old = Require(Begin(1, token_, abandoned));
  SHOAL_ASSERT_OK(AppendTo(*old.stream, abandoned.substr(0, 20)));
  const auto outcome = Require(Send(1, token_, Update({2})));
  EXPECT_FALSE(SendRest(*old.stream, abandoned).ok());
  Advance();
  EXPECT_EQ(Require(outcome->receipt).digest, Sha256(Update({2})));
}

// --- giving up ---------------------------------------------------------------

TEST_F(UploadDeskTest, AbandonmentIsRecordedWithItsReason) {
  const absl::Duration next = Require(engine().Abandon(
      Device(1), token_, protocol::AbandonReason::kConditions, now_));
  EXPECT_GE(next, options_.min_retry);
  EXPECT_EQ(OutcomeOf(1, Round().id), "abandoned: conditions");
  EXPECT_THAT(Begin(1, token_, Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
}

TEST_F(UploadDeskTest, AbandonmentEndsTheUploadAtHand) {
  UploadStart start = Require(Begin(1, token_, Update({1})));
  Require(engine().Abandon(Device(1), token_, protocol::AbandonReason::kBytes,
                           now_));
  EXPECT_THAT(AppendTo(*start.stream, "x"), IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(UploadDeskTest, AbandonmentAfterACompleteUpdateChangesNothing) {
  const auto outcome = Require(Send(1, token_, Update({1})));
  Require(engine().Abandon(Device(1), token_,
                           protocol::AbandonReason::kShutdown, now_));
  Advance();
  EXPECT_THAT(outcome->receipt, IsOk());
  Require(engine().Abandon(Device(1), token_,
                           protocol::AbandonReason::kShutdown, now_));
  EXPECT_EQ(OutcomeOf(1, Round().id), "contributed");
}

TEST_F(UploadDeskTest, AbandonmentOfARoundThatIsOverIsFine) {
  Contribute(2);
  Contribute(3);
  EXPECT_THAT(engine().Abandon(Device(1), token_,
                               protocol::AbandonReason::kTraining, now_),
              IsOk());
}

TEST_F(UploadDeskTest, AbandonmentThatCannotBeWrittenMayBeRepeated) {
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

TEST_F(UploadDeskTest, AbandonmentOfUnknownOutcomeIsLearntFromTheStore) {
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

// --- lost admissions ---------------------------------------------------------

// A store that has lost the newest admissions, as after a power cut.
TEST_F(UploadDeskTest, DeviceWhoseAdmissionWasLostIsCountedByItsToken) {
  const std::unique_ptr<RoundStore> recovered = MakeMemoryStore();
  const std::vector<TokenKeyRow> keys = Require(memory_->ListTokenKeys());
  SHOAL_ASSERT_OK(recovered->AddTokenKey(
      {keys[0].id, keys[0].key.Copy(), keys[0].created}));
  const auto engine = Require(
      RoundEngine::Create(options_, {*recovered, *spool_, rng_, log_}, now_));
  SHOAL_ASSERT_OK(engine->CreateTask(SmallTask(), "", now_));
  engine->Advance(now_);

  const std::string update = Update({1});
  protocol::UploadHeader header;
  header.token = token_;
  header.digest = Sha256(update);
  header.num_bytes = static_cast<int64_t>(update.size());
  UploadStart start = Require(engine->BeginUpload(Device(1), header, now_));
  SHOAL_ASSERT_OK(SendRest(*start.stream, update));
  auto outcome = std::make_shared<Outcome>();
  SHOAL_ASSERT_OK(Finish(*start.stream, outcome));
  engine->Advance(now_);
  EXPECT_THAT(outcome->receipt, IsOk());
  EXPECT_EQ(Require(recovered->GetRound(1)).accepted, 1);
  EXPECT_EQ(Require(recovered->GetRound(1)).assigned, 1);
}

}  // namespace
}  // namespace shoal::coordinator
