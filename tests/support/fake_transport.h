// A Transport to a FakeFleet in the same process, whose calls can be made to
// fail.
#ifndef SHOAL_TESTS_SUPPORT_FAKE_TRANSPORT_H_
#define SHOAL_TESTS_SUPPORT_FAKE_TRANSPORT_H_

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/transport.h"
#include "tests/support/fake_fleet.h"

namespace shoal::testing {

enum class Rpc { kCheckIn, kFetchModel, kQueryUpload, kUpload, kAbandon };

class FakeTransport final : public client::Transport {
 public:
  // `fleet` must outlive the transport.
  explicit FakeTransport(FakeFleet& fleet) : fleet_(fleet) {}

  // The next calls of `rpc` fail, in this order. Transfers move
  // `bytes_before_failure` first.
  void FailNext(Rpc rpc, absl::Status status) {
    failures_[rpc].push_back(std::move(status));
  }
  void FailAlways(Rpc rpc, absl::Status status) {
    permanent_[rpc] = std::move(status);
  }
  void set_bytes_before_failure(int64_t bytes) {
    bytes_before_failure_ = bytes;
  }
  // Downloads deliver this instead of what the fleet holds.
  void set_served_model(std::string bytes) { served_ = std::move(bytes); }
  void set_chunk_bytes(int64_t bytes) { chunk_bytes_ = bytes; }
  // Called at the start of every call.
  void set_on_call(std::function<void(Rpc)> on_call) {
    on_call_ = std::move(on_call);
  }

  // What was called, and from which offsets transfers started.
  const std::vector<Rpc>& calls() const { return calls_; }
  const std::vector<int64_t>& offsets() const { return offsets_; }
  const std::vector<protocol::CheckIn>& check_ins() const { return check_ins_; }

  absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      const protocol::CheckIn& message) override {
    check_ins_.push_back(message);
    absl::Status status = Begin(Rpc::kCheckIn);
    if (!status.ok()) return status;
    return fleet_.CheckIn(message);
  }

  absl::Status FetchModel(
      const Digest& digest, int64_t offset,
      const std::function<absl::Status(absl::string_view)>& sink) override {
    offsets_.push_back(offset);
    const absl::Status failure = Begin(Rpc::kFetchModel);
    if (absl::IsCancelled(failure)) return failure;
    absl::StatusOr<std::string> rest = fleet_.ReadModel(digest, offset);
    if (!rest.ok()) return rest.status();
    if (served_.has_value()) rest = served_->substr(offset);
    absl::string_view left = *rest;
    if (!failure.ok()) left = left.substr(0, bytes_before_failure_);
    while (!left.empty()) {
      const absl::string_view chunk = left.substr(0, chunk_bytes_);
      left.remove_prefix(chunk.size());
      received_ += static_cast<int64_t>(chunk.size());
      absl::Status taken = sink(chunk);
      if (!taken.ok()) return taken;
    }
    return failure;
  }

  absl::StatusOr<protocol::UploadProgress> QueryUpload(
      absl::string_view token, const Digest& digest) override {
    absl::Status status = Begin(Rpc::kQueryUpload);
    if (!status.ok()) return status;
    return fleet_.QueryUpload(std::string(token), digest);
  }

  absl::StatusOr<protocol::UploadReceipt> Upload(
      const protocol::UploadHeader& header, absl::string_view update) override {
    offsets_.push_back(header.offset);
    const absl::Status failure = Begin(Rpc::kUpload);
    if (absl::IsCancelled(failure)) return failure;
    absl::Status begun = fleet_.BeginUpload(header);
    if (!begun.ok()) return begun;
    absl::string_view left = update.substr(header.offset);
    if (!failure.ok()) left = left.substr(0, bytes_before_failure_);
    int64_t at = header.offset;
    while (!left.empty()) {
      const absl::string_view chunk = left.substr(0, chunk_bytes_);
      left.remove_prefix(chunk.size());
      absl::Status taken = fleet_.AppendUpload(header.token, at, chunk);
      if (!taken.ok()) return taken;
      at += static_cast<int64_t>(chunk.size());
      sent_ += static_cast<int64_t>(chunk.size());
    }
    if (!failure.ok()) return failure;
    return fleet_.FinishUpload(header);
  }

  absl::StatusOr<absl::Duration> Abandon(
      absl::string_view token, protocol::AbandonReason reason) override {
    absl::Status status = Begin(Rpc::kAbandon);
    if (!status.ok()) return status;
    return fleet_.Abandon(std::string(token), reason);
  }

  void Cancel() override { cancelled_ = true; }
  int64_t bytes_sent() const override { return sent_; }
  int64_t bytes_received() const override { return received_; }

 private:
  // The error that the call ends with.
  absl::Status Begin(Rpc rpc) {
    calls_.push_back(rpc);
    if (on_call_) on_call_(rpc);
    if (cancelled_) return absl::CancelledError("the transport was cancelled");
    std::deque<absl::Status>& failures = failures_[rpc];
    if (failures.empty()) return permanent_[rpc];
    absl::Status failure = failures.front();
    failures.pop_front();
    return failure;
  }

  FakeFleet& fleet_;
  std::map<Rpc, std::deque<absl::Status>> failures_;
  std::map<Rpc, absl::Status> permanent_;
  int64_t bytes_before_failure_ = 0;
  int64_t chunk_bytes_ = 16;
  std::optional<std::string> served_;
  std::function<void(Rpc)> on_call_;
  std::vector<Rpc> calls_;
  std::vector<int64_t> offsets_;
  std::vector<protocol::CheckIn> check_ins_;
  bool cancelled_ = false;
  int64_t sent_ = 0;
  int64_t received_ = 0;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_FAKE_TRANSPORT_H_
