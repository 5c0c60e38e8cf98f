#include "coordinator/engine/upload_desk.h"

#include "tests/coordinator/engine/upload_desk_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;

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
