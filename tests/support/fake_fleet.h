// A coordinator in a few lines, for tests of devices: one round of one task,
// uploads in memory, receipts at once. Its rules are those that devices can
// see of the real one.
#ifndef SHOAL_TESTS_SUPPORT_FAKE_FLEET_H_
#define SHOAL_TESTS_SUPPORT_FAKE_FLEET_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "learning/model.h"
#include "protocol/messages.h"
#include "protocol/refusal.h"

namespace shoal::testing {

// A logistic model of 4 inputs and 3 classes, trained for two epochs.
inline protocol::Plan SmallPlan() {
  protocol::Plan plan;
  plan.model.architecture = learning::LogisticSpec{4, 3};
  plan.training.epochs = 2;
  plan.training.batch_size = 5;
  plan.training.learning_rate = 0.1;
  plan.norm_bound = 1000;
  plan.max_examples = 1000;
  plan.idle_window = absl::Seconds(30);
  return plan;
}

// Thread-safe.
class FakeFleet {
 public:
  static constexpr char kPopulation[] = "small";
  static constexpr absl::Duration kNextCheckIn = absl::Seconds(7);
  static constexpr absl::Duration kNoTaskDelay = absl::Seconds(11);

  explicit FakeFleet(protocol::Plan plan = SmallPlan())
      : plan_(std::move(plan)) {
    if (plan_.secure_aggregation.has_value()) {
      secure_aggregation_version_ = protocol::kSecureAggregationVersion;
    }
    auto model = learning::Model::Create(plan_.model);
    SHOAL_CHECK(model.ok());
    SeededRng rng(7);
    SetModel(learning::SerializeModel((*model)->layout(),
                                      (*model)->Initialise(rng)));
  }

  // What later check-ins lead to.
  void SetModel(std::string bytes) {
    MutexLock lock(mutex_);
    model_ = std::move(bytes);
  }
  std::string model() const {
    MutexLock lock(mutex_);
    return model_;
  }

  protocol::CheckInAnswer CheckIn(const protocol::CheckIn& message) {
    MutexLock lock(mutex_);
    if (message.population != kPopulation) {
      return {protocol::kProtocolVersion,
              protocol::RetryAfter{kNoTaskDelay, "no_task",
                                   "the population has no task"}};
    }
    protocol::Assignment assignment;
    assignment.token = absl::StrCat("token-", ++assigned_);
    assignment.task = "small-task";
    assignment.round_id = 3;
    assignment.round_number = 2;
    assignment.model = {Sha256(model_), static_cast<int64_t>(model_.size()), 1};
    assignment.time_left = absl::Minutes(10);
    assignment.plan = plan_;
    assignment.secure_aggregation_version = secure_aggregation_version_;
    uploads_[assignment.token];
    return {protocol::kProtocolVersion, assignment};
  }

  // The model's bytes from `offset` on.
  absl::StatusOr<std::string> ReadModel(const Digest& digest,
                                        int64_t offset) const {
    MutexLock lock(mutex_);
    if (digest != Sha256(model_)) {
      return protocol::RefusalError(protocol::RefusalCode::kUnknownModel,
                                    "no model " + digest.ToShortHex());
    }
    return model_.substr(std::min<size_t>(offset, model_.size()));
  }

  absl::StatusOr<protocol::UploadProgress> QueryUpload(
      const std::string& token, const Digest& digest) const {
    MutexLock lock(mutex_);
    const auto found = uploads_.find(token);
    if (found == uploads_.end()) return UnknownToken();
    if (!found->second.counted) {
      return protocol::UploadProgress{
          static_cast<int64_t>(found->second.bytes.size()), {}};
    }
    if (Sha256(found->second.bytes) != digest) return Conflict();
    const protocol::UploadReceipt receipt = {3, digest, 1, kNextCheckIn};
    return protocol::UploadProgress{
        static_cast<int64_t>(found->second.bytes.size()), receipt};
  }

  // That check-ins are answered with.
  void set_secure_aggregation_version(uint32_t version) {
    MutexLock lock(mutex_);
    secure_aggregation_version_ = version;
  }

  // What devices are told when they aggregate securely.
  using AggregateAnswers =
      std::function<absl::StatusOr<protocol::AggregateAnswer>(
          const protocol::AggregateRequest&)>;
  void set_aggregate(AggregateAnswers aggregate) {
    MutexLock lock(mutex_);
    aggregate_ = std::move(aggregate);
  }
  absl::StatusOr<protocol::AggregateAnswer> Aggregate(
      const protocol::AggregateRequest& request) {
    AggregateAnswers aggregate;
    {
      MutexLock lock(mutex_);
      aggregate = aggregate_;
    }
    SHOAL_CHECK(aggregate);
    return aggregate(request);
  }

  // Checks where an upload wants to go on.
  absl::Status BeginUpload(const protocol::UploadHeader& header) {
    MutexLock lock(mutex_);
    const auto found = uploads_.find(header.token);
    if (found == uploads_.end()) return UnknownToken();
    if (found->second.counted) {
      if (Sha256(found->second.bytes) == header.digest) return absl::OkStatus();
      return Conflict();
    }
    return CheckOffset(found->second, header.offset);
  }

  absl::Status AppendUpload(const std::string& token, int64_t offset,
                            absl::string_view data) {
    MutexLock lock(mutex_);
    Upload& upload = uploads_[token];
    if (upload.counted) return absl::OkStatus();
    absl::Status in_order = CheckOffset(upload, offset);
    if (in_order.ok()) upload.bytes.append(data.data(), data.size());
    return in_order;
  }

  // Called with the token and the bytes of an update that has arrived; an error
  // refuses it.
  using UploadCheck =
      std::function<absl::Status(const std::string&, const std::string&)>;
  void set_upload_check(UploadCheck check) {
    MutexLock lock(mutex_);
    upload_check_ = std::move(check);
  }
  // Another update may come with that token.
  void DropUpload(const std::string& token) {
    MutexLock lock(mutex_);
    uploads_[token] = {};
  }

  absl::StatusOr<protocol::UploadReceipt> FinishUpload(
      const protocol::UploadHeader& header) {
    MutexLock lock(mutex_);
    Upload& upload = uploads_[header.token];
    if (upload_check_ && !upload.counted) {
      absl::Status taken = upload_check_(header.token, upload.bytes);
      if (!taken.ok()) {
        upload.bytes.clear();
        return taken;
      }
    }
    if (Sha256(upload.bytes) != header.digest) {
      upload.bytes.clear();
      return protocol::RefusalError(protocol::RefusalCode::kDigestMismatch,
                                    "the update has another digest");
    }
    upload.counted = true;
    return protocol::UploadReceipt{3, header.digest, 1, kNextCheckIn};
  }

  absl::StatusOr<absl::Duration> Abandon(const std::string& token,
                                         protocol::AbandonReason reason) {
    MutexLock lock(mutex_);
    if (uploads_.erase(token) == 0) return UnknownToken();
    abandoned_.push_back(reason);
    return kNextCheckIn;
  }

  // There is one device.
  void Forget() {
    MutexLock lock(mutex_);
    ++times_forgotten_;
  }
  int times_forgotten() const {
    MutexLock lock(mutex_);
    return times_forgotten_;
  }

  std::vector<protocol::AbandonReason> abandoned() const {
    MutexLock lock(mutex_);
    return abandoned_;
  }
  // The updates that were acknowledged.
  std::vector<std::string> counted() const {
    MutexLock lock(mutex_);
    std::vector<std::string> updates;
    for (const auto& [token, upload] : uploads_) {
      if (upload.counted) updates.push_back(upload.bytes);
    }
    return updates;
  }

 private:
  struct Upload {
    std::string bytes;
    bool counted = false;
  };

  static absl::Status UnknownToken() {
    return protocol::RefusalError(protocol::RefusalCode::kTokenInvalid,
                                  "the token is not ours");
  }
  static absl::Status Conflict() {
    return protocol::RefusalError(protocol::RefusalCode::kDigestConflict,
                                  "another update was counted");
  }
  static absl::Status CheckOffset(const Upload& upload, int64_t offset) {
    if (offset == static_cast<int64_t>(upload.bytes.size())) {
      return absl::OkStatus();
    }
    return protocol::RefusalError(
        protocol::RefusalCode::kUploadOffset,
        absl::StrCat("the chunk starts at ", offset, ", expected ",
                     upload.bytes.size()));
  }

  const protocol::Plan plan_;
  mutable Mutex mutex_;
  std::string model_ SHOAL_GUARDED_BY(mutex_);
  int assigned_ SHOAL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Upload> uploads_ SHOAL_GUARDED_BY(mutex_);
  std::vector<protocol::AbandonReason> abandoned_ SHOAL_GUARDED_BY(mutex_);
  int times_forgotten_ SHOAL_GUARDED_BY(mutex_) = 0;
  uint32_t secure_aggregation_version_ SHOAL_GUARDED_BY(mutex_) = 0;
  UploadCheck upload_check_ SHOAL_GUARDED_BY(mutex_);
  AggregateAnswers aggregate_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_FAKE_FLEET_H_
