#include "coordinator/engine/upload_stream.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/update_validation.h"
#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;

class Stream final : public UploadStream {
 public:
  Stream(EngineCore& core, UploadTarget target, UploadBytes::Place place)
      : core_(core),
        target_(std::move(target)),
        ticket_(place.ticket),
        offset_(place.offset) {}

  ~Stream() override {
    MutexLock lock(core_.mutex);
    if (ticket_ != 0 && upload().writer == ticket_) {
      target_.round->SetWriter(upload(), 0);
    }
  }

  int64_t offset() const override { return offset_; }

  absl::Status Append(int64_t offset, absl::string_view data,
                      uint32_t crc32) override {
    const absl::Status status =
        upload().bytes.Append(ticket_, offset, data, crc32);
    if (status.ok()) offset_ += static_cast<int64_t>(data.size());
    return status;
  }

  absl::Status Share(std::shared_ptr<const std::string> update) override {
    const auto size = static_cast<int64_t>(update->size());
    SHOAL_RETURN_IF_ERROR(upload().bytes.Share(ticket_, std::move(update)));
    offset_ = size;
    return absl::OkStatus();
  }

  absl::Status Finish(absl::Time now, UploadDone done) override {
    if (ticket_ == 0) return WaitForReceipt(std::move(done), now);
    const absl::StatusOr<absl::string_view> bytes =
        upload().bytes.Complete(ticket_, upload().digest);
    if (!bytes.ok()) {
      DropOnMismatch(bytes.status());
      return bytes.status();
    }
    Content content;
    if (const absl::Status valid = Validate(*bytes, content); !valid.ok()) {
      return RefuseContent(core_, target_, upload().assigned.round_id,
                           upload().device_id, valid, now);
    }
    return Enqueue(std::move(content), std::move(done), now);
  }

 private:
  // What the bytes are: one of these.
  struct Content {
    aggregation::ValidUpdate update;
    std::optional<protocol::MaskedUpload> masked;
  };

  Upload& upload() { return *target_.upload; }

  absl::Status Validate(absl::string_view bytes, Content& content) {
    if (!target_.setup->task.secure_aggregation.has_value()) {
      SHOAL_ASSIGN_OR_RETURN(content.update,
                             aggregation::ValidateUpdate(bytes, Bounds()));
      return absl::OkStatus();
    }
    RoundRow row;
    {
      MutexLock lock(core_.mutex);
      row = target_.round->row();
    }
    absl::StatusOr<protocol::MaskedUpload> masked =
        protocol::DecodeMaskedUpload(
            bytes, SecureUpdateOf(*target_.setup, row).session());
    if (!masked.ok()) {
      return RefusalError(RefusalCode::kUpdateMalformed,
                          masked.status().message());
    }
    content.masked = *std::move(masked);
    return absl::OkStatus();
  }

  aggregation::UpdateBounds Bounds() {
    aggregation::UpdateBounds bounds;
    bounds.num_parameters = target_.setup->update_values;
    bounds.max_examples = target_.setup->task.update_limits.max_examples;
    bounds.predictions_per_example = target_.setup->predictions_per_example;
    const configuration::Task& task = target_.setup->task;
    bounds.uniform_weights =
        task.round.weighting == configuration::Weighting::kUniform;
    bounds.clipped_later = task.differential_privacy.has_value();
    if (std::holds_alternative<learning::FedNovaLocal>(task.algorithm)) {
      bounds.divided_steps = &task.training;
    }
    MutexLock lock(core_.mutex);
    bounds.norm_bound = target_.round->row().norm_bound;
    return bounds;
  }

  // What arrived is not what was announced: the device starts anew.
  void DropOnMismatch(const absl::Status& status) {
    const auto refusal = protocol::RefusalOf(status);
    if (!refusal.has_value() || refusal->code != RefusalCode::kDigestMismatch) {
      return;
    }
    MutexLock lock(core_.mutex);
    target_.round->Drop(upload(), status);
    core_.Tell(upload(), status);
  }

  absl::Status Enqueue(Content content, UploadDone done, absl::Time now) {
    MutexLock lock(core_.mutex);
    RunningRound& round = *target_.round;
    if (upload().phase == Upload::kDropped) return upload().end;
    const int64_t round_id = upload().assigned.round_id;
    absl::Status late;
    if (!round.takes_reports()) late = RoundOver(round_id);
    const Participant* self = round.Find(upload().device_id, round_id);
    if (self == nullptr) {
      late = RoundOver(round_id);
    } else if (now >= round.DeadlineOf(*self)) {
      late = RefusalError(
          RefusalCode::kTokenExpired,
          absl::StrCat("the deadline of round ", round_id,
                       " has passed before the update was complete"));
    }
    if (!late.ok()) {
      round.Drop(upload(), late);
      core_.Tell(upload(), late);
      return late;
    }
    upload().update = std::move(content.update);
    upload().masked = std::move(content.masked);
    upload().waiters.push_back(std::move(done));
    round.Enqueue(target_.upload, now);
    return absl::OkStatus();
  }

  // Another stream has brought all bytes.
  absl::Status WaitForReceipt(UploadDone done, absl::Time now) {
    MutexLock lock(core_.mutex);
    if (upload().phase == Upload::kDropped) return upload().end;
    if (upload().phase != Upload::kCounted) {
      upload().waiters.push_back(std::move(done));
      return absl::OkStatus();
    }
    RunningTask& task = *core_.FindTask(target_.setup->task.name);
    core_.answers.push_back(
        {std::move(done),
         core_.ReceiptFor(task, upload().assigned.round_id, upload().digest,
                          upload().segment_id, now)});
    return absl::OkStatus();
  }

  EngineCore& core_;
  const UploadTarget target_;
  const int64_t ticket_;
  int64_t offset_;
};

// Writes a fault of a device, of which the leader of the round decides what
// follows; what to tell the device.
absl::Status RecordFault(EngineCore& core, const RunningTask& task,
                         const FaultRow& fault) {
  {
    MutexLock lock(core.mutex);
    if (task.groups_are_elsewhere()) return LedElsewhere();
  }
  const absl::Status recorded = core.Noted(core.deps.store.RecordFault(fault));
  if (!recorded.ok()) return StoreUnavailable(recorded);
  return RefusalError(RefusalCode::kGroupFault, fault.what);
}

}  // namespace

std::unique_ptr<UploadStream> MakeUploadStream(EngineCore& core,
                                               UploadTarget target,
                                               UploadBytes::Place place) {
  return std::make_unique<Stream>(core, std::move(target), place);
}

void RefuseUpdate(EngineCore& core, RunningRound& round, int64_t round_id,
                  const std::string& device_id, Upload* upload,
                  const absl::Status& refusal) {
  {
    MutexLock lock(core.mutex);
    if (round.Find(device_id, round_id) != nullptr) round.Lose(device_id);
    if (upload != nullptr) {
      round.Drop(*upload, refusal);
      core.Tell(*upload, refusal);
    }
  }
  RecordRefusal(core, round_id, device_id, refusal);
}

absl::Status RefuseContent(EngineCore& core, const UploadTarget& target,
                           int64_t round_id, const std::string& device_id,
                           const absl::Status& refusal, absl::Time now) {
  RunningRound& round = *target.round;
  if (!target.setup->task.secure_aggregation.has_value()) {
    RefuseUpdate(core, round, round_id, device_id, target.upload.get(),
                 refusal);
    return refusal;
  }
  const FaultRow fault = {device_id, round_id, now,
                          absl::StrCat("in its masked upload: ",
                                       protocol::RefusalOf(refusal)->sentence)};
  RunningTask* task = nullptr;
  {
    MutexLock lock(core.mutex);
    task = core.FindTask(target.setup->task.name);
  }
  const absl::Status end = RecordFault(core, *task, fault);
  MutexLock lock(core.mutex);
  if (protocol::RefusalOf(end)->code == RefusalCode::kGroupFault) {
    core.NoteFault(*task, fault);
  }
  if (target.upload != nullptr) {
    round.Drop(*target.upload, end);
    core.Tell(*target.upload, end);
  }
  return end;
}

void RecordRefusal(EngineCore& core, int64_t round_id,
                   const std::string& device_id, const absl::Status& refusal) {
  const auto details = protocol::RefusalOf(refusal);
  const absl::string_view name =
      details.has_value() ? ToString(details->code) : "unreadable";
  core.deps.log.Info("update refused", {{"round", round_id},
                                        {"device", device_id},
                                        {"reason", refusal.message()}});
  const absl::Status status = core.NotedIfTrouble(core.deps.store.RecordOutcome(
      round_id, device_id, absl::StrCat("refused: ", name)));
  if (!status.ok() && !absl::IsNotFound(status)) {
    core.deps.log.Warning("could not record why an update was refused",
                          {{"round", round_id},
                           {"device", device_id},
                           {"error", status.message()}});
  }
}

}  // namespace shoal::coordinator
