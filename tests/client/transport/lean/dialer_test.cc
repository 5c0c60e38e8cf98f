#include "client/transport/lean/dialer.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/transport/lean/stream_driver.h"
#include "tests/support/scripted_peer.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::lean {
namespace {

using ::shoal::testing::Address;
using ::shoal::testing::Dial;
using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::PeerConnection;
using ::shoal::testing::ScriptedPeer;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Sends back what comes.
void EchoPlain(PeerConnection& connection) {
  size_t from = 0;
  while (connection.AwaitBytes(from + 1)) {
    const std::string more = connection.received().substr(from);
    from += more.size();
    if (!connection.Send(more)) return;
  }
}

// An address of this machine that nothing listens on.
std::string DeadAddress() {
  const ScriptedPeer peer([](PeerConnection&) {});
  return peer.address();
}

TEST(DialerTest, NumericAddressIsConnectedTo) {
  const ScriptedPeer peer([](PeerConnection& c) { EchoPlain(c); });
  Dialer dialer(Address(peer.address()), nullptr);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto socket, Dial(dialer));
  EXPECT_THAT(testing::Echo(*socket, "hello"), IsOkAndHolds("hello"));
}

TEST(DialerTest, NamesAreLookedUpAndTheirAddressesTriedInTurn) {
  // localhost is ::1 and 127.0.0.1 on most machines; the peer has the second.
  const ScriptedPeer peer([](PeerConnection& c) { EchoPlain(c); });
  HostPort target = Address(peer.address());
  target.host = "localhost";
  Dialer dialer(target, nullptr);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto socket, Dial(dialer));
  EXPECT_THAT(testing::Echo(*socket, "hello"), IsOkAndHolds("hello"));
}

TEST(DialerTest, RefusedConnectionIsUnavailable) {
  const std::string address = DeadAddress();
  Dialer dialer(Address(address), nullptr);
  EXPECT_THAT(Dial(dialer), StatusIs(absl::StatusCode::kUnavailable,
                                     AllOf(HasSubstr(address),
                                           HasSubstr("Connection refused"))));
}

TEST(DialerTest, UnknownNameIsUnavailable) {
  // Not a name that could be looked up: no server is asked.
  Dialer dialer({"no..such.host", 7600}, nullptr);
  EXPECT_THAT(Dial(dialer), StatusIs(absl::StatusCode::kUnavailable,
                                     HasSubstr("'no..such.host'")));
}

TEST(DialerTest, ProxyIsAskedForATunnel) {
  std::string request;
  ScriptedPeer peer([&](PeerConnection& connection) {
    const std::string expected = absl::StrCat(
        "CONNECT fleet.example.org:7600 HTTP/1.1\r\n"
        "Host: fleet.example.org:7600\r\nProxy-Authorization: Basic ",
        absl::Base64Escape("me:secret"), "\r\n\r\n");
    connection.AwaitBytes(expected.size());
    request = connection.received();
    EXPECT_EQ(request, expected);
    // What the target says may come in one piece with the proxy's answer.
    connection.Send("HTTP/1.1 200 Connection established\r\nA: b\r\n\r\nhello");
    connection.AwaitClose();
  });
  const Proxy proxy = {Address(peer.address()), Secret("me:secret")};
  Dialer dialer({"fleet.example.org", 7600}, &proxy);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto socket, Dial(dialer));
  EXPECT_THAT(testing::Echo(*socket, "world"), IsOkAndHolds("hello"));
}

struct RefusingProxy {
  std::string name;
  std::string answer;
  std::string error;
};

class RefusingProxyTest : public ::testing::TestWithParam<RefusingProxy> {};

TEST_P(RefusingProxyTest, ItsAnswerIsTheError) {
  ScriptedPeer peer([&](PeerConnection& connection) {
    connection.AwaitBytes(10);
    connection.Send(GetParam().answer);
    connection.ShutDownSending();
    connection.AwaitClose();
  });
  const Proxy proxy = {Address(peer.address()), Secret()};
  Dialer dialer({"fleet.example.org", 7600}, &proxy);
  EXPECT_THAT(Dial(dialer), StatusIs(absl::StatusCode::kUnavailable,
                                     AllOf(HasSubstr(peer.address()),
                                           HasSubstr(GetParam().error))));
}

INSTANTIATE_TEST_SUITE_P(
    Proxies, RefusingProxyTest,
    ::testing::Values(
        RefusingProxy{"Forbids", "HTTP/1.1 403 Forbidden\r\n\r\n",
                      "'HTTP/1.1 403 Forbidden'"},
        RefusingProxy{"WantsAUser",
                      "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                      "wants a user and a password"},
        RefusingProxy{"IsNoProxy", "SSH-2.0-OpenSSH\r\n\r\n", "'SSH-2.0"},
        RefusingProxy{"NeverEnds", std::string(10'000, 'x'),
                      "more than 8192 bytes"},
        RefusingProxy{"HangsUp", "HTTP/1.1 200 OK\r\n", "closed"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::client::lean
