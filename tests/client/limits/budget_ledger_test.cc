#include "client/limits/budget_ledger.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

constexpr Amounts kPerDay = {240, 24'000};  // 10 J and 1000 bytes an hour
const RoundKey kRound = {"digits", 7};

class BudgetLedgerTest : public ::testing::Test {
 protected:
  BudgetLedgerTest() { Open(); }

  void Open(const Amounts& per_day = kPerDay) {
    BudgetLimits limits;
    limits.per_day = per_day;
    auto ledger = BudgetLedger::Open(limits, record_, moments_);
    SHOAL_ASSERT_OK(ledger.status());
    ledger_ = *std::move(ledger);
  }
  void Spend(const Amounts& amount) {
    SHOAL_ASSERT_OK(ledger_->Reserve(amount, std::nullopt));
    SHOAL_ASSERT_OK(ledger_->Settle(amount));
  }

  VirtualClock clock_;
  const ClockMoments moments_{clock_};
  MemoryRecord record_;
  std::unique_ptr<BudgetLedger> ledger_;
};

TEST_F(BudgetLedgerTest, BucketsStartFull) {
  EXPECT_EQ(ledger_->Left(), kPerDay);
}

TEST_F(BudgetLedgerTest, WhatWasReservedAndNotSpentGoesBack) {
  SHOAL_ASSERT_OK(ledger_->Reserve({100, 5000}, kRound));
  EXPECT_EQ(ledger_->Left(), kPerDay);
  EXPECT_EQ(ledger_->reserved(), (Amounts{100, 5000}));
  SHOAL_ASSERT_OK(ledger_->Settle({60, 1000}));
  EXPECT_EQ(ledger_->Left(), (Amounts{180, 23'000}));
  EXPECT_EQ(ledger_->SpentOn(kRound), (Amounts{60, 1000}));
}

TEST_F(BudgetLedgerTest, RefillsEvenlyUpToADay) {
  Spend({140, 4000});
  clock_.Advance(absl::Hours(3));
  EXPECT_EQ(ledger_->Left(), (Amounts{130, 23'000}));
  clock_.Advance(absl::Hours(100));
  EXPECT_EQ(ledger_->Left(), kPerDay);
}

TEST_F(BudgetLedgerTest, FullBucketDoesNotRefillBehindAReservation) {
  SHOAL_ASSERT_OK(ledger_->Reserve({100, 0}, std::nullopt));
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(ledger_->Left(), kPerDay);
  SHOAL_ASSERT_OK(ledger_->Settle({100, 0}));
  EXPECT_EQ(ledger_->Left().joules, 140);
}

// A device whose calendar is put right late.
class Boots final : public MomentSource {
 public:
  Moment Now() const override { return moment; }
  Moment moment;
};

const absl::Time kNoon = absl::FromUnixSeconds(1'800'000'000);

TEST(BudgetLedgerBootTest, TimeOffFillsNoMoreThanWasMissingAtTheBoot) {
  Boots boots;
  MemoryRecord record;
  boots.moment = {"a", absl::Hours(1), kNoon};
  SHOAL_ASSERT_OK_AND_ASSIGN(auto ledger,
                             BudgetLedger::Open({kPerDay}, record, boots));
  SHOAL_ASSERT_OK(ledger->Reserve({40, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger->Settle({40, 0}));
  // Off for days; the calendar has forgotten. 200 J are left, 190 are spent.
  boots.moment = {"b", absl::ZeroDuration(), absl::UnixEpoch()};
  SHOAL_ASSERT_OK_AND_ASSIGN(ledger,
                             BudgetLedger::Open({kPerDay}, record, boots));
  EXPECT_EQ(ledger->Left().joules, 200);
  SHOAL_ASSERT_OK(ledger->Reserve({190, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger->Settle({190, 0}));
  // The bucket would have been full at the boot: 40 J more than it was.
  boots.moment = {"b", absl::Hours(1), kNoon + absl::Hours(100)};
  EXPECT_EQ(ledger->Left().joules, 10 + 40 + 10);
}

TEST(BudgetLedgerBootTest, TimeOffDoesNotFillWhatAFullBucketWouldHaveLost) {
  Boots boots;
  MemoryRecord record;
  boots.moment = {"a", absl::Hours(1), kNoon};
  SHOAL_ASSERT_OK_AND_ASSIGN(auto ledger,
                             BudgetLedger::Open({kPerDay}, record, boots));
  SHOAL_ASSERT_OK(ledger->Reserve({200, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger->Settle({200, 0}));
  // Ten hours after a boot without a calendar 100 J have come in, which a
  // bucket that was full at the boot would not have taken.
  boots.moment = {"b", absl::Hours(10), absl::UnixEpoch()};
  EXPECT_EQ(ledger->Left().joules, 140);
  SHOAL_ASSERT_OK(ledger->Reserve({140, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger->Settle({140, 0}));
  boots.moment = {"b", absl::Hours(10), kNoon + absl::Hours(100)};
  EXPECT_EQ(ledger->Left().joules, 100);
}

TEST_F(BudgetLedgerTest, OverdrawnBucketRefillsFromBelowZero) {
  SHOAL_ASSERT_OK(ledger_->Reserve({240, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger_->Settle({260, 0}));
  EXPECT_EQ(ledger_->Left().joules, -20);
  EXPECT_EQ(ledger_->TimeUntil({30, 0}), absl::Hours(5));
  EXPECT_EQ(ledger_->TimeUntil({241, 0}), absl::InfiniteDuration());
  EXPECT_EQ(ledger_->TimeUntil({-30, 0}), absl::ZeroDuration());
}

TEST_F(BudgetLedgerTest, WhoWaitsForAnAmountFindsIt) {
  SeededRng rng(1);
  for (int i = 0; i < 1000; ++i) {
    SHOAL_ASSERT_OK(ledger_->Reserve({240 * rng.Uniform(), 0}, std::nullopt));
    SHOAL_ASSERT_OK(ledger_->Settle({240 * rng.Uniform(), 0}));
    const Amounts wanted = {240 * rng.Uniform(), 0};
    clock_.Advance(ledger_->TimeUntil(wanted));
    ASSERT_GE(ledger_->Left().joules, wanted.joules) << i;
  }
}

TEST_F(BudgetLedgerTest, StateSurvivesARestart) {
  SHOAL_ASSERT_OK(ledger_->Reserve({100, 5000}, kRound));
  SHOAL_ASSERT_OK(ledger_->Settle({40, 4000}));
  clock_.Advance(absl::Hours(1));
  Open();
  EXPECT_EQ(ledger_->Left(), (Amounts{210, 21'000}));
  EXPECT_EQ(ledger_->SpentOn(kRound), (Amounts{40, 4000}));
  EXPECT_EQ(ledger_->state().num_crashes, 0);
}

TEST_F(BudgetLedgerTest, ReservationThatNobodySettledIsSpent) {
  SHOAL_ASSERT_OK(ledger_->Reserve({50, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger_->Reserve({100, 5000}, kRound));  // as the plan came
  Open();
  EXPECT_EQ(ledger_->Left(), (Amounts{140, 19'000}));
  EXPECT_EQ(ledger_->SpentOn(kRound), (Amounts{100, 5000}));
  EXPECT_EQ(ledger_->state().num_crashes, 1);
  EXPECT_FALSE(ledger_->is_open());
}

TEST_F(BudgetLedgerTest, RoundsAreCountedOverTheirSessions) {
  for (int session = 0; session < 3; ++session) {
    SHOAL_ASSERT_OK(ledger_->Reserve({10, 100}, kRound));
    SHOAL_ASSERT_OK(ledger_->Settle({5, 100}));
  }
  EXPECT_EQ(ledger_->SpentOn(kRound), (Amounts{15, 300}));
  EXPECT_EQ(ledger_->SpentOn({"digits", 8}), Amounts());
}

TEST_F(BudgetLedgerTest, LimitsMayChangeBetweenRuns) {
  Spend({40, 0});
  Open({100, 24'000});
  EXPECT_EQ(ledger_->Left().joules, 100);
  Open({kUnlimited, 24'000});
  EXPECT_EQ(ledger_->Left().joules, kUnlimited);
  Open({50, 24'000});
  EXPECT_EQ(ledger_->Left().joules, 50);
}

TEST_F(BudgetLedgerTest, DamagedBookStartsWithEmptyBuckets) {
  SHOAL_ASSERT_OK(record_.Save("nonsense"));
  Open();
  EXPECT_EQ(ledger_->Left(), Amounts());
  EXPECT_THAT(ledger_->opening_note(), HasSubstr("damaged"));
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(ledger_->Left(), (Amounts{10, 1000}));
  Open();
  EXPECT_EQ(ledger_->Left(), (Amounts{10, 1000}));
  EXPECT_EQ(ledger_->opening_note(), "");
}

TEST_F(BudgetLedgerTest, EveryCutOfTheBookIsNoticed) {
  SHOAL_ASSERT_OK(ledger_->Reserve({10, 100}, kRound));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes, record_.Load());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeLedger(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] ^= 0x10;
    EXPECT_THAT(DecodeLedger(flipped), StatusIs(absl::StatusCode::kDataLoss))
        << at;
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const LedgerState state, DecodeLedger(bytes));
  EXPECT_EQ(EncodeLedger(state), bytes);
}

TEST_F(BudgetLedgerTest, FlagsAreZeroOrOne) {
  LedgerState state;
  state.time.boot = "b";
  std::string bytes = EncodeLedger(state);
  // Behind magic, version, boot and two times.
  bytes[4 + 2 + 5 + 8 + 8] = 2;
  bytes.resize(bytes.size() - 4);
  AppendU32(bytes, Crc32(bytes));
  EXPECT_THAT(DecodeLedger(bytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("numbers")));
}

class FullDisk final : public Record {
 public:
  absl::StatusOr<std::string> Load() override {
    return absl::NotFoundError("none");
  }
  absl::Status Save(absl::string_view) override {
    return absl::ResourceExhaustedError("No space left on device");
  }
};

TEST_F(BudgetLedgerTest, ReservationThatCannotBeWrittenIsNone) {
  FullDisk disk;
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto ledger,
                             BudgetLedger::Open({kPerDay}, disk, moments_));
  EXPECT_THAT(ledger->Reserve({1, 1}, std::nullopt),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("cannot be written")));
  EXPECT_FALSE(ledger->is_open());
  EXPECT_EQ(ledger->Left(), kPerDay);
}

TEST(BudgetTextTest, AmountsAreForPeople) {
  EXPECT_EQ(JoulesText(0), "0 J");
  EXPECT_EQ(JoulesText(0.0204), "20.4 mJ");
  EXPECT_EQ(JoulesText(1.5), "1.5 J");
  EXPECT_EQ(JoulesText(-3200), "-3.2 kJ");
  EXPECT_EQ(BytesText(34), "34 bytes");
  EXPECT_EQ(BytesText(1'234'567), "1.23 MB");
}

}  // namespace
}  // namespace shoal::client
