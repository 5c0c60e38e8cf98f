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

// "HOST:PORT" of the proxy chosen; "": none.
std::string Chosen(const std::string& coordinator, const std::string& option,
                   const ProxyEnvironment& environment) {
  const auto proxy = ChooseProxy(coordinator, option, environment);
  EXPECT_THAT(proxy, ::shoal::testing::IsOk());
  if (!proxy.ok() || !proxy->has_value()) return "";
  return (*proxy)->address.ToString();
}

TEST(ChooseProxyTest, OptionComesBeforeTheEnvironment) {
  const ProxyEnvironment environment = {"http://other:1", "*"};
  EXPECT_EQ(Chosen("fleet:7600", "http://proxy:3128", environment),
            "proxy:3128");
}

TEST(ChooseProxyTest, EnvironmentIsAskedWithoutAnOption) {
  EXPECT_EQ(Chosen("fleet:7600", "", {"http://other:1", ""}), "other:1");
  EXPECT_EQ(Chosen("fleet:7600", "", {}), "");
}

TEST(ChooseProxyTest, ThisMachineIsReachedWithoutTheEnvironmentsProxy) {
  for (const char* here : {"localhost:1", "127.0.0.1:1", "[::1]:1"}) {
    EXPECT_EQ(Chosen(here, "", {"http://other:1", ""}), "") << here;
  }
}

TEST(ChooseProxyTest, ListedHostsAreReachedWithoutIt) {
  const auto is_direct = [](const char* no_proxy) {
    return Chosen("fleet.example.org:7600", "", {"http://other:1", no_proxy})
        .empty();
  };
  for (const char* list :
       {"*", "fleet.example.org", "FLEET.example.org", "example.org",
        ".example.org", "*.example.org", "a.org, example.org",
        "fleet.example.org:7600", "org"}) {
    EXPECT_TRUE(is_direct(list)) << list;
  }
  for (const char* list : {"", ",", ".", "fleet", "leet.example.org",
                           "fleet.example.org:7601", "10.0.0.1"}) {
    EXPECT_FALSE(is_direct(list)) << list;
  }
  EXPECT_EQ(Chosen("10.0.0.1:7600", "", {"http://other:1", "10.0.0.1"}), "");
  EXPECT_EQ(Chosen("10.0.0.1:7600", "", {"http://other:1", "0.0.1"}),
            "other:1");
  EXPECT_EQ(Chosen("[fd00::1]:7600", "", {"http://other:1", "fd00::1"}), "");
  EXPECT_EQ(Chosen("[fd00::1]:7600", "", {"http://other:1", "[fd00::1]"}), "");
}

TEST(ChooseProxyTest, ErrorsNameWhereTheProxyComesFrom) {
  EXPECT_THAT(ChooseProxy("fleet:1", "proxy", {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::StartsWith("proxy: ")));
  EXPECT_THAT(ChooseProxy("fleet:1", "", {"socks5://proxy:1", ""}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::StartsWith("https_proxy: ")));
}

}  // namespace
}  // namespace shoal::client
