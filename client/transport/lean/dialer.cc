#include "client/transport/lean/dialer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_duration.h"
#include "base/status_macros.h"

namespace shoal::client::lean {

Dialer::Dialer(const HostPort& target, const Proxy* proxy)
    : resolver_(proxy != nullptr ? proxy->address : target) {
  if (proxy != nullptr) tunnel_.emplace(target, *proxy);
}

absl::StatusOr<std::unique_ptr<Socket>> Dialer::Step(absl::Duration now) {
  SHOAL_ASSIGN_OR_RETURN(const bool resolved, resolver_.Step());
  if (!resolved) return nullptr;
  SHOAL_ASSIGN_OR_RETURN(const bool connected, Connect(now));
  if (!connected) return nullptr;
  if (tunnel_.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(const bool open, tunnel_->Step(*socket_));
    if (!open) return nullptr;
  }
  return std::move(socket_);
}

absl::StatusOr<bool> Dialer::Connect(absl::Duration now) {
  while (!connected_) {
    if (socket_ == nullptr) {
      SHOAL_RETURN_IF_ERROR(TryNext(now, absl::OkStatus()));
      continue;
    }
    const absl::StatusOr<bool> done = socket_->Handshake();
    if (!done.ok()) {
      SHOAL_RETURN_IF_ERROR(TryNext(now, done.status()));
    } else if (*done) {
      connected_ = true;
    } else if (HasNext() && now >= give_up_at_) {
      SHOAL_RETURN_IF_ERROR(TryNext(now, absl::OkStatus()));
    } else {
      return false;
    }
  }
  return true;
}

absl::Status Dialer::TryNext(absl::Duration now, const absl::Status& why) {
  absl::Status last = why;
  while (HasNext()) {
    absl::StatusOr<std::unique_ptr<Socket>> begun =
        Socket::Connect(resolver_.addresses()[next_++]);
    if (begun.ok()) {
      socket_ = *std::move(begun);
      give_up_at_ = now + kPerAddress;
      return absl::OkStatus();
    }
    last = begun.status();
  }
  return last;
}

void Dialer::AddWaits(absl::Duration now, PollSet& waits) const {
  if (socket_ == nullptr) {
    resolver_.AddWaits(now, waits);
    return;
  }
  waits.Add(
      socket_->fd(),
      static_cast<short>(POLLIN | (socket_->wants_write() ? POLLOUT : 0)));
  if (!connected_ && HasNext()) waits.WakeAt(give_up_at_);
}

}  // namespace shoal::client::lean
