// A Transport to a FakeFleet in the same process, whose calls can be made to
// fail.
#ifndef SHOAL_TESTS_SUPPORT_FAKE_TRANSPORT_H_
#define SHOAL_TESTS_SUPPORT_FAKE_TRANSPORT_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "client/transport.h"
#include "tests/support/fake_fleet.h"

namespace shoal::testing {

// In the order of client::Call.
enum class Rpc {
  kCheckIn,
  kFetchModel,
  kQueryUpload,
  kUpload,
  kAggregate,
  kAbandon,
  kEnroll,
  kForget
};

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

  void Start(client::Call call) override {
    SHOAL_CHECK(!call_.has_value());
    if (!is_open_) ++connections_;
    is_open_ = true;
    failure_ = Begin(static_cast<Rpc>(call.index()));
    if (const auto* fetch = std::get_if<client::FetchCall>(&call)) {
      at_ = fetch->offset;
      offsets_.push_back(at_);
    } else if (const auto* upload = std::get_if<client::UploadCall>(&call)) {
      at_ = upload->header.offset;
      offsets_.push_back(at_);
    } else if (const auto* check_in = std::get_if<client::CheckInCall>(&call)) {
      check_ins_.push_back(check_in->message);
    }
    begun_at_ = at_;
    call_ = std::move(call);
  }

  std::optional<absl::StatusOr<client::Answer>> Step(
      absl::Duration wait) override {
    SHOAL_CHECK(call_.has_value());
    Result result;
    if (cancelled_) {
      result = absl::CancelledError("the transport was cancelled");
    } else {
      result = std::visit([this](auto& call) { return Move(call); }, *call_);
    }
    if (result.has_value()) call_.reset();
    return result;
  }

  void Cancel() override { cancelled_ = true; }
  void Drop() override {
    if (call_.has_value()) ++num_dropped_;
    call_.reset();
  }
  void Close() override {
    ++num_closed_;
    is_open_ = false;
  }
  int64_t connections() const override { return connections_; }
  int64_t bytes_sent() const override { return sent_; }
  int64_t bytes_received() const override { return received_; }
  int num_dropped() const { return num_dropped_; }
  int num_closed() const { return num_closed_; }

 private:
  using Result = std::optional<absl::StatusOr<client::Answer>>;

  template <typename T>
  static Result ToResult(absl::StatusOr<T> result) {
    if (!result.ok()) return result.status();
    return absl::StatusOr<client::Answer>(*std::move(result));
  }

  // The error that the call ends with.
  absl::Status Begin(Rpc rpc) {
    calls_.push_back(rpc);
    if (on_call_) on_call_(rpc);
    std::deque<absl::Status>& failures = failures_[rpc];
    if (failures.empty()) return permanent_[rpc];
    absl::Status failure = failures.front();
    failures.pop_front();
    return failure;
  }

  // The next chunk of `bytes`, which start at the call's offset; empty when it
  // is time to end.
  absl::string_view NextChunk(absl::string_view bytes) const {
    const int64_t end = static_cast<int64_t>(bytes.size());
    const int64_t stop =
        failure_.ok() ? end : std::min(end, bytes_before_failure_);
    const int64_t done = at_ - begun_at_;
    return bytes.substr(done,
                        std::clamp<int64_t>(stop - done, 0, chunk_bytes_));
  }

  Result Move(const client::CheckInCall& call) {
    if (!failure_.ok()) return failure_;
    return ToResult(
        absl::StatusOr<protocol::CheckInAnswer>(fleet_.CheckIn(call.message)));
  }

  Result Move(const client::FetchCall& call) {
    absl::StatusOr<std::string> rest =
        fleet_.ReadModel(call.digest, call.offset);
    if (!rest.ok()) return rest.status();
    if (served_.has_value()) rest = served_->substr(call.offset);
    const absl::string_view chunk = NextChunk(*rest);
    if (chunk.empty() && !failure_.ok()) return failure_;
    if (chunk.empty()) return client::Answer(client::Fetched());
    at_ += static_cast<int64_t>(chunk.size());
    received_ += static_cast<int64_t>(chunk.size());
    absl::Status taken = call.sink(chunk);
    if (!taken.ok()) return taken;
    return std::nullopt;
  }

  Result Move(const client::QueryCall& call) {
    if (!failure_.ok()) return failure_;
    return ToResult(fleet_.QueryUpload(call.token, call.digest));
  }

  Result Move(const client::UploadCall& call) {
    if (at_ == begun_at_) {
      absl::Status begun = fleet_.BeginUpload(call.header);
      if (!begun.ok()) return begun;
    }
    const absl::string_view chunk =
        NextChunk(absl::string_view(*call.update).substr(call.header.offset));
    if (chunk.empty() && !failure_.ok()) return failure_;
    if (chunk.empty()) return ToResult(fleet_.FinishUpload(call.header));
    absl::Status taken = fleet_.AppendUpload(call.header.token, at_, chunk);
    if (!taken.ok()) return taken;
    at_ += static_cast<int64_t>(chunk.size());
    sent_ += static_cast<int64_t>(chunk.size());
    return std::nullopt;
  }

  Result Move(const client::AggregateCall& call) {
    if (!failure_.ok()) return failure_;
    return ToResult(fleet_.Aggregate(call.request));
  }

  Result Move(const client::AbandonCall& call) {
    if (!failure_.ok()) return failure_;
    return ToResult(fleet_.Abandon(call.token, call.reason));
  }

  Result Move(const client::EnrollCall& call) {
    if (!failure_.ok()) return failure_;
    return client::Answer(
        client::Enrolled{absl::StrCat("certificate of ", call.device_name)});
  }

  Result Move(const client::ForgetCall&) {
    if (!failure_.ok()) return failure_;
    fleet_.Forget();
    return client::Answer(client::Forgotten());
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
  // Of the call under way.
  std::optional<client::Call> call_;
  absl::Status failure_;
  int64_t begun_at_ = 0;
  int64_t at_ = 0;

  int num_dropped_ = 0;
  bool is_open_ = false;
  int64_t connections_ = 0;
  int num_closed_ = 0;
  bool cancelled_ = false;
  int64_t sent_ = 0;
  int64_t received_ = 0;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_FAKE_TRANSPORT_H_
