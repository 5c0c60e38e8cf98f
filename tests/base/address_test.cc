#include "base/address.h"

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(AddressTest, HostAndPortMakeAnAddress) {
  for (const char* text : {"localhost:7600", "127.0.0.1:1", "[::1]:65535"}) {
    EXPECT_TRUE(IsAddress(text, 1)) << text;
  }
}

TEST(AddressTest, AnythingElseIsNone) {
  for (const char* text :
       {"", ":", "host", "7600", ":7600", "host:", "host:port", "host:65536",
        "host:-1", "::1:7600", "dns:///host:7600"}) {
    EXPECT_FALSE(IsAddress(text, 0)) << text;
  }
}

TEST(AddressTest, PortZeroIsForThoseWhoListen) {
  EXPECT_TRUE(IsAddress("host:0", 0));
  EXPECT_FALSE(IsAddress("host:0", 1));
}

}  // namespace
}  // namespace shoal
