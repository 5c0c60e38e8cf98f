// Devices that aggregate securely with an engine: each does what the protocol
// asks for, but for what a test keeps it from.
#ifndef SHOAL_TESTS_COORDINATOR_ENGINE_GROUP_DEVICES_H_
#define SHOAL_TESTS_COORDINATOR_ENGINE_GROUP_DEVICES_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "privacy/secure_aggregation/group.h"
#include "privacy/secure_aggregation/signing.h"
#include "protocol/secure_update.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {

// A cohort of `devices`, all of whom are admitted and have to report.
configuration::Task SecureTask(int devices);

// What a device is about to do, in this order.
enum class GroupStep { kJoin, kShares, kMask, kSign, kUnmask, kNever };

class GroupDevice {
 public:
  // `leaves_before`: it does nothing any more when that comes. `signer` and
  // `verifier`: of plans where messages are signed.
  GroupDevice(int number, protocol::Assignment assignment,
              std::vector<float> values, int64_t num_examples, SecureRng& rng,
              GroupStep leaves_before = GroupStep::kNever,
              const secure_aggregation::MemberSigner* signer = nullptr,
              const secure_aggregation::MemberVerifier* verifier = nullptr);

  int number() const { return number_; }
  const std::string& token() const { return assignment_.token; }
  // Changes the messages that it sends, to lie.
  void ChangeMessages(
      std::function<std::string(GroupStep, std::string)> change) {
    change_ = std::move(change);
  }
  // Changes its vectors before they are masked, to lie.
  void ChangeVectors(
      std::function<void(std::vector<secure_aggregation::RingVector>&)>
          change) {
    change_vectors_ = std::move(change);
  }
  // Changes what it uploads, to lie.
  void ChangeUpload(std::function<std::string(std::string)> change) {
    change_upload_ = std::move(change);
  }
  // Changes what its session is told.
  void ChangeAnswers(std::function<std::string(std::string)> change) {
    change_answer_ = std::move(change);
  }
  // Sends what goes with its vectors by itself.
  void SendMaskedInputAlone() { masked_input_alone_ = true; }
  // Says that it leaves its group, and goes.
  void Abort(RoundEngine& engine, absl::Time now);
  // Makes the next call when none is under way; false when there is nothing to
  // do.
  bool Act(RoundEngine& engine, absl::Time now);
  // The engine that it has called is gone, or its store works again: it calls
  // again.
  void Reconnect();
  // As after a restart of the device: its secrets are lost.
  void LoseSecrets();

  const std::optional<protocol::UploadReceipt>& receipt() const {
    return receipt_;
  }
  const absl::Status& refusal() const { return refusal_; }
  int num_afresh() const { return num_afresh_; }
  const std::vector<std::string>& afresh_reasons() const { return afresh_; }
  bool is_waiting() const { return calling_; }
  // Whether it was told to try again; it does after Reconnect().
  bool comes_back() const { return comes_back_; }
  // Over which contributors, by session, it was asked to unmask.
  const std::map<Digest, std::set<std::string>>& asked() const {
    return asked_;
  }
  bool has_uploaded() const { return has_uploaded_; }
  const std::string& upload() const { return upload_; }
  GroupStep step() const { return step_; }

 private:
  void Join();
  void Call(RoundEngine& engine, absl::Time now);
  void Upload(RoundEngine& engine, absl::Time now);
  void On(const absl::StatusOr<protocol::AggregateAnswer>& answer);
  void OnMessage(const std::string& bytes);
  void OnUploaded(const absl::StatusOr<protocol::UploadReceipt>& receipt);
  void Leave() { is_gone_ = true; }
  // What it is refused with for good; it comes back when the store fails.
  void Refuse(const absl::Status& why);

  const int number_;
  const protocol::Assignment assignment_;
  const std::vector<float> values_;
  const int64_t num_examples_;
  SecureRng& rng_;
  const GroupStep leaves_before_;
  const secure_aggregation::MemberSigner* const signer_;
  const secure_aggregation::MemberVerifier* const verifier_;
  const std::string seed_;
  uint64_t num_masked_ = 0;
  const protocol::SecureUpdate update_;
  std::function<std::string(GroupStep, std::string)> change_;
  std::function<void(std::vector<secure_aggregation::RingVector>&)>
      change_vectors_;
  std::function<std::string(std::string)> change_upload_;
  std::function<std::string(std::string)> change_answer_;
  bool masked_input_alone_ = false;
  std::unique_ptr<secure_aggregation::Member> member_;
  std::optional<Digest> session_;
  std::string message_;  // of the next call
  std::string upload_;   // masked; "": not yet
  bool has_uploaded_ = false;
  GroupStep step_ = GroupStep::kJoin;
  bool is_gone_ = false;
  bool comes_back_ = false;  // with Reconnect()
  bool calling_ = false;
  // Of calls: what is answered to an earlier engine is not listened to.
  std::shared_ptr<int> line_ = std::make_shared<int>(0);
  int num_afresh_ = 0;
  std::vector<std::string> afresh_;
  std::map<Digest, std::set<std::string>> asked_;
  std::optional<protocol::UploadReceipt> receipt_;
  absl::Status refusal_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_ENGINE_GROUP_DEVICES_H_
