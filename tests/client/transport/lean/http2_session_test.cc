#include "client/transport/lean/http2_session.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/http2_frames.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::lean {
namespace {

namespace http2 = ::shoal::testing::http2;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

// Remembers what it is told; sends `body`.
class Recorder final : public Http2Stream {
 public:
  void OnHeader(absl::string_view name, absl::string_view value) override {
    headers.emplace_back(name, value);
  }
  void OnData(absl::string_view bytes) override {
    data.append(bytes.data(), bytes.size());
  }
  void OnEnd() override { ended = true; }
  void OnClosed(uint32_t error_code) override { closed.push_back(error_code); }
  size_t ReadBody(absl::Span<char> out, bool& is_last) override {
    const size_t size = std::min(out.size(), body.size());
    std::copy_n(body.data(), size, out.data());
    body.erase(0, size);
    is_last = body.empty() && complete;
    return size;
  }

  std::string body;
  bool complete = true;
  Http2Headers headers;
  std::string data;
  bool ended = false;
  std::vector<uint32_t> closed;
};

const Http2Headers& RequestHeaders() {
  static const auto& headers = *new Http2Headers{{":method", "POST"},
                                                 {":scheme", "https"},
                                                 {":path", "/x"},
                                                 {":authority", "host"}};
  return headers;
}

class Http2SessionTest : public ::testing::Test {
 protected:
  // All that the session wants to send.
  std::string Drain() {
    std::string sent;
    while (true) {
      const absl::StatusOr<absl::string_view> output = session_.Output();
      status_ = output.status();
      if (!output.ok() || output->empty()) return sent;
      sent.append(output->data(), output->size());
      session_.Sent(output->size());
    }
  }
  uint32_t Open() {
    const absl::StatusOr<int32_t> stream =
        session_.Request(RequestHeaders(), recorder_);
    EXPECT_THAT(stream, IsOk());
    Drain();
    return static_cast<uint32_t>(*stream);
  }
  // What comes of these bytes, at once or when it is to be answered.
  absl::Status Receive(absl::string_view bytes) {
    const absl::Status received = session_.Receive(bytes);
    Drain();
    return received.ok() ? status_ : received;
  }
  void ExpectBroken(absl::string_view bytes, const std::string& why) {
    EXPECT_THAT(Receive(bytes),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr(why)));
    EXPECT_FALSE(session_.accepts_requests());
    EXPECT_THAT(session_.Receive(""), StatusIs(absl::StatusCode::kUnavailable));
  }

  Recorder recorder_;
  Http2Session session_;
  absl::Status status_;
};

TEST_F(Http2SessionTest, GreetsWithItsLimits) {
  const std::string greeting = Drain();
  EXPECT_THAT(greeting, StartsWith(std::string(http2::kPreface)));
  const auto setting = [](int id, uint32_t value) {
    return http2::BigEndian(id, 2) + http2::BigEndian(value, 4);
  };
  EXPECT_THAT(greeting, HasSubstr(setting(2, 0)));  // no pushes
  EXPECT_THAT(greeting, HasSubstr(setting(4, Http2Session::kWindowBytes)));
  EXPECT_THAT(greeting, HasSubstr(setting(6, Http2Session::kMaxHeaderBytes)));
}

TEST_F(Http2SessionTest, AnswerReachesItsStream) {
  recorder_.body = "question";
  Drain();
  const absl::StatusOr<int32_t> stream =
      session_.Request(RequestHeaders(), recorder_);
  SHOAL_ASSERT_OK(stream);
  EXPECT_THAT(Drain(), HasSubstr("question"));
  const uint32_t id = static_cast<uint32_t>(*stream);
  SHOAL_EXPECT_OK(Receive(http2::Settings() +
                          http2::Headers(id, {{":status", "200"}}) +
                          http2::Data(id, "answer")));
  EXPECT_THAT(recorder_.headers, Contains(Pair(":status", "200")));
  EXPECT_EQ(recorder_.data, "answer");
  EXPECT_FALSE(recorder_.ended);
  SHOAL_EXPECT_OK(Receive(http2::GrpcTrailer(id, 0)));
  EXPECT_THAT(recorder_.headers, Contains(Pair("grpc-status", "0")));
  EXPECT_TRUE(recorder_.ended);
  EXPECT_THAT(recorder_.closed, ElementsAre(0));
}

TEST_F(Http2SessionTest, AnswersMayArriveByteByByte) {
  const uint32_t id = Open();
  const std::string answer = http2::Settings() +
                             http2::Headers(id, {{":status", "200"}}) +
                             http2::Data(id, "answer", http2::kEndStream);
  for (const char byte : answer) {
    SHOAL_ASSERT_OK(session_.Receive(absl::string_view(&byte, 1)));
  }
  EXPECT_EQ(recorder_.data, "answer");
  EXPECT_TRUE(recorder_.ended);
}

TEST_F(Http2SessionTest, BodyGoesOnWhenThereIsMore) {
  recorder_.complete = false;
  const uint32_t id = Open();
  EXPECT_EQ(Drain(), "");
  recorder_.body = "more";
  EXPECT_EQ(Drain(), "");
  session_.Resume(static_cast<int32_t>(id));
  EXPECT_THAT(Drain(), HasSubstr("more"));
}

TEST_F(Http2SessionTest, BodyStopsAtThePeersWindow) {
  recorder_.body = std::string(100'000, 'b');
  Open();
  Drain();
  EXPECT_EQ(recorder_.body.size(), 100'000 - 65'535);
  const std::string increment = http2::BigEndian(40'000, 4);
  SHOAL_EXPECT_OK(Receive(http2::Settings() +
                          http2::Frame(http2::kWindowUpdate, 0, 0, increment) +
                          http2::Frame(http2::kWindowUpdate, 0, 1, increment)));
  EXPECT_TRUE(recorder_.body.empty());
}

TEST_F(Http2SessionTest, ResetStreamIsSilent) {
  recorder_.complete = false;
  const uint32_t id = Open();
  session_.Reset(static_cast<int32_t>(id));
  EXPECT_EQ(Drain(), http2::RstStream(id, 8));
  SHOAL_EXPECT_OK(
      Receive(http2::Settings() + http2::Headers(id, {{":status", "200"}})));
  EXPECT_TRUE(recorder_.headers.empty());
  EXPECT_TRUE(recorder_.closed.empty());
}

TEST_F(Http2SessionTest, PeersResetClosesTheStream) {
  const uint32_t id = Open();
  SHOAL_EXPECT_OK(Receive(http2::Settings() + http2::RstStream(id, 7)));
  EXPECT_THAT(recorder_.closed, ElementsAre(7));
  EXPECT_TRUE(session_.accepts_requests());
}

TEST_F(Http2SessionTest, GoawayLetsTheRunningCallFinish) {
  const uint32_t id = Open();
  SHOAL_EXPECT_OK(Receive(http2::Settings() + http2::Goaway(id)));
  EXPECT_FALSE(session_.accepts_requests());
  EXPECT_TRUE(recorder_.closed.empty());
  SHOAL_EXPECT_OK(Receive(http2::Headers(id, {{":status", "200"}}, true)));
  EXPECT_TRUE(recorder_.ended);
}

TEST_F(Http2SessionTest, GoawayClosesCallsThatWereNotTaken) {
  Open();
  SHOAL_EXPECT_OK(Receive(http2::Settings() + http2::Goaway(0)));
  EXPECT_THAT(recorder_.closed, ElementsAre(NGHTTP2_REFUSED_STREAM));
}

TEST_F(Http2SessionTest, PingsAreAnswered) {
  Drain();
  SHOAL_EXPECT_OK(session_.Receive(http2::Settings() + http2::Ping()));
  EXPECT_THAT(Drain(), HasSubstr(http2::Frame(http2::kPing, http2::kAck, 0,
                                              "12345678")));
}

TEST_F(Http2SessionTest, OversizedFramesBreakTheConnection) {
  const uint32_t id = Open();
  ExpectBroken(
      http2::Settings() + http2::FrameHeader(16'385, http2::kData, 0, id),
      "FRAME_SIZE_ERROR");
}

TEST_F(Http2SessionTest, OversizedHeadersBreakTheConnection) {
  const uint32_t id = Open();
  http2::HeaderList headers = {{":status", "200"}};
  for (int i = 0; i < 20; ++i) {
    headers.emplace_back(absl::StrCat("x-", i), std::string(1000, 'v'));
  }
  const std::string block = http2::HeaderBlock(headers);
  std::string frames = http2::Settings();
  absl::StrAppend(&frames,
                  http2::Frame(http2::kHeaders, 0, id, block.substr(0, 16'000)),
                  http2::Frame(http2::kContinuation, http2::kEndHeaders, id,
                               block.substr(16'000)));
  ExpectBroken(frames, "header of more than 16384 bytes");
}

TEST_F(Http2SessionTest, EndlessContinuationsBreakTheConnection) {
  const uint32_t id = Open();
  std::string frames =
      http2::Settings() + http2::Frame(http2::kHeaders, 0, id, "");
  for (int i = 0; i < 100; ++i) {
    frames += http2::Frame(http2::kContinuation, 0, id, "");
  }
  ExpectBroken(frames, "");
}

TEST_F(Http2SessionTest, PingFloodBreaksTheConnection) {
  Drain();
  std::string flood = http2::Settings();
  for (int i = 0; i < 200; ++i) flood += http2::Ping();
  ExpectBroken(flood, "");
}

TEST_F(Http2SessionTest, WindowBeyondItsBoundBreaksTheConnection) {
  Drain();
  ExpectBroken(
      http2::Settings() + http2::Frame(http2::kWindowUpdate, 0, 0,
                                       http2::BigEndian(0x7fffffff, 4)),
      "FLOW_CONTROL_ERROR");
}

TEST_F(Http2SessionTest, PushesBreakTheConnection) {
  const uint32_t id = Open();
  ExpectBroken(
      http2::Settings() + http2::Frame(http2::kSettings, http2::kAck, 0, "") +
          http2::Frame(
              http2::kPushPromise, http2::kEndHeaders, id,
              http2::BigEndian(2, 4) + http2::HeaderBlock({{":path", "/"}})),
      "PROTOCOL_ERROR");
}

TEST_F(Http2SessionTest, OtherProtocolsBreakTheConnection) {
  Drain();
  ExpectBroken("HTTP/1.1 400 Bad Request\r\n\r\n", "");
}

TEST_F(Http2SessionTest, MemoryStaysFarBelowItsCap) {
  recorder_.body = std::string(1'000'000, 'b');
  const uint32_t id = Open();
  SHOAL_ASSERT_OK(
      Receive(http2::Settings() + http2::Headers(id, {{":status", "200"}})));
  for (int i = 0; i < 100; ++i) {
    SHOAL_ASSERT_OK(Receive(http2::Data(id, std::string(16'384, 'd'))));
  }
  EXPECT_LT(session_.memory().peak_bytes(), Http2Session::kMaxMemoryBytes / 2);
}

}  // namespace
}  // namespace shoal::client::lean
