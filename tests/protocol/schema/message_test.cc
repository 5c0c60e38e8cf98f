#include "protocol/schema/message.h"

#include <string>

#include "base/wire_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/schema/access.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol::schema {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Message Made(absl::string_view type) { return Message(TypeNamed(type)); }

TEST(MessageTest, AbsentValuesLeaveDefaults) {
  const Message training = Made("Training");
  int epochs = 7;
  Read(training, "epochs", epochs);
  EXPECT_EQ(epochs, 7);
  EXPECT_FALSE(Has(training, "epochs"));
  EXPECT_EQ(Part(training, "optimizer").type().name(), "LocalOptimizer");
  EXPECT_EQ(Chosen(Part(training, "optimizer")), "");
}

TEST(MessageTest, ValuesComeBackFromTheirBytes) {
  Message plan = Made("Plan");
  Write(plan, "norm_bound", 12.5);
  Write(plan, "max_examples", uint64_t{1} << 40);
  Write(plan, "idle_window", absl::Milliseconds(-1500));
  Write(MutablePart(MutablePart(plan, "algorithm"), "fedprox"), "mu", 0.0);
  Message same = Made("Plan");
  SHOAL_ASSERT_OK(same.Parse(plan.Serialize()));
  double norm_bound = 0;
  uint64_t max_examples = 0;
  absl::Duration window;
  Read(same, "norm_bound", norm_bound);
  Read(same, "max_examples", max_examples);
  Read(same, "idle_window", window);
  EXPECT_EQ(norm_bound, 12.5);
  EXPECT_EQ(max_examples, uint64_t{1} << 40);
  EXPECT_EQ(window, absl::Milliseconds(-1500));
  EXPECT_EQ(Chosen(Part(same, "algorithm")), "fedprox");
  EXPECT_TRUE(Has(Part(Part(same, "algorithm"), "fedprox"), "mu"));
}

TEST(MessageTest, ZerosWithoutPresenceAreNotWritten) {
  Message request = Made("CheckInRequest");
  Write(request, "num_examples", 0);
  Write(request, "population", "");
  EXPECT_EQ(request.Serialize(), "");
  EXPECT_FALSE(Has(request, "num_examples"));
  Message training = Made("Training");
  Write(training, "epochs", 0);
  EXPECT_EQ(training.Serialize(), std::string("\x08\x00", 2));
}

TEST(MessageTest, TheLastMemberOfAChoiceCounts) {
  Message algorithm = Made("Algorithm");
  MutablePart(algorithm, "fedavg");
  MutablePart(algorithm, "fedprox");
  EXPECT_EQ(Chosen(algorithm), "fedprox");
  EXPECT_EQ(algorithm.values().size(), 1);
}

TEST(MessageTest, UnknownFieldsAreNotedWhereverTheyAre) {
  WireWriter inner;
  inner.Int(999, 1);
  WireWriter outer;
  outer.Bytes(5, std::move(inner).Take());
  Message message = Made("Assignment");
  SHOAL_ASSERT_OK(message.Parse(std::move(outer).Take()));
  EXPECT_TRUE(message.has_unknown());
}

TEST(MessageTest, BytesThatAreNoMessageAreRefused) {
  for (const char* bytes : {"\x0a", "\x0a\x06token", "\xff\xff\xff", "\x0b"}) {
    EXPECT_THAT(Made("Assignment").Parse(bytes),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("Assignment is not encoded")))
        << bytes;
  }
}

TEST(MessageTest, TextMustBeUtf8) {
  WireWriter task;
  task.Bytes(2, "\xff\xfe");
  EXPECT_THAT(Made("Assignment").Parse(std::move(task).Take()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("task that is no UTF-8")));
  WireWriter token;
  token.Bytes(1, "\xff\xfe");
  SHOAL_EXPECT_OK(Made("Assignment").Parse(std::move(token).Take()));
}

TEST(MessageTest, FewBytesDoNotBecomeManyValues) {
  WireWriter packed;
  packed.Bytes(6, std::string(100'000, '\x01'));
  EXPECT_THAT(Made("CheckInRequest").Parse(std::move(packed).Take()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("more than 4096 values")));
  WireWriter single;
  for (int i = 0; i < 5000; ++i) single.Int(6, 1);
  EXPECT_THAT(Made("CheckInRequest").Parse(std::move(single).Take()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("more than 4096 values")));
}

TEST(MessageTest, MessagesDeepInsideEachOtherAreRefused) {
  std::string layer;
  for (int i = 0; i < 100; ++i) {
    WireWriter residual;
    residual.Bytes(1, layer);
    WireWriter around;
    around.Bytes(16, std::move(residual).Take());
    layer = std::move(around).Take();
  }
  EXPECT_THAT(Made("Layer").Parse(layer),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("too deep inside others")));
}

TEST(MessageTest, ListsKeepTheirOrder) {
  Message model = Made("MlpModel");
  Write(model, "hidden", std::vector<int>{30, 20, 10});
  Message same = Made("MlpModel");
  SHOAL_ASSERT_OK(same.Parse(model.Serialize()));
  std::vector<int> hidden;
  Read(same, "hidden", hidden);
  EXPECT_THAT(hidden, ElementsAre(30, 20, 10));
}

TEST(MessageTest, NamesThatTheSchemaDoesNotHaveAreBugs) {
  const Message training = Made("Training");
  EXPECT_DEATH(Has(training, "no_such_field"), "check failed");
  EXPECT_DEATH(Made("NoSuchType"), "check failed");
}

}  // namespace
}  // namespace shoal::protocol::schema
