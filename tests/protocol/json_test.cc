#include "protocol/json.h"

#include <string>

#include "gtest/gtest.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::protocol {
namespace {

using nlohmann::ordered_json;

TEST(JsonTest, FieldsHaveTheNamesOfTheSchema) {
  v1::RoundReport round;
  round.set_id(uint64_t{1} << 60);
  round.set_min_reports(16);
  const ordered_json json = ToJson(round);
  EXPECT_EQ(json.at("id"), uint64_t{1} << 60);  // a number, exactly
  EXPECT_EQ(json.at("min_reports"), 16);
}

TEST(JsonTest, StatesAreLowerCase) {
  v1::RoundReport round;
  round.set_state(v1::ROUND_STATE_COMMITTED);
  EXPECT_EQ(ToJson(round).at("state"), "committed");
}

TEST(JsonTest, DigestsAreHexadecimal) {
  v1::RoundReport round;
  round.set_base_model(std::string("\x00\xff", 2));
  EXPECT_EQ(ToJson(round).at("base_model"), "00ff");
}

TEST(JsonTest, TimesAndDurationsAreReadable) {
  v1::RoundReport round;
  round.mutable_opened()->set_seconds(1'800'000'000);
  round.mutable_opened()->set_nanos(500'000'000);
  EXPECT_EQ(ToJson(round).at("opened"), "2027-01-15T08:00:00.5Z");
  v1::InviteDevicesRequest invitation;
  invitation.mutable_valid_for()->set_seconds(90);
  EXPECT_EQ(ToJson(invitation).at("valid_for"), 90.0);
}

TEST(JsonTest, AbsentIsLeftOutAndZeroIsNot) {
  v1::RoundReport round;
  EXPECT_FALSE(ToJson(round).contains("train_loss"));
  EXPECT_FALSE(ToJson(round).contains("deadline"));
  EXPECT_EQ(ToJson(round).at("accepted"), 0);
  round.set_train_loss(0);
  EXPECT_EQ(ToJson(round).at("train_loss"), 0.0);
}

TEST(JsonTest, ListsAreAlwaysThere) {
  EXPECT_EQ(ToJson(v1::ListRoundsResponse()).at("rounds"),
            ordered_json::array());
  v1::RoundReport round;
  round.add_outcomes()->set_outcome("refused: norm_bound");
  EXPECT_EQ(ToJson(round).at("outcomes").at(0).at("outcome"),
            "refused: norm_bound");
}

TEST(JsonTest, NamesFromOutsideDoNotBreakTheOutput) {
  v1::DeviceReport device;
  device.set_name("a\"b\n\\");
  EXPECT_EQ(ordered_json::parse(ToJsonText(device)).at("name"), "a\"b\n\\");
}

}  // namespace
}  // namespace shoal::protocol
