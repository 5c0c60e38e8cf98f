#include "coordinator/operations/local_call.h"

#include "gtest/gtest.h"

namespace shoal::coordinator {
namespace {

TEST(LocalCallTest, CallersOfTheLoopbackAreLocal) {
  for (const char* peer :
       {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLocalCall(peer, "localhost")) << peer;
  }
  for (const char* peer : {"192.168.0.1", "10.127.0.1", "::2", "1270.0.0.1",
                           "::ffff:10.0.0.1", "fe80::1", ""}) {
    EXPECT_FALSE(IsLocalCall(peer, "localhost")) << peer;
  }
}

TEST(LocalCallTest, NamesOfThisMachineAreLocal) {
  for (const char* host :
       {"localhost", "LocalHost:7601", "127.0.0.1", "127.0.0.1:7601",
        "127.1.2.3:80", "[::1]", "[::1]:7601"}) {
    EXPECT_TRUE(IsLocalCall("127.0.0.1", host)) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:7601", "127.0.0.1.evil.example",
        "localhost.evil.example", "[::1].evil.example", "127.evil.example",
        "192.168.0.1", "[::2]", "[::1]:evil.example", "localhost:evil",
        "127.0.0.1:80@evil", "localhost:", ":7601", ":", "7601", ""}) {
    EXPECT_FALSE(IsLocalCall("127.0.0.1", host)) << host;
  }
}

}  // namespace
}  // namespace shoal::coordinator
