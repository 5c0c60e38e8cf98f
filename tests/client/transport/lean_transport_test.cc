// What the lean transport makes of coordinators that do not behave, and how far
// its steps go. (What it does with real ones: network_transport_test.cc.)
#include "client/transport/lean_transport.h"

#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/codec.h"
#include "protocol/refusal.h"
#include "protocol/schema/access.h"
#include "tests/support/http2_frames.h"
#include "tests/support/scripted_peer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/transport_calls.h"

namespace shoal::testing {
namespace {

using client::Answer;
using client::FetchCall;
using client::MakeLeanTransport;
using client::Transport;
using client::TransportOptions;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::unique_ptr<Transport> TransportTo(const ScriptedPeer& peer) {
  TransportOptions options;
  options.coordinator = peer.address();
  options.insecure_device = "device-1";
  return MakeLeanTransport(std::move(options)).value();
}

// What a download fails with when the first call is answered so.
absl::Status FetchFrom(const std::string& after_header) {
  const ScriptedPeer peer([&](PeerConnection& connection) {
    const uint32_t stream = connection.AwaitCall();
    connection.Send(http2::Headers(stream, http2::GrpcHeader()) + after_header);
    connection.AwaitClose();
  });
  return Fetch(*TransportTo(peer), Digest(), 0).status();
}

std::string ModelChunk(int64_t offset, absl::string_view data) {
  protocol::schema::Message chunk(protocol::schema::TypeNamed("ModelChunk"));
  protocol::schema::Write(chunk, "offset", offset);
  protocol::schema::Write(chunk, "data", data);
  return chunk.Serialize();
}

// Of the first stream.
std::string ChunkFrame(int64_t offset, absl::string_view data) {
  return http2::Data(1, http2::GrpcMessage(ModelChunk(offset, data)));
}

TEST(LeanTransportTest, AddressThatIsNoneIsRefused) {
  TransportOptions options;
  options.coordinator = "nowhere";
  EXPECT_THAT(
      MakeLeanTransport(std::move(options)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'nowhere'")));
}

TEST(LeanTransportTest, RefusalInTheDetailsIsTheError) {
  const absl::Status refused =
      protocol::RefusalError(protocol::RefusalCode::kUnknownModel, "gone");
  const absl::Status status = FetchFrom(http2::GrpcTrailer(
      1, static_cast<int>(refused.code()),
      {{"grpc-message", "something else"},
       {"grpc-status-details-bin",
        absl::Base64Escape(protocol::ErrorDetails(refused))}}));
  const auto refusal = protocol::RefusalOf(status);
  ASSERT_TRUE(refusal.has_value()) << status;
  EXPECT_EQ(refusal->code, protocol::RefusalCode::kUnknownModel);
  EXPECT_EQ(refusal->sentence, "gone");
}

TEST(LeanTransportTest, UnavailableCoordinatorIsNamed) {
  EXPECT_THAT(
      FetchFrom(http2::GrpcTrailer(1, 14, {{"grpc-message", "later"}})),
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr("coordinator 127.0.0.1:"), HasSubstr("later"))));
}

TEST(LeanTransportTest, CallThatTheCoordinatorHasCancelledIsUnavailable) {
  EXPECT_THAT(
      FetchFrom(http2::GrpcTrailer(1, 1)),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ended the call")));
}

TEST(LeanTransportTest, PartOfAModelFromAnotherPlaceIsDataLoss) {
  EXPECT_THAT(FetchFrom(ChunkFrame(0, "model") + ChunkFrame(7, "bytes")),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("from byte 7 on, expected 5")));
}

TEST(LeanTransportTest, LargerMessageThanAChunkIsRefusedBeforeItComes) {
  EXPECT_THAT(
      FetchFrom(http2::Data(
          1, http2::BigEndian(0, 1) + http2::BigEndian(1 << 20, 4))),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1048576")));
}

TEST(LeanTransportTest, AnswerWithoutAMessageIsAnError) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    const uint32_t stream = connection.AwaitCall();
    connection.Send(http2::Headers(stream, http2::GrpcHeader()) +
                    http2::GrpcTrailer(stream, 0));
    connection.AwaitClose();
  });
  EXPECT_THAT(QueryUpload(*TransportTo(peer), "token", Digest()),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("no message")));
}

TEST(LeanTransportTest, SeveralAnswersAreAnError) {
  const ScriptedPeer peer([](PeerConnection& connection) {
    const uint32_t stream = connection.AwaitCall();
    connection.Send(http2::Headers(stream, http2::GrpcHeader()) +
                    http2::Data(stream, http2::GrpcMessage("")) +
                    http2::Data(stream, http2::GrpcMessage("")) +
                    http2::GrpcTrailer(stream, 0));
    connection.AwaitClose();
  });
  EXPECT_THAT(QueryUpload(*TransportTo(peer), "token", Digest()),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("several")));
}

TEST(LeanTransportTest, StepEndsAfterOneMessage) {
  constexpr int kChunks = 3;
  const std::string data(100 * 1024, 'm');
  const ScriptedPeer peer([&](PeerConnection& connection) {
    const uint32_t stream = connection.AwaitCall();
    connection.Send(http2::Headers(stream, http2::GrpcHeader()));
    for (int i = 0; i < kChunks; ++i) {
      const std::string message = http2::GrpcMessage(
          ModelChunk(i * static_cast<int64_t>(data.size()), data));
      // Frames have 16 KiB at most.
      for (size_t at = 0; at < message.size(); at += 16'000) {
        connection.Send(http2::Data(stream, message.substr(at, 16'000)));
      }
    }
    connection.Send(http2::GrpcTrailer(stream, 0));
    connection.AwaitClose();
  });
  const auto transport = TransportTo(peer);
  int in_step = 0;
  int in_all = 0;
  transport->Start(FetchCall{Digest(), 0, [&](absl::string_view) {
                               ++in_step;
                               ++in_all;
                               return absl::OkStatus();
                             }});
  std::optional<absl::StatusOr<Answer>> answer;
  while (!answer.has_value()) {
    in_step = 0;
    answer = transport->Step(absl::InfiniteDuration());
    EXPECT_LE(in_step, 1);
  }
  SHOAL_EXPECT_OK(*answer);
  EXPECT_EQ(in_all, kChunks);
}

TEST(LeanTransportTest, StepEndsAfterOneChunkOfAnUpload) {
  // The peer takes all and answers nothing.
  const ScriptedPeer peer([](PeerConnection& connection) {
    connection.AwaitCall();
    connection.Send(
        http2::Frame(http2::kWindowUpdate, 0, 0, http2::BigEndian(1 << 24, 4)) +
        http2::Frame(http2::kWindowUpdate, 0, 1, http2::BigEndian(1 << 24, 4)));
    connection.AwaitClose();
  });
  const auto transport = TransportTo(peer);
  const std::string update(3 * protocol::kMaxChunkBytes, 'u');
  const auto size = static_cast<int64_t>(update.size());
  transport->Start(
      client::UploadCall{{"token", Sha256(update), size, 0},
                         std::make_shared<const std::string>(update)});
  while (transport->bytes_sent() < size) {
    const int64_t before = transport->bytes_sent();
    ASSERT_FALSE(transport->Step(absl::InfiniteDuration()).has_value());
    EXPECT_LE(transport->bytes_sent() - before, protocol::kMaxChunkBytes);
  }
  transport->Drop();
}

struct Hostility {
  const char* name;
  std::string bytes;  // instead of an answer to the first call
};

std::string Repeated(int count, const std::string& bytes) {
  std::string all;
  for (int i = 0; i < count; ++i) all += bytes;
  return all;
}

std::vector<Hostility> Hostilities() {
  const std::string header = http2::Headers(1, http2::GrpcHeader());
  const std::string message = http2::GrpcMessage("model");
  return {
      {"NoHttp2", std::string(64, '\xff')},
      {"Http1", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
      {"LargeFrame", http2::FrameHeader((1 << 24) - 1, http2::kData, 0, 1)},
      {"LargeHeader",
       http2::Headers(1, {{"grpc-message", std::string(1 << 14, 'x')}})},
      {"EndlessHeader",
       http2::Frame(http2::kHeaders, 0, 1, "") +
           Repeated(1000, http2::Frame(http2::kContinuation, 0, 1,
                                       http2::HeaderBlock({{"x", "y"}})))},
      {"ContinuationOfNothing",
       http2::Frame(http2::kContinuation, http2::kEndHeaders, 1, "")},
      {"PingFlood", Repeated(200'000, http2::Ping())},
      {"SettingsFlood", Repeated(200'000, http2::Settings())},
      {"WindowOverflow", http2::Frame(http2::kWindowUpdate, 0, 0,
                                      http2::BigEndian(0x7fffffff, 4))},
      {"Push", http2::Frame(http2::kSettings, http2::kAck, 0, "") +
                   http2::Frame(http2::kPushPromise, http2::kEndHeaders, 1,
                                http2::BigEndian(2, 4))},
      {"DataWithoutAHeader", http2::Data(1, message)},
      {"DataOfAnotherStream", header + http2::Data(7, message)},
      {"DataBeyondTheWindow",
       header + Repeated(20, http2::Data(1, std::string(16'000, 'x')))},
      {"Reset", http2::RstStream(1, 2)},
      {"Goaway", http2::Goaway(0, 11)},
      {"CompressedMessage",
       header + http2::Data(1, "\1" + http2::BigEndian(5, 4) + "model")},
      {"MessageOfFourGigabytes",
       header + http2::Data(1, http2::BigEndian(0xffffffff, 5))},
      {"HalfAMessage", header + http2::Data(1, message.substr(0, 7)) +
                           http2::GrpcTrailer(1, 0)},
      {"EndWithoutAStatus",
       header + http2::Data(1, message, http2::kEndStream)},
      {"StatusThatIsNone",
       header + http2::Headers(1, {{"grpc-status", "well"}}, true)},
  };
}

class HostilePeerTest : public ::testing::TestWithParam<Hostility> {};

// The peer keeps the connection open: it is for the device to end the call.
TEST_P(HostilePeerTest, EndsTheCallAndNotTheTransport) {
  std::atomic<int> calls = 0;
  const ScriptedPeer peer([&](PeerConnection& connection) {
    while (const uint32_t stream = connection.AwaitCall()) {
      if (calls++ == 0) {
        connection.Send(GetParam().bytes);
      } else {
        connection.Send(http2::Headers(stream, http2::GrpcHeader()) +
                        http2::GrpcTrailer(stream, 0));
      }
    }
  });
  const auto transport = TransportTo(peer);
  const absl::Status status = Fetch(*transport, Digest(), 0).status();
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(absl::StrContains(status.message(), "nothing has moved"))
      << status;
  SHOAL_EXPECT_OK(Fetch(*transport, Digest(), 0).status());
}

INSTANTIATE_TEST_SUITE_P(Peers, HostilePeerTest,
                         ::testing::ValuesIn(Hostilities()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::testing
