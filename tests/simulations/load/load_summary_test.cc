#include "simulations/load/load_summary.h"

#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

LoadSummary Example() {
  CallLog log;
  log.AddCall({.kind = CallKind::kCheckIn,
               .start = absl::Seconds(1),
               .end = absl::Seconds(3),
               .status = {}});
  log.AddCall({.kind = CallKind::kCheckIn,
               .start = absl::Seconds(1),
               .end = absl::Seconds(2),
               .status = absl::UnavailableError("gone")});
  log.AddAssignment();
  log.AddSession("contributed", "");
  log.AddSession("unreachable", "the coordinator is gone");
  LoadSummary summary;
  summary.name = "night";
  summary.coordinator = "127.0.0.1:7600";
  summary.devices = 20;
  summary.connections = 1;
  summary.wall_time = absl::Seconds(4);
  summary.figures = log.Figures();
  summary.rounds_committed = 1;
  summary.contributions = 1;
  return summary;
}

TEST(LoadSummaryTest, JsonHasEveryKindOfCall) {
  const auto json = nlohmann::json::parse(LoadSummaryJson(Example()));
  EXPECT_EQ(json["calls"].size(), 6u);
  const auto& check_ins = json["calls"]["check_in"];
  EXPECT_EQ(check_ins["answered"], 1);
  EXPECT_EQ(check_ins["per_second"], 0.5);
  EXPECT_EQ(check_ins["max_ms"], 2000);
  EXPECT_NEAR(check_ins["p50_ms"], 2000, 10);
  EXPECT_NEAR(check_ins["p99_ms"], 2000, 10);
  EXPECT_EQ(check_ins["errors"]["UNAVAILABLE"], 1);
  EXPECT_EQ(json["calls"]["upload"]["answered"], 0);
  EXPECT_EQ(json["calls"]["aggregate"]["answered"], 0);
  EXPECT_EQ(json["calls"]["upload"]["p99_ms"], 0);
  EXPECT_EQ(json["sessions"]["contributed"], 1);
  EXPECT_EQ(json["assigned"], 1);
  EXPECT_EQ(json["completed"], false);
}

TEST(LoadSummaryTest, TextTellsErrorsAndWhatWasSaidOfThem) {
  EXPECT_THAT(
      LoadSummaryText(Example()),
      AllOf(HasSubstr("1 round in 4 s"), HasSubstr("not completed"),
            HasSubstr("1 UNAVAILABLE"), HasSubstr("the coordinator is gone"),
            Not(HasSubstr("abandons"))));
}

}  // namespace
}  // namespace shoal::simulations
