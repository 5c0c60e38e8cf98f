#include <string>

#include "coordinator/programs/shoalctl/round_text.h"
#include "coordinator/programs/shoalctl/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::shoalctl {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(TextTest, TablesAreAlignedAndNumbersStandRight) {
  Table table({"NAME", "COUNT"});
  table.Add({"a", "5"});
  table.Add({"long name", "1234567"});
  EXPECT_EQ(table.ToString(),
            "NAME         COUNT\n"
            "a                5\n"
            "long name  1234567\n");
}

TEST(TextTest, LinesOfATableEndWithoutSpaces) {
  Table table({"A", "B"});
  table.Add({"x", "y"});
  table.Add({"x", "longer"});
  EXPECT_EQ(table.ToString(), "A  B\nx  y\nx  longer\n");
}

TEST(TextTest, TimesAreRelative) {
  EXPECT_EQ(Relative(kNow, kNow), "0 s ago");
  EXPECT_EQ(Relative(kNow - absl::Seconds(90), kNow), "90 s ago");
  EXPECT_EQ(Relative(kNow - absl::Minutes(119), kNow), "119 min ago");
  EXPECT_EQ(Relative(kNow - absl::Hours(30), kNow), "30 h ago");
  EXPECT_EQ(Relative(kNow + absl::Hours(72), kNow), "in 3 d");
}

TEST(TextTest, SizesHaveTheirUnit) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(1023), "1023 B");
  EXPECT_EQ(Bytes(1536), "1.5 KiB");
  EXPECT_EQ(Bytes(uint64_t{5} << 30), "5.0 GiB");
}

TEST(TextTest, NothingIsADash) {
  EXPECT_EQ(ShortDigest(""), "-");
  EXPECT_EQ(OrDash(""), "-");
  EXPECT_EQ(Since(false, {}, kNow), "-");
}

TEST(TextTest, DigestsAreShortInTables) {
  EXPECT_EQ(ShortDigest(std::string(32, '\xab')), "abababababab");
}

TEST(RoundTextTest, LineSaysWhatMatters) {
  v1::RoundReport round;
  round.set_id(7);
  round.set_number(3);
  round.set_state(v1::ROUND_STATE_COMMITTED);
  round.set_accepted(16);
  round.set_cohort(20);
  round.set_train_loss(0.41234);
  round.set_train_accuracy(0.875);
  EXPECT_EQ(RoundLine(round),
            "round 7  model 3  committed  16/20 reports  loss 0.4123  "
            "accuracy 87.5 %");
}

TEST(RoundTextTest, FailureIsNamed) {
  v1::RoundReport round;
  round.set_state(v1::ROUND_STATE_FAILED);
  round.set_failure("min_reports");
  EXPECT_THAT(RoundLine(round), HasSubstr("failed (min_reports)"));
  EXPECT_THAT(RoundFields(round, kNow), HasSubstr("failed (min_reports)"));
}

}  // namespace
}  // namespace shoal::shoalctl
