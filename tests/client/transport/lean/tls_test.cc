#include "client/transport/lean/tls.h"

#include <string>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/transport/lean/stream_driver.h"
#include "tests/client/transport/lean/tls_peer.h"
#include "tests/support/http2_frames.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::lean {
namespace {

using ::shoal::testing::Address;
using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::shoal::testing::TlsPeer;
using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  protocol::KeyAndCertificate Issue(const std::string& host,
                                    protocol::Role role) const {
    return *protocol::Issue(ca_, "leaf", role, {host}, absl::Now(),
                            absl::Hours(1));
  }
  std::unique_ptr<TlsContext> Context(const ChannelTls& tls) const {
    auto context = TlsContext::Create(tls);
    EXPECT_THAT(context, IsOk());
    return *std::move(context);
  }
  std::unique_ptr<TlsContext> Trusting() const {
    return Context({ca_.certificate_pem, Secret(), ""});
  }
  // A stream to the peer, as for a coordinator called `host`.
  static std::unique_ptr<ByteStream> Connect(TlsContext& context,
                                             const std::string& address,
                                             const char* host = "127.0.0.1") {
    HostPort peer = Address(address);
    Dialer dialer(peer, nullptr);
    auto socket = testing::Dial(dialer);
    EXPECT_THAT(socket, IsOk());
    peer.host = host;
    auto stream = context.Wrap(*std::move(socket), peer);
    EXPECT_THAT(stream, IsOk());
    return *std::move(stream);
  }

  const protocol::KeyAndCertificate ca_ =
      *protocol::MakeCa("test", absl::Now(), absl::Hours(1));
  const protocol::KeyAndCertificate coordinator_ =
      Issue("127.0.0.1", protocol::Role::kCoordinator);
};

TEST_F(TlsTest, BytesTravelBothWays) {
  TlsPeer peer(coordinator_);
  const auto context = Trusting();
  const auto stream = Connect(*context, peer.address());
  SHOAL_ASSERT_OK(testing::Handshake(*stream));
  const std::string bytes(1'000'000, 'x');
  EXPECT_THAT(testing::Echo(*stream, bytes), IsOkAndHolds(bytes));
}

// Nothing but room to write moves such a stream on.
TEST_F(TlsTest, WriteThatWaitsForRoomSurvivesAReadWithNothingToRead) {
  TlsPeer peer(coordinator_, {.reads = false});
  const auto context = Trusting();
  const auto stream = Connect(*context, peer.address());
  SHOAL_ASSERT_OK(testing::Handshake(*stream));
  const std::string bytes(100'000, 'x');
  absl::StatusOr<size_t> written = 1;
  while (written.ok() && *written > 0) written = stream->Write(bytes);
  SHOAL_ASSERT_OK(written.status());
  char buffer[10];
  EXPECT_THAT(stream->Read(absl::MakeSpan(buffer)), IsOkAndHolds(0u));
  EXPECT_TRUE(stream->wants_write());
}

TEST_F(TlsTest, SecondConnectionResumesTheFirst) {
  TlsPeer peer(coordinator_);
  const auto context = Trusting();
  for (int connection = 0; connection < 3; ++connection) {
    const auto stream = Connect(*context, peer.address());
    SHOAL_ASSERT_OK(testing::Handshake(*stream));
    EXPECT_THAT(testing::Echo(*stream, "x"), IsOkAndHolds("x"));
    EXPECT_EQ(peer.resumed(), connection);
  }
}

TEST_F(TlsTest, DeviceShowsItsCertificate) {
  TlsPeer peer(coordinator_, {.client_ca = ca_.certificate_pem.c_str()});
  const protocol::KeyAndCertificate device =
      Issue("device", protocol::Role::kDevice);
  const auto context = Context(
      {ca_.certificate_pem, device.key_pem.Copy(), device.certificate_pem});
  const auto stream = Connect(*context, peer.address());
  SHOAL_ASSERT_OK(testing::Handshake(*stream));
  EXPECT_THAT(testing::Echo(*stream, "x"), IsOkAndHolds("x"));
  EXPECT_EQ(peer.with_certificate(), 1);
}

TEST_F(TlsTest, RefusedCertificateIsNamed) {
  TlsPeer peer(coordinator_, {.client_ca = ca_.certificate_pem.c_str()});
  const auto nobody = Trusting();
  const auto without = Connect(*nobody, peer.address());
  SHOAL_ASSERT_OK(testing::Handshake(*without));  // the peer refuses later
  EXPECT_THAT(testing::Echo(*without, "x"),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("asks for a device's certificate")));

  const auto other_ca = *protocol::MakeCa("other", absl::Now(), absl::Hours(1));
  const auto stranger = *protocol::Issue(other_ca, "d", protocol::Role::kDevice,
                                         {}, absl::Now(), absl::Hours(1));
  const auto context = Context(
      {ca_.certificate_pem, stranger.key_pem.Copy(), stranger.certificate_pem});
  const auto stream = Connect(*context, peer.address());
  SHOAL_ASSERT_OK(testing::Handshake(*stream));
  EXPECT_THAT(testing::Echo(*stream, "x"),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("does not accept this device's certificate")));
}

TEST_F(TlsTest, PeerOfAnotherCaIsNotTrusted) {
  TlsPeer peer(coordinator_);
  const auto other = *protocol::MakeCa("other", absl::Now(), absl::Hours(1));
  const auto context = Context({other.certificate_pem, Secret(), ""});
  const auto stream = Connect(*context, peer.address());
  EXPECT_THAT(testing::Handshake(*stream),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("is not signed by the CA")));
}

TEST_F(TlsTest, PeerOfAnotherNameIsNotTrusted) {
  TlsPeer peer(coordinator_);
  const auto context = Trusting();
  for (const char* host : {"127.0.0.2", "fleet.example.org"}) {
    const auto stream = Connect(*context, peer.address(), host);
    EXPECT_THAT(testing::Handshake(*stream),
                StatusIs(absl::StatusCode::kUnavailable,
                         HasSubstr("is not valid for the name")));
  }
}

TEST_F(TlsTest, OlderTlsIsRefused) {
  TlsPeer peer(coordinator_, {.max_version = TLS1_2_VERSION});
  const auto context = Trusting();
  const auto stream = Connect(*context, peer.address());
  EXPECT_THAT(testing::Handshake(*stream),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("version")));
}

TEST_F(TlsTest, PeerWithoutHttp2IsRefused) {
  TlsPeer peer(coordinator_, {.http2 = false});
  const auto context = Trusting();
  const auto stream = Connect(*context, peer.address());
  EXPECT_THAT(testing::Handshake(*stream),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("does not speak HTTP/2")));
}

TEST_F(TlsTest, PeerWithoutTlsIsNamed) {
  testing::ScriptedPeer peer([](testing::PeerConnection& connection) {
    connection.AwaitBytes(1);
    connection.Send(testing::http2::Settings());
    connection.AwaitClose();
  });
  const auto context = Trusting();
  const auto stream = Connect(*context, peer.address());
  EXPECT_THAT(testing::Handshake(*stream),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("does not speak TLS")));
}

TEST_F(TlsTest, UnusableMaterialIsRefused) {
  EXPECT_THAT(TlsContext::Create({"nonsense", Secret(), ""}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const auto device = Issue("device", protocol::Role::kDevice);
  EXPECT_THAT(TlsContext::Create({ca_.certificate_pem, device.key_pem.Copy(),
                                  coordinator_.certificate_pem}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("device's certificate cannot be used")));
}

}  // namespace
}  // namespace shoal::client::lean
