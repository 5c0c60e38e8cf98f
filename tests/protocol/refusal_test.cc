#include "protocol/refusal.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/exit_code.h"
#include "protocol/round_failure.h"

namespace shoal::protocol {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;

template <typename Rows>
void ExpectUniqueSnakeCaseNames(const Rows& rows) {
  std::set<std::string> names;
  for (const auto& row : rows) {
    const std::string name(row.name);
    EXPECT_THAT(name, MatchesRegex("[a-z][a-z_]*[a-z]"));
    EXPECT_TRUE(names.insert(name).second) << name << " appears twice";
    EXPECT_THAT(std::string(row.meaning), EndsWith(".")) << name;
    EXPECT_THAT(std::string(row.remedy), EndsWith(".")) << name;
  }
}

TEST(RefusalCatalogueTest, NamesAreUniqueSnakeCase) {
  ExpectUniqueSnakeCaseNames(AllRefusals());
}

TEST(RefusalCatalogueTest, HoldsEveryCodeAtItsPlace) {
  const int last = static_cast<int>(RefusalCode::kShuttingDown);
  ASSERT_EQ(static_cast<int>(AllRefusals().size()), last + 1);
  for (int i = 0; i <= last; ++i) {
    EXPECT_EQ(static_cast<int>(AllRefusals()[i].code), i);
  }
}

TEST(RefusalCatalogueTest, EveryNameLeadsBackToItsCode) {
  for (const RefusalInfo& info : AllRefusals()) {
    EXPECT_EQ(RefusalCodeFromName(info.name), info.code);
  }
  EXPECT_EQ(RefusalCodeFromName("from_the_future"), std::nullopt);
}

TEST(RefusalCatalogueTest, NoRefusalTravelsAsOk) {
  for (const RefusalInfo& info : AllRefusals()) {
    EXPECT_NE(info.status, absl::StatusCode::kOk) << info.name;
  }
}

TEST(RefusalErrorTest, CarriesTheRefusalThroughAStatus) {
  const absl::Status status =
      RefusalError(RefusalCode::kNormBound, "norm 7 is above the bound, 5",
                   absl::Minutes(2));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()),
            "norm_bound: norm 7 is above the bound, 5");
  const std::optional<Refusal> refusal = RefusalOf(status);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, RefusalCode::kNormBound);
  EXPECT_EQ(refusal->sentence, "norm 7 is above the bound, 5");
  EXPECT_EQ(refusal->retry_after, absl::Minutes(2));
}

TEST(RefusalErrorTest, GivesNoAdviceUnlessTold) {
  EXPECT_EQ(RefusalOf(RefusalError(RefusalCode::kNoTask, "none"))->retry_after,
            absl::ZeroDuration());
}

TEST(RefusalErrorTest, AnOrdinaryErrorHoldsNoRefusal) {
  EXPECT_EQ(RefusalOf(absl::InternalError("norm_bound: 7")), std::nullopt);
  EXPECT_EQ(RefusalOf(absl::OkStatus()), std::nullopt);
}

TEST(RoundFailureTest, NamesAreUniqueSnakeCase) {
  ExpectUniqueSnakeCaseNames(AllRoundFailures());
}

TEST(RoundFailureTest, EveryNameLeadsBackToItsFailure) {
  for (const RoundFailureInfo& info : AllRoundFailures()) {
    EXPECT_EQ(ToString(info.failure), info.name);
    EXPECT_EQ(RoundFailureFromName(info.name), info.failure);
  }
  EXPECT_EQ(RoundFailureFromName("boredom"), std::nullopt);
}

TEST(ExitCodeTest, CodesCountUpFromZero) {
  int expected = 0;
  for (const ExitCodeInfo& info : AllExitCodes()) {
    EXPECT_EQ(static_cast<int>(info.code), expected++);
  }
}

}  // namespace
}  // namespace shoal::protocol
