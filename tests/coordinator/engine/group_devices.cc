#include "tests/coordinator/engine/group_devices.h"

#include <utility>

#include "privacy/secure_aggregation/keystream.h"
#include "privacy/secure_aggregation/messages.h"

namespace shoal::coordinator {

using secure_aggregation::RingVector;

configuration::Task SecureTask(int devices) {
  configuration::Task task = SmallTask();
  task.round.cohort = devices;
  task.round.over_selection = 1;
  task.round.min_reports = devices - devices / 4;
  task.round.idle_window = absl::Seconds(20);
  task.update_limits.norm_bound = 10;
  task.secure_aggregation.emplace();
  task.secure_aggregation->min_group = 4;
  task.secure_aggregation->max_group = 100;
  task.secure_aggregation->dropout_fraction = 0.25;
  return task;
}

GroupDevice::GroupDevice(int number, protocol::Assignment assignment,
                         std::vector<float> values, int64_t num_examples,
                         SecureRng& rng, GroupStep leaves_before,
                         const secure_aggregation::MemberSigner* signer,
                         const secure_aggregation::MemberVerifier* verifier)
    : number_(number),
      assignment_(std::move(assignment)),
      values_(std::move(values)),
      num_examples_(num_examples),
      rng_(rng),
      leaves_before_(leaves_before),
      signer_(signer),
      verifier_(verifier),
      seed_(rng.Bytes(secure_aggregation::kSeedBytes)),
      update_(Require(protocol::SecureUpdate::Create(
          protocol::SecureRoundOf(assignment_, std::ssize(values_))))) {
  Join();
}

void GroupDevice::Join() {
  secure_aggregation::MemberOptions options;
  options.plan = update_.session();
  options.device_id = Device(number_).id;
  options.signer = signer_;
  options.verifier = verifier_;
  member_ = Require(
      secure_aggregation::RealMembers().Create(std::move(options), rng_));
  session_.reset();
  upload_.clear();
  has_uploaded_ = false;
  step_ = GroupStep::kJoin;
  message_ = member_->advertise();
}

void GroupDevice::Refuse(const absl::Status& why) {
  const auto refusal = protocol::RefusalOf(why);
  comes_back_ = refusal.has_value() &&
                refusal->code == protocol::RefusalCode::kStoreUnavailable;
  if (!comes_back_) refusal_ = why;
}

void GroupDevice::Reconnect() {
  comes_back_ = false;
  calling_ = false;
  line_ = std::make_shared<int>(0);
}

void GroupDevice::LoseSecrets() {
  Reconnect();
  Join();
}

bool GroupDevice::Act(RoundEngine& engine, absl::Time now) {
  if (is_gone_ || comes_back_ || calling_ || receipt_.has_value() ||
      !refusal_.ok()) {
    return false;
  }
  if (step_ >= leaves_before_) {
    Leave();
    return false;
  }
  if (!upload_.empty() && !has_uploaded_) {
    Upload(engine, now);
  } else {
    Call(engine, now);
  }
  return true;
}

void GroupDevice::Abort(RoundEngine& engine, absl::Time now) {
  Leave();
  SHOAL_EXPECT_OK(engine.Aggregate(
      Device(number_),
      {assignment_.token, session_,
       secure_aggregation::Encode(secure_aggregation::DeviceMessage(
           secure_aggregation::Abort{"it wants to"}))},
      now, [](const absl::StatusOr<protocol::AggregateAnswer>&) {}));
}

void GroupDevice::Call(RoundEngine& engine, absl::Time now) {
  calling_ = true;
  const std::string message = change_ ? change_(step_, message_) : message_;
  const absl::Status begun = engine.Aggregate(
      Device(number_), {assignment_.token, session_, message}, now,
      [this, line = std::weak_ptr<int>(line_)](
          const absl::StatusOr<protocol::AggregateAnswer>& answer) {
        if (!line.expired()) On(answer);
      });
  if (begun.ok()) return;
  calling_ = false;
  Refuse(begun);
}

void GroupDevice::On(const absl::StatusOr<protocol::AggregateAnswer>& answer) {
  calling_ = false;
  if (!answer.ok()) return Refuse(answer.status());
  if (std::holds_alternative<protocol::GroupWait>(answer->next)) {
    if (session_.has_value()) message_.clear();
    return;
  }
  if (const auto* afresh = std::get_if<protocol::GroupAfresh>(&answer->next)) {
    ++num_afresh_;
    afresh_.push_back(afresh->why);
    EXPECT_FALSE(member_->has_unmasked());
    return Join();
  }
  if (const auto* receipt =
          std::get_if<protocol::UploadReceipt>(&answer->next)) {
    receipt_ = *receipt;
    return;
  }
  session_ = answer->session;
  const std::string& bytes =
      std::get<protocol::GroupMessage>(answer->next).bytes;
  OnMessage(change_answer_ ? change_answer_(bytes) : bytes);
}

void GroupDevice::OnMessage(const std::string& bytes) {
  const auto message =
      Require(secure_aggregation::DecodeCoordinatorMessage(bytes));
  using namespace secure_aggregation;  // the messages
  if (std::holds_alternative<GroupKeys>(message)) step_ = GroupStep::kShares;
  if (std::holds_alternative<HeldShares>(message)) step_ = GroupStep::kMask;
  if (std::holds_alternative<Contributors>(message)) step_ = GroupStep::kSign;
  if (const auto* request = std::get_if<UnmaskRequest>(&message)) {
    step_ = GroupStep::kUnmask;
    asked_[*session_].insert(request->bitmap);
  }
  const absl::StatusOr<std::string> reply = member_->OnMessage(bytes);
  if (!reply.ok()) {
    refusal_ = reply.status();
    return;
  }
  message_ = *reply;
  if (!member_->is_ready_to_mask() || masked_input_alone_) return;
  std::vector<float> values = values_;
  learning::UpdateReport report;
  report.num_examples = num_examples_;
  report.base_loss_sum = 0.5 * static_cast<double>(num_examples_);
  report.base_num_correct = num_examples_ / 2;
  std::vector<RingVector> vectors =
      Require(update_.Encode(absl::MakeSpan(values), report,
                             {seed_, member_->num_members(), num_masked_++}));
  if (change_vectors_) change_vectors_(vectors);
  SHOAL_ASSERT_OK(member_->MaskInput(absl::MakeSpan(vectors), nullptr));
  if (change_) message_ = change_(step_, message_);
  upload_ = protocol::EncodeMaskedUpload(*session_, message_, vectors);
  if (change_upload_) upload_ = change_upload_(upload_);
  message_.clear();
}

void GroupDevice::Upload(RoundEngine& engine, absl::Time now) {
  protocol::UploadHeader header;
  header.token = assignment_.token;
  header.digest = Sha256(upload_);
  header.num_bytes = std::ssize(upload_);
  auto start = engine.BeginUpload(Device(number_), header, now);
  if (!start.ok()) return OnUploaded(start.status());
  if (start->receipt.has_value()) return OnUploaded(*start->receipt);
  SHOAL_ASSERT_OK(start->stream->Append(0, upload_, Crc32(upload_)));
  calling_ = true;
  const absl::Status finished = start->stream->Finish(
      now, [this, line = std::weak_ptr<int>(line_)](
               const absl::StatusOr<protocol::UploadReceipt>& receipt) {
        if (!line.expired()) OnUploaded(receipt);
      });
  if (!finished.ok()) OnUploaded(finished);
}

void GroupDevice::OnUploaded(
    const absl::StatusOr<protocol::UploadReceipt>& receipt) {
  calling_ = false;
  if (receipt.ok()) {
    has_uploaded_ = true;
    return;
  }
  const auto refusal = protocol::RefusalOf(receipt.status());
  if (refusal.has_value() &&
      refusal->code == protocol::RefusalCode::kGroupOver) {
    ++num_afresh_;
    afresh_.push_back(refusal->sentence);
    return Join();
  }
  Refuse(receipt.status());
}

}  // namespace shoal::coordinator
