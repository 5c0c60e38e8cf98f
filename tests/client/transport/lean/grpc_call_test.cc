#include "client/transport/lean/grpc_call.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/http2_frames.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::lean {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::shoal::testing::http2::GrpcMessage;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr size_t kLimit = 1000;

TEST(GrpcHeadersTest, RequestIsThatOfTheSpecification) {
  GrpcRequest request;
  request.path = "/shoal.v1.Fleet/CheckIn";
  request.authority = "fleet.example.org:7600";
  request.metadata = {{"shoal-insecure-device", "pump"}};
  const Http2Headers headers = HeadersOf(request);
  EXPECT_THAT(headers, Contains(Pair(":method", "POST")));
  EXPECT_THAT(headers, Contains(Pair(":scheme", "https")));
  EXPECT_THAT(headers, Contains(Pair(":path", "/shoal.v1.Fleet/CheckIn")));
  EXPECT_THAT(headers, Contains(Pair(":authority", "fleet.example.org:7600")));
  EXPECT_THAT(headers, Contains(Pair("te", "trailers")));
  EXPECT_THAT(headers, Contains(Pair("content-type", "application/grpc")));
  EXPECT_THAT(headers, Contains(Pair("shoal-insecure-device", "pump")));
  EXPECT_THAT(headers, Not(Contains(Pair("grpc-timeout", ::testing::_))));
}

TEST(GrpcHeadersTest, TimeoutIsToldInMilliseconds) {
  const auto with = [](absl::Duration timeout) {
    GrpcRequest request;
    request.timeout = timeout;
    return HeadersOf(request);
  };
  EXPECT_THAT(with(absl::Seconds(30)),
              Contains(Pair("grpc-timeout", "30000m")));
  EXPECT_THAT(with(absl::Microseconds(1)),
              Contains(Pair("grpc-timeout", "1m")));
  EXPECT_THAT(with(absl::Hours(10'000)),
              Contains(Pair("grpc-timeout", "99999999m")));
}

class GrpcCallTest : public ::testing::Test {
 protected:
  void Begin() {
    call_.OnHeader(":status", "200");
    call_.OnHeader("content-type", "application/grpc+proto");
  }
  // What the call sends when it is asked for pieces of that size.
  std::string ReadAll(size_t piece) {
    std::string body;
    std::string buffer(piece, '\0');
    bool is_last = false;
    while (!is_last) {
      const size_t size = call_.ReadBody(absl::MakeSpan(buffer), is_last);
      body.append(buffer, 0, size);
      if (size == 0 && !call_.TakeMoved()) break;
    }
    return body;
  }

  std::vector<std::string> messages_;
  absl::Status sink_;
  std::function<void()> on_drained_;
  GrpcCall call_{kLimit,
                 {[this](absl::string_view message) {
                    messages_.emplace_back(message);
                    return sink_;
                  },
                  [this] {
                    if (on_drained_) on_drained_();
                  }}};
};

TEST_F(GrpcCallTest, MessagesAndStatusAreRead) {
  Begin();
  call_.OnData(GrpcMessage("a") + GrpcMessage("b"));
  EXPECT_FALSE(call_.over());
  call_.OnHeader("grpc-status", "0");
  call_.OnEnd();
  EXPECT_TRUE(call_.over());
  SHOAL_EXPECT_OK(call_.failure());
  EXPECT_EQ(call_.status().code, 0);
  EXPECT_THAT(messages_, ElementsAre("a", "b"));
}

TEST_F(GrpcCallTest, ErrorsAreDecoded) {
  Begin();
  call_.OnHeader("grpc-status", "5");
  call_.OnHeader("grpc-message", "no%20such %F0%9F%90%9F");
  call_.OnHeader("grpc-status-details-bin", "AAEC/w");  // without padding
  call_.OnEnd();
  SHOAL_EXPECT_OK(call_.failure());
  EXPECT_EQ(call_.status().code, 5);
  EXPECT_EQ(call_.status().message, "no such 🐟");
  EXPECT_EQ(call_.status().details, absl::string_view("\0\x01\x02\xff", 4));
}

TEST_F(GrpcCallTest, DetailsThatAreNoBase64AreLeftOut) {
  Begin();
  call_.OnHeader("grpc-status", "5");
  call_.OnHeader("grpc-status-details-bin", "!!");
  call_.OnEnd();
  EXPECT_EQ(call_.status().details, "");
}

TEST_F(GrpcCallTest, UnknownStatusIsUnknown) {
  Begin();
  call_.OnHeader("grpc-status", "4711");
  call_.OnEnd();
  EXPECT_EQ(call_.status().code, 2);
}

TEST_F(GrpcCallTest, AnswerWithoutAStatusFails) {
  for (const char* status : {"", "x", "-1"}) {
    GrpcCall call(kLimit, {});
    call.OnHeader(":status", "200");
    call.OnHeader("content-type", "application/grpc");
    if (*status != '\0') call.OnHeader("grpc-status", status);
    call.OnEnd();
    EXPECT_THAT(call.failure(), StatusIs(absl::StatusCode::kInternal,
                                         HasSubstr("without a status")));
  }
}

TEST_F(GrpcCallTest, SuccessInsideAMessageFails) {
  Begin();
  call_.OnData(GrpcMessage("abc").substr(0, 7));
  call_.OnHeader("grpc-status", "0");
  call_.OnEnd();
  EXPECT_THAT(call_.failure(), StatusIs(absl::StatusCode::kInternal,
                                        HasSubstr("inside a message")));
}

TEST_F(GrpcCallTest, OtherServersAreNamed) {
  call_.OnHeader(":status", "200");
  call_.OnHeader("content-type", "text/html");
  call_.OnData("<html>");
  call_.OnEnd();
  EXPECT_THAT(call_.failure(), StatusIs(absl::StatusCode::kUnknown,
                                        HasSubstr("not application/grpc")));
  EXPECT_TRUE(messages_.empty());
}

TEST_F(GrpcCallTest, HttpErrorsKeepTheirMeaning) {
  const std::pair<const char*, absl::StatusCode> rows[] = {
      {"403", absl::StatusCode::kPermissionDenied},
      {"404", absl::StatusCode::kUnimplemented},
      {"503", absl::StatusCode::kUnavailable},
      {"500", absl::StatusCode::kUnknown}};
  for (const auto& [http, code] : rows) {
    GrpcCall call(kLimit, {});
    call.OnHeader(":status", http);
    call.OnEnd();
    EXPECT_THAT(call.failure(), StatusIs(code, HasSubstr(http)));
  }
}

TEST_F(GrpcCallTest, LostStreamIsUnavailable) {
  Begin();
  call_.OnClosed(NGHTTP2_REFUSED_STREAM);
  EXPECT_TRUE(call_.over());
  EXPECT_THAT(call_.failure(), StatusIs(absl::StatusCode::kUnavailable,
                                        HasSubstr("REFUSED_STREAM")));
}

TEST_F(GrpcCallTest, ErrorOfAMessageEndsTheCall) {
  sink_ = absl::DataLossError("broken");
  Begin();
  call_.OnData(GrpcMessage("a"));
  EXPECT_TRUE(call_.over());
  EXPECT_FALSE(call_.stream_closed());
  EXPECT_THAT(call_.failure(), StatusIs(absl::StatusCode::kDataLoss, "broken"));
  call_.OnData(GrpcMessage("b"));
  EXPECT_THAT(messages_, ElementsAre("a"));
}

TEST_F(GrpcCallTest, SentMessagesHavePrefixes) {
  const std::string tail(300, 't');
  for (size_t piece : {1, 2, 7, 100, 10'000}) {
    GrpcCall call(kLimit, {});
    call.Send("head ", tail);
    call.Send("second");
    call.CloseSending();
    std::string body;
    std::string buffer(piece, '\0');
    for (bool is_last = false; !is_last;) {
      body.append(buffer, 0, call.ReadBody(absl::MakeSpan(buffer), is_last));
    }
    EXPECT_EQ(body, GrpcMessage("head " + tail) + GrpcMessage("second"));
    EXPECT_TRUE(call.sent_all());
    EXPECT_EQ(call.bytes_moved(), static_cast<int64_t>(body.size()));
  }
}

TEST_F(GrpcCallTest, MoreIsAskedForWhenAllIsSent) {
  int left = 3;
  on_drained_ = [&] {
    if (left == 0) {
      call_.CloseSending();
    } else {
      call_.Send(absl::StrCat(left--));
    }
  };
  EXPECT_EQ(ReadAll(4), GrpcMessage("3") + GrpcMessage("2") + GrpcMessage("1"));
  EXPECT_TRUE(call_.sent_all());
}

TEST_F(GrpcCallTest, MoreIsNotAskedForBeforeTheMovementWasSeen) {
  int asked = 0;
  on_drained_ = [&] {
    ++asked;
    call_.Send("x");
  };
  std::string buffer(100, '\0');
  bool is_last = false;
  EXPECT_GT(call_.ReadBody(absl::MakeSpan(buffer), is_last), 0);
  EXPECT_EQ(call_.ReadBody(absl::MakeSpan(buffer), is_last), 0);
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(call_.TakeMoved());
  EXPECT_FALSE(call_.TakeMoved());
  EXPECT_GT(call_.ReadBody(absl::MakeSpan(buffer), is_last), 0);
  EXPECT_EQ(asked, 2);
}

TEST_F(GrpcCallTest, NothingToSendIsNoEnd) {
  std::string buffer(10, '\0');
  bool is_last = true;
  EXPECT_EQ(call_.ReadBody(absl::MakeSpan(buffer), is_last), 0);
  EXPECT_FALSE(is_last);
  EXPECT_FALSE(call_.sent_all());
}

}  // namespace
}  // namespace shoal::client::lean
