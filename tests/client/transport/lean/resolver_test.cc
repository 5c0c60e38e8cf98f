#include "client/transport/lean/resolver.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::lean {
namespace {

using ::shoal::testing::IsOkAndHolds;

class NumericHostTest : public ::testing::TestWithParam<std::string> {};

// A device that is given an address works where there are no names.
TEST_P(NumericHostTest, IsKnownBeforeAnybodyIsAsked) {
  const HostPort target = {GetParam(), 7600};
  Resolver resolver(target);
  EXPECT_THAT(resolver.Step(), IsOkAndHolds(true));
  ASSERT_EQ(resolver.addresses().size(), 1u);
  EXPECT_EQ(resolver.addresses()[0].ToString(), target.ToString());
}

// Also without /etc/hosts.
TEST(ResolverTest, LocalhostIsTheLoopbackWhateverTheSystemSays) {
  for (const char* name : {"localhost", "LocalHost.", "agent.localhost"}) {
    Resolver resolver({name, 7600});
    EXPECT_THAT(resolver.Step(), IsOkAndHolds(true)) << name;
    ASSERT_EQ(resolver.addresses().size(), 2u) << name;
    EXPECT_EQ(resolver.addresses()[0].ToString(), "[::1]:7600");
    EXPECT_EQ(resolver.addresses()[1].ToString(), "127.0.0.1:7600");
  }
}

INSTANTIATE_TEST_SUITE_P(Hosts, NumericHostTest,
                         ::testing::Values("127.0.0.1", "192.0.2.7", "::1",
                                           "2001:db8::7"));

}  // namespace
}  // namespace shoal::client::lean
