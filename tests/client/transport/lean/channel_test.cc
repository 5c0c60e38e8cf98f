#include "client/transport/lean/channel.h"

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/transport/lean/stream_driver.h"
#include "tests/support/http2_frames.h"
#include "tests/support/scripted_peer.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::lean {
namespace {

namespace http2 = ::shoal::testing::http2;
using ::shoal::testing::Address;
using ::shoal::testing::IsOk;
using ::shoal::testing::PeerConnection;
using ::shoal::testing::ScriptedPeer;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(20);
constexpr Channel::Patience kPatient = {kLong, true, kLong};

// One call, and what came of it.
struct Call {
  std::string answer;
  GrpcCall call{1000,
                {[this](absl::string_view message) {
                   answer.append(message.data(), message.size());
                   return absl::OkStatus();
                 },
                 {}}};

  Call() {
    call.Send("question");
    call.CloseSending();
  }
};

GrpcRequest Request() {
  GrpcRequest request;
  request.path = "/test/Call";
  request.authority = "test";
  request.tls = false;
  return request;
}

absl::Status Perform(Channel& channel, Call& call,
                     const Channel::Patience& patience = kPatient) {
  channel.Start(Request(), call.call, patience);
  std::optional<absl::Status> ended;
  while (!ended.has_value()) ended = channel.Step(absl::InfiniteDuration());
  return *ended;
}

// Answers every call with "answer".
void AnswerAll(PeerConnection& connection) {
  while (const uint32_t stream = connection.AwaitCall()) {
    connection.Send(http2::GrpcAnswer(stream, "answer"));
  }
}

TEST(ChannelTest, CallsShareAConnection) {
  const ScriptedPeer peer(AnswerAll);
  Channel channel({Address(peer.address())});
  for (int i = 0; i < 3; ++i) {
    Call call;
    SHOAL_ASSERT_OK(Perform(channel, call));
    EXPECT_EQ(call.answer, "answer");
  }
  EXPECT_EQ(peer.connections(), 1);
}

TEST(ChannelTest, ClosedConnectionIsMadeAnew) {
  const ScriptedPeer peer(AnswerAll);
  Channel channel({Address(peer.address())});
  for (int i = 0; i < 2; ++i) {
    Call call;
    SHOAL_ASSERT_OK(Perform(channel, call));
    channel.Close();
  }
  EXPECT_EQ(peer.connections(), 2);
}

TEST(ChannelTest, ConnectionThatThePeerHasClosedIsMadeAnew) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    connection.Send(http2::GrpcAnswer(connection.AwaitCall(), "answer"));
  });
  Channel channel({Address(peer.address())});
  for (int i = 0; i < 3; ++i) {
    Call call;
    SHOAL_ASSERT_OK(Perform(channel, call));
    while (peer.closed() < i + 1) std::this_thread::yield();
  }
  EXPECT_EQ(peer.connections(), 3);
}

TEST(ChannelTest, NoCallIsMadeAfterGoaway) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    const uint32_t stream = connection.AwaitCall();
    connection.Send(http2::Goaway(stream) +
                    http2::GrpcAnswer(stream, "answer"));
    connection.AwaitClose();
  });
  Channel channel({Address(peer.address())});
  for (int i = 0; i < 2; ++i) {
    Call call;
    SHOAL_ASSERT_OK(Perform(channel, call));
    EXPECT_EQ(call.answer, "answer");
  }
  EXPECT_EQ(peer.connections(), 2);
}

TEST(ChannelTest, StepWithoutWaitingReturnsAtOnce) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    connection.AwaitCall();
    connection.AwaitClose();
  });
  Channel channel({Address(peer.address())});
  Call call;
  channel.Start(Request(), call.call, kPatient);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(channel.Step(absl::ZeroDuration()), std::nullopt);
  }
}

TEST(ChannelTest, StepsWithoutWaitingFinishACall) {
  const ScriptedPeer peer(AnswerAll);
  Channel channel({Address(peer.address())});
  Call call;
  channel.Start(Request(), call.call, kPatient);
  const RealClock clock;
  const absl::Duration end = clock.Monotonic() + kLong;
  std::optional<absl::Status> ended;
  while (!ended.has_value() && clock.Monotonic() < end) {
    ended = channel.Step(absl::ZeroDuration());
  }
  ASSERT_TRUE(ended.has_value());
  SHOAL_EXPECT_OK(*ended);
  EXPECT_EQ(call.answer, "answer");
}

TEST(ChannelTest, SilentPeerIsUnavailableAfterTheWindow) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    connection.AwaitCall();
    connection.AwaitClose();
  });
  Channel channel({Address(peer.address())});
  Call call;
  EXPECT_THAT(Perform(channel, call, {absl::Milliseconds(30), false, kLong}),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(peer.address()),
                             HasSubstr("nothing has moved for"))));
}

TEST(ChannelTest, WindowAfterSendingReplacesTheOther) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    const uint32_t stream = connection.AwaitCall();
    absl::SleepFor(absl::Milliseconds(60));
    connection.Send(http2::GrpcAnswer(stream, "answer"));
    connection.AwaitClose();
  });
  Channel channel({Address(peer.address())});
  Call call;
  SHOAL_EXPECT_OK(
      Perform(channel, call, {absl::Milliseconds(30), true, kLong}));
}

TEST(ChannelTest, TricklingPeerIsUnavailable) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    const uint32_t stream = connection.AwaitCall();
    connection.Send(http2::Headers(stream, http2::GrpcHeader()));
    connection.Trickle(
        http2::Data(stream, http2::GrpcMessage(std::string(900, 'x'))),
        absl::Milliseconds(5));
  });
  Channel channel({Address(peer.address())});
  Call call;
  EXPECT_THAT(
      Perform(channel, call,
              {absl::Milliseconds(100), true, absl::Milliseconds(100)}),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("nothing has moved")));
}

TEST(ChannelTest, CancelEndsTheRunningCallAndAllLaterOnes) {
  std::atomic<bool> called = false;
  const ScriptedPeer peer([&](PeerConnection& connection) {
    called = connection.AwaitCall() != 0;
    connection.AwaitClose();
  });
  Channel channel({Address(peer.address())});
  std::thread canceller([&] {
    while (!called) std::this_thread::yield();
    channel.Cancel();
  });
  Call call;
  EXPECT_THAT(Perform(channel, call), StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
  Call later;
  EXPECT_THAT(Perform(channel, later), StatusIs(absl::StatusCode::kCancelled));
}

TEST(ChannelTest, DroppedCallIsResetAndTheNextOneRuns) {
  std::string seen;
  {
    const ScriptedPeer peer([&](PeerConnection& connection) {
      connection.AwaitCall();
      const uint32_t second = connection.AwaitCall();
      connection.Send(http2::GrpcAnswer(second, "answer"));
      seen = connection.received();
      connection.AwaitClose();
    });
    Channel channel({Address(peer.address())});
    {
      Call dropped;
      channel.Start(Request(), dropped.call, kPatient);
      // Until it is on its way.
      while (!dropped.call.sent_all()) {
        ASSERT_EQ(channel.Step(absl::Milliseconds(1)), std::nullopt);
      }
      channel.Drop();
    }
    Call call;
    SHOAL_ASSERT_OK(Perform(channel, call));
    EXPECT_EQ(call.answer, "answer");
    EXPECT_EQ(peer.connections(), 1);
  }
  EXPECT_THAT(seen, HasSubstr(http2::RstStream(1, 8)));
}

TEST(ChannelTest, LostConnectionIsUnavailable) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    connection.AwaitCall();
    connection.Reset();
  });
  Channel channel({Address(peer.address())});
  Call call;
  EXPECT_THAT(Perform(channel, call), StatusIs(absl::StatusCode::kUnavailable,
                                               HasSubstr("cannot be reached")));
}

}  // namespace
}  // namespace shoal::client::lean
