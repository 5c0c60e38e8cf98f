#include "protocol/messages.h"

#include "gtest/gtest.h"

namespace shoal::protocol {
namespace {

TEST(NegotiateTest, SpeaksTheLowerOfTwoMinors) {
  EXPECT_EQ(Negotiate({1, 3}, {1, 2}), (ProtocolVersion{1, 2}));
  EXPECT_EQ(Negotiate({1, 3}, {1, 4}), (ProtocolVersion{1, 3}));
}

TEST(NegotiateTest, DifferentMajorsDoNotTalk) {
  EXPECT_EQ(Negotiate({1, 0}, {2, 0}), std::nullopt);
  EXPECT_EQ(Negotiate({2, 0}, {1, 9}), std::nullopt);
}

TEST(AbandonReasonTest, HasAShortName) {
  EXPECT_EQ(ToString(AbandonReason::kEnergy), "energy");
  EXPECT_EQ(ToString(AbandonReason::kShutdown), "shutdown");
}

}  // namespace
}  // namespace shoal::protocol
