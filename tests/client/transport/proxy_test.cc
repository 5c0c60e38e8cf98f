#include "client/transport/proxy.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProxyTest, AddressIsRead) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Proxy proxy,
                             ParseProxy("http://proxy.example.org:3128"));
  EXPECT_EQ(proxy.address.ToString(), "proxy.example.org:3128");
  EXPECT_TRUE(proxy.credentials.empty());
}

TEST(ProxyTest, UserAndPasswordAreRead) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Proxy proxy,
                             ParseProxy("http://me:p%40ss@[::1]:3128/"));
  EXPECT_EQ(proxy.address.ToString(), "[::1]:3128");
  EXPECT_EQ(proxy.credentials.Reveal(), "me:p@ss");
}

TEST(ProxyTest, AnythingElseIsRefused) {
  for (const char* url :
       {"", "proxy:3128", "https://proxy:3128", "http://", "http://proxy",
        "http://proxy:0", "http://me@proxy:3128", "http://proxy:3128/path"}) {
    EXPECT_THAT(ParseProxy(url),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected http://[USER:PASSWORD@]HOST")))
        << url;
  }
}

TEST(ProxyTest, ErrorsKeepThePassword) {
  EXPECT_THAT(
      ParseProxy("http://me:secret@proxy:0"),
      StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("secret"))));
  EXPECT_THAT(
      ParseProxy("me:secret@proxy:3128"),
      StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace shoal::client
