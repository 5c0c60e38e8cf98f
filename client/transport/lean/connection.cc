#include "client/transport/lean/connection.h"

#include <utility>

#include "base/status_macros.h"
#include "client/transport/connection_errors.h"

namespace shoal::client::lean {
namespace {

constexpr size_t kReadBytes = 16 * 1024;

}  // namespace

Connection::Connection(const Route& route)
    : route_(route), name_(route.coordinator.ToString()) {
  dialer_.emplace(route_.coordinator, route_.proxy);
}

absl::Status Connection::Explain(const absl::Status& status) const {
  // What TLS has to say is complete.
  if (stream_ != nullptr && route_.tls != nullptr) return status;
  return Unreachable(name_, status.message());
}

absl::Status Connection::Step(absl::Duration now) {
  if (!session_.has_value()) {
    const absl::StatusOr<bool> established = Establish(now);
    if (!established.ok()) return Explain(established.status());
    if (!*established) return absl::OkStatus();
    session_.emplace();
    received_at_ = now;
  }
  return Exchange(now);
}

absl::StatusOr<bool> Connection::Establish(absl::Duration now) {
  if (stream_ == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<Socket> socket, dialer_->Step(now));
    if (socket == nullptr) return false;
    dialer_.reset();
    if (route_.tls != nullptr) {
      SHOAL_ASSIGN_OR_RETURN(
          stream_, route_.tls->Wrap(std::move(socket), route_.coordinator));
    } else {
      stream_ = std::move(socket);
    }
  }
  return stream_->Handshake();
}

absl::Status Connection::Exchange(absl::Duration now) {
  bool sending = true;
  while (sending) {
    SHOAL_ASSIGN_OR_RETURN(sending, SendSome());
  }
  SHOAL_ASSIGN_OR_RETURN(has_more_, ReceiveSome(now));
  return absl::OkStatus();
}

absl::StatusOr<bool> Connection::SendSome() {
  const absl::StatusOr<absl::string_view> output = session_->Output();
  if (!output.ok()) return Unreachable(name_, output.status().message());
  if (output->empty()) return false;
  const absl::StatusOr<size_t> written = stream_->Write(*output);
  if (!written.ok()) return Explain(written.status());
  session_->Sent(*written);
  return *written > 0;
}

absl::StatusOr<bool> Connection::ReceiveSome(absl::Duration now) {
  char buffer[kReadBytes];
  const absl::StatusOr<size_t> size = stream_->Read(absl::MakeSpan(buffer));
  if (!size.ok()) return Explain(size.status());
  if (*size == 0) return false;
  received_at_ = now;
  const absl::Status taken =
      session_->Receive(absl::string_view(buffer, *size));
  if (!taken.ok()) return Unreachable(name_, taken.message());
  return true;
}

void Connection::AddWaits(absl::Duration now, PollSet& waits) const {
  if (stream_ == nullptr) {
    dialer_->AddWaits(now, waits);
    return;
  }
  // TLS may hold bytes that the socket does not show any more.
  if (has_more_) waits.WakeAt(now);
  waits.Add(
      stream_->fd(),
      static_cast<short>(POLLIN | (stream_->wants_write() ? POLLOUT : 0)));
}

}  // namespace shoal::client::lean
