#include "client/model_fetch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

Objection OwnFault(const absl::Status& status) {
  return {StorageError(status), AbandonReason::kConditions};
}

}  // namespace

absl::Status StorageError(const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat("this device's state: ", status.message()));
}

ModelFetch::~ModelFetch() {
  if (calling_) transport_.Drop();
}

std::optional<Objection> ModelFetch::Step(absl::Duration max_wait) {
  if (!calling_) return Begin();
  const auto answer = transport_.Step(max_wait);
  if (!answer.has_value()) return std::nullopt;
  calling_ = false;
  if (!storage_error_.ok()) return OwnFault(storage_error_);
  if (!answer->ok()) {
    return Objection{answer->status(), AbandonReason::kTraining};
  }
  return Finish();
}

std::optional<Objection> ModelFetch::Begin() {
  auto held = state_.LoadModel(reference_.digest);
  if (held.ok()) {
    model_ = *std::move(held);
    return Objection();
  }
  if (!absl::IsNotFound(held.status()) && !absl::IsDataLoss(held.status())) {
    return OwnFault(held.status());
  }
  const absl::StatusOr<int64_t> begun = state_.BeginModel(reference_.digest);
  if (!begun.ok()) return OwnFault(begun.status());
  held_ = *begun;
  started_at_ = clock_.Monotonic();
  if (held_ >= reference_.num_bytes) return Finish();
  transport_.Start(
      FetchCall{reference_.digest, held_,
                [this](absl::string_view bytes) { return Take(bytes); }});
  calling_ = true;
  return std::nullopt;
}

absl::Status ModelFetch::Take(absl::string_view bytes) {
  held_ += static_cast<int64_t>(bytes.size());
  if (held_ > reference_.num_bytes) {
    return absl::DataLossError(
        absl::StrCat("the model is longer than the announced ",
                     reference_.num_bytes, " bytes"));
  }
  storage_error_ = state_.AppendModel(bytes);
  return storage_error_;
}

Objection ModelFetch::Finish() {
  if (held_ < reference_.num_bytes) {
    return {absl::UnavailableError(absl::StrCat("the model ended after ", held_,
                                                " of ", reference_.num_bytes,
                                                " bytes")),
            AbandonReason::kTraining};
  }
  transfer_time_ = clock_.Monotonic() - started_at_;
  auto model = state_.FinishModel();
  if (model.ok()) {
    model_ = *std::move(model);
    return {};
  }
  if (!absl::IsDataLoss(model.status())) return OwnFault(model.status());
  return {model.status(), AbandonReason::kTraining};
}

}  // namespace shoal::client
