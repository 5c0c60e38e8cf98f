#include "client/transport/lean/proxy_tunnel.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::client::lean {
namespace {

constexpr absl::string_view kEnd = "\r\n\r\n";
// What an error repeats of the answer.
constexpr size_t kMaxShownBytes = 80;

Secret MakeRequest(const std::string& target, const Secret& credentials) {
  const Secret encoded(absl::Base64Escape(credentials.Reveal()));
  std::string request;
  request.reserve(128 + 2 * target.size() + encoded.Reveal().size());
  absl::StrAppend(&request, "CONNECT ", target, " HTTP/1.1\r\nHost: ", target,
                  "\r\n");
  if (!credentials.empty()) {
    absl::StrAppend(&request, "Proxy-Authorization: Basic ", encoded.Reveal(),
                    "\r\n");
  }
  absl::StrAppend(&request, "\r\n");
  return Secret(std::move(request));
}

}  // namespace

ProxyTunnel::ProxyTunnel(const HostPort& target, const Proxy& proxy)
    : proxy_(proxy.address.ToString()),
      request_(MakeRequest(target.ToString(), proxy.credentials)) {}

absl::StatusOr<bool> ProxyTunnel::Step(ByteStream& stream) {
  const absl::string_view request = request_.Reveal();
  while (sent_ < request.size()) {
    SHOAL_ASSIGN_OR_RETURN(const size_t size,
                           stream.Write(request.substr(sent_)));
    if (size == 0) return false;
    sent_ += size;
  }
  SHOAL_ASSIGN_OR_RETURN(const bool answered, ReadAnswer(stream));
  if (!answered) return false;
  SHOAL_RETURN_IF_ERROR(CheckAnswer());
  return true;
}

absl::StatusOr<bool> ProxyTunnel::ReadAnswer(ByteStream& stream) {
  while (!absl::EndsWith(answer_, kEnd)) {
    if (answer_.size() == kMaxAnswerBytes) {
      return absl::UnavailableError(
          absl::StrCat("the proxy ", proxy_, " answered with more than ",
                       kMaxAnswerBytes, " bytes, expected a short answer"));
    }
    char byte;
    SHOAL_ASSIGN_OR_RETURN(const size_t size,
                           stream.Read(absl::MakeSpan(&byte, 1)));
    if (size == 0) return false;
    answer_.push_back(byte);
  }
  return true;
}

absl::Status ProxyTunnel::CheckAnswer() const {
  // "HTTP/1.1 200 Connection established"; any 2xx is a yes.
  const absl::string_view line =
      absl::string_view(answer_).substr(0, answer_.find("\r\n"));
  if (absl::StartsWith(line, "HTTP/1.") && line.size() >= 12 &&
      line[8] == ' ' && line[9] == '2') {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(
      "the proxy ", proxy_, " refused the connection: '",
      absl::CEscape(line.substr(0, kMaxShownBytes)), "'",
      absl::StrContains(line, " 407") ? ", it wants a user and a password"
                                      : ""));
}

}  // namespace shoal::client::lean
