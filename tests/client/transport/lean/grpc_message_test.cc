#include "client/transport/lean/grpc_message.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/http2_frames.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::lean {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::shoal::testing::http2::GrpcMessage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kLimit = 1000;

struct Collector {
  std::vector<std::string> messages;
  absl::Status operator()(absl::string_view message) {
    messages.emplace_back(message);
    return absl::OkStatus();
  }
};

TEST(GrpcMessageTest, PrefixHoldsTheLength) {
  const auto prefix = MessagePrefix(0x01020304);
  EXPECT_EQ(absl::string_view(prefix.data(), prefix.size()),
            absl::string_view("\0\x01\x02\x03\x04", 5));
}

TEST(GrpcMessageTest, MessagesComeOutHoweverTheyArrive) {
  const std::string body = GrpcMessage("one") + GrpcMessage("") +
                           GrpcMessage(std::string(500, 'x')) +
                           GrpcMessage("four");
  for (size_t piece = 1; piece <= body.size(); ++piece) {
    MessageAssembler assembler(kLimit);
    Collector collector;
    for (size_t at = 0; at < body.size(); at += piece) {
      SHOAL_ASSERT_OK(assembler.Add(absl::string_view(body).substr(at, piece),
                                    std::ref(collector)));
    }
    EXPECT_THAT(collector.messages,
                ElementsAre("one", "", std::string(500, 'x'), "four"));
    EXPECT_TRUE(assembler.is_between_messages());
  }
}

TEST(GrpcMessageTest, HalfAMessageIsNoEnd) {
  MessageAssembler assembler(kLimit);
  Collector collector;
  SHOAL_ASSERT_OK(
      assembler.Add(GrpcMessage("one").substr(0, 3), std::ref(collector)));
  EXPECT_FALSE(assembler.is_between_messages());
}

TEST(GrpcMessageTest, LongMessagesAreRefusedByTheirPrefix) {
  MessageAssembler assembler(kLimit);
  Collector collector;
  SHOAL_EXPECT_OK(assembler.Add(GrpcMessage(std::string(kLimit, 'x')),
                                std::ref(collector)));
  EXPECT_THAT(
      assembler.Add(absl::string_view("\0\0\0\x03\xe9", 5),
                    std::ref(collector)),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1001 bytes")));
}

TEST(GrpcMessageTest, CompressedMessagesAreRefused) {
  MessageAssembler assembler(kLimit);
  Collector collector;
  EXPECT_THAT(assembler.Add(absl::string_view("\x01\0\0\0\x01x", 6),
                            std::ref(collector)),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("compressed")));
}

TEST(GrpcMessageTest, ErrorOfTheSinkIsPassedOn) {
  MessageAssembler assembler(kLimit);
  EXPECT_THAT(assembler.Add(GrpcMessage("one"),
                            [](absl::string_view) {
                              return absl::DataLossError("broken");
                            }),
              StatusIs(absl::StatusCode::kDataLoss, "broken"));
}

}  // namespace
}  // namespace shoal::client::lean
