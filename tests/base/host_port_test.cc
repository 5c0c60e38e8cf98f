#include "base/host_port.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

TEST(HostPortTest, HostAndPortAreRead) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const HostPort address,
                             ParseHostPort("fleet.example.org:7600"));
  EXPECT_EQ(address.host, "fleet.example.org");
  EXPECT_EQ(address.port, 7600);
  EXPECT_EQ(address.ToString(), "fleet.example.org:7600");
}

TEST(HostPortTest, Ipv6HostsStandInBrackets) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const HostPort address, ParseHostPort("[::1]:0"));
  EXPECT_EQ(address.host, "::1");
  EXPECT_EQ(address.ToString(), "[::1]:0");
}

TEST(HostPortTest, AddressesAreToldFromNames) {
  const auto is_numeric = [](const char* host) {
    return HostPort{host, 1}.is_numeric();
  };
  EXPECT_TRUE(is_numeric("127.0.0.1"));
  EXPECT_TRUE(is_numeric("2001:db8::1"));
  EXPECT_FALSE(is_numeric("localhost"));
  EXPECT_FALSE(is_numeric("1.2.3"));
}

TEST(HostPortTest, AnythingElseIsRefusedWithAnExample) {
  for (const char* text : {"", "7600", ":7600", "localhost", "localhost:",
                           "localhost:x", "localhost:65536", "localhost:-1",
                           "::1:7600", "[::1]7600", "localhost:000001"}) {
    EXPECT_THAT(ParseHostPort(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected HOST:PORT such as")))
        << text;
  }
}

TEST(HostPortTest, PortZeroIsForThoseWhoListen) {
  SHOAL_EXPECT_OK(ParseHostPort("localhost:0").status());
  SHOAL_EXPECT_OK(ParseServerAddress("localhost:1").status());
  EXPECT_THAT(ParseServerAddress("localhost:0"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'localhost:0' has port 0")));
}

}  // namespace
}  // namespace shoal
