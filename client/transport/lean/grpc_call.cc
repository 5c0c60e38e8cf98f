#include "client/transport/lean/grpc_call.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/version.h"
#include "client/transport/percent_encoding.h"

namespace shoal::client::lean {
namespace {

// Of the timeout's header, which has at most eight digits.
constexpr int64_t kMaxTimeoutMs = 99'999'999;
constexpr int kMaxStatus = 16;  // UNAUTHENTICATED

std::string TimeoutText(absl::Duration timeout) {
  const int64_t ms = absl::ToInt64Milliseconds(timeout);
  return absl::StrCat(std::clamp<int64_t>(ms, 1, kMaxTimeoutMs), "m");
}

// What an answer means that comes from something other than gRPC: a proxy, or
// another server (gRPC's doc/http-grpc-status-mapping.md).
absl::StatusCode CodeOfHttp(int http_status) {
  switch (http_status) {
    case 400:
      return absl::StatusCode::kInternal;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kUnknown;
  }
}

}  // namespace

Http2Headers HeadersOf(const GrpcRequest& request) {
  Http2Headers headers = {{":method", "POST"},
                          {":scheme", request.tls ? "https" : "http"},
                          {":path", request.path},
                          {":authority", request.authority},
                          {"te", "trailers"},
                          {"content-type", "application/grpc"},
                          {"user-agent", absl::StrCat("shoal/", Version())}};
  if (request.timeout != absl::InfiniteDuration()) {
    headers.emplace_back("grpc-timeout", TimeoutText(request.timeout));
  }
  headers.insert(headers.end(), request.metadata.begin(),
                 request.metadata.end());
  return headers;
}

void GrpcCall::Send(std::string head, absl::string_view tail) {
  SHOAL_CHECK(!closed_sending_);
  const auto prefix = MessagePrefix(head.size() + tail.size());
  head.insert(0, prefix.data(), prefix.size());
  outgoing_.push_back({std::move(head), tail});
}

size_t GrpcCall::ReadBody(absl::Span<char> out, bool& is_last) {
  size_t written = 0;
  while (written < out.size()) {
    const bool drained = outgoing_.empty() && !closed_sending_ && !moved_;
    if (drained && handlers_.on_drained) handlers_.on_drained();
    if (outgoing_.empty()) break;
    const Outgoing& first = outgoing_.front();
    const bool in_head = sent_of_first_ < first.head.size();
    const absl::string_view rest =
        in_head ? absl::string_view(first.head).substr(sent_of_first_)
                : first.tail.substr(sent_of_first_ - first.head.size());
    const size_t take = std::min(rest.size(), out.size() - written);
    std::memcpy(out.data() + written, rest.data(), take);
    written += take;
    sent_of_first_ += take;
    if (sent_of_first_ == first.head.size() + first.tail.size()) {
      outgoing_.pop_front();
      sent_of_first_ = 0;
      moved_ = true;
    }
  }
  bytes_moved_ += static_cast<int64_t>(written);
  is_last = sent_all_ = outgoing_.empty() && closed_sending_;
  if (is_last) moved_ = true;
  return written;
}

void GrpcCall::OnHeader(absl::string_view name, absl::string_view value) {
  if (name == ":status") {
    if (!absl::SimpleAtoi(value, &http_status_)) http_status_ = 0;
  } else if (name == "content-type") {
    is_grpc_ = absl::StartsWith(value, "application/grpc");
  } else if (name == "grpc-status") {
    has_status_ = absl::SimpleAtoi(value, &status_.code) && status_.code >= 0;
    if (status_.code > kMaxStatus) {
      status_.code = static_cast<int>(absl::StatusCode::kUnknown);
    }
  } else if (name == "grpc-message") {
    status_.message = PercentDecode(value);
  } else if (name == "grpc-status-details-bin") {
    // What cannot be read is left out: the code and the message stand alone.
    if (!absl::Base64Unescape(value, &status_.details)) status_.details.clear();
  }
}

void GrpcCall::OnData(absl::string_view bytes) {
  // What is no gRPC is reported by its HTTP status at the end.
  if (over_ || !is_grpc_ || http_status_ != 200) return;
  bytes_moved_ += static_cast<int64_t>(bytes.size());
  const absl::Status added =
      assembler_.Add(bytes, [this](absl::string_view message) {
        moved_ = true;
        return handlers_.on_message(message);
      });
  if (!added.ok()) Fail(added);
}

void GrpcCall::OnEnd() {
  if (over_) return;
  if (http_status_ != 200) {
    Fail(absl::Status(
        CodeOfHttp(http_status_),
        absl::StrCat("the answer has HTTP status ", http_status_,
                     ", expected 200: something else than a coordinator")));
  } else if (!is_grpc_) {
    Fail(absl::UnknownError(
        "the answer is not application/grpc: something else than a "
        "coordinator"));
  } else if (!has_status_) {
    Fail(absl::InternalError("the answer ended without a status"));
  } else if (status_.code == 0 && !assembler_.is_between_messages()) {
    Fail(absl::InternalError("the answer ended inside a message"));
  }
  over_ = true;
}

void GrpcCall::OnClosed(uint32_t error_code) {
  stream_closed_ = true;
  if (over_) return;
  Fail(absl::UnavailableError(absl::StrCat(
      "the call was ended early: ", nghttp2_http2_strerror(error_code))));
}

void GrpcCall::Fail(absl::Status why) {
  over_ = true;
  failure_ = std::move(why);
}

}  // namespace shoal::client::lean
