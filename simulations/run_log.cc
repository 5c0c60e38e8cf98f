#include "simulations/run_log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "learning/model.h"
#include "simulations/update_record.h"

namespace shoal::simulations {
namespace {

using coordinator::RoundOutput;
using coordinator::RoundRow;
using learning::LocalUpdate;
using learning::Score;

constexpr absl::string_view kMagic = "shoal run 1\n";
constexpr char kTraining = 'T';
constexpr char kOutput = 'O';
constexpr char kTest = 'S';
// At most a part of the time is spent on checkpoints.
constexpr int kSaveShare = 20;

double NormOf(absl::Span<const float> values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

// Values that have that norm, as nearly as any have. REQUIRES: zeros.
void SetNorm(double norm, learning::ParameterVector& values) {
  if (values.empty()) return;
  values[0] = static_cast<float>(norm);
  if (values[0] > norm) values[0] = std::nextafter(values[0], 0.0f);
  if (values.size() == 1) return;
  const double rest = norm * norm - double{values[0]} * double{values[0]};
  values[1] = static_cast<float>(std::sqrt(std::max(rest, 0.0)));
}

void AppendOptional(std::string& out, const std::optional<double>& value) {
  AppendU16(out, value.has_value());
  AppendF64(out, value.value_or(0));
}

std::optional<double> ReadOptional(ByteReader& in) {
  const bool has_value = in.U16() != 0;
  const double value = in.F64();
  return has_value ? std::optional<double>(value) : std::nullopt;
}

// All but what is known from the round, and the optimiser's state.
void AppendRound(std::string& out, const coordinator::RoundResult& result) {
  out.append(result.model.digest.AsBytes().data(), Digest::kSize);
  AppendU64(out, result.model.num_parameters);
  AppendU64(out, absl::ToUnixMicros(result.model.created));
  AppendU64(out, result.model.contributors);
  AppendU64(out, result.total_examples);
  AppendOptional(out, result.train_loss);
  AppendOptional(out, result.train_accuracy);
  AppendF64(out, result.median_norm);
  AppendSized(out, result.mechanism_state.Reveal());
}

void AppendValues(std::string& out,
                  const std::map<int64_t, std::string>& values) {
  AppendU64(out, values.size());
  for (const auto& [device, bytes] : values) {
    AppendU64(out, device);
    AppendSized(out, bytes);
  }
}

std::map<int64_t, std::string> ReadValues(ByteReader& in) {
  std::map<int64_t, std::string> values;
  const uint64_t size = in.U64();
  for (uint64_t i = 0; i < size && in.ok(); ++i) {
    const auto device = static_cast<int64_t>(in.U64());
    values[device] = std::string(in.Sized());
  }
  return values;
}

// A record begins with its kind and what it is of.
std::string Head(char kind, int64_t id) {
  std::string record(1, kind);
  AppendU64(record, id);
  return record;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunLog>> RunLog::Begin(const std::string& folder,
                                                      std::string fingerprint) {
  std::unique_ptr<RunLog> log(new RunLog(folder, std::move(fingerprint)));
  SHOAL_ASSIGN_OR_RETURN(log->journal_, Journal::Create(log->JournalPath()));
  return log;
}

absl::StatusOr<std::unique_ptr<RunLog>> RunLog::Resume(
    const std::string& folder, std::string fingerprint) {
  std::unique_ptr<RunLog> log(new RunLog(folder, std::move(fingerprint)));
  const absl::Status loaded = log->Load();
  if (absl::IsNotFound(loaded)) return Begin(folder, log->fingerprint_);
  SHOAL_RETURN_IF_ERROR(loaded);
  return log;
}

absl::Status RunLog::Remove(const std::string& folder) {
  const RunLog names(folder, "");
  for (const std::string& path :
       {names.CheckpointPath(), names.JournalPath()}) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, path, "remove");
    }
  }
  return absl::OkStatus();
}

std::string RunLog::Encode(const Checkpoint& checkpoint, int64_t journal_bytes,
                           absl::Duration earlier) const {
  std::string out;
  AppendSized(out, LongVersion());
  AppendSized(out, fingerprint_);
  AppendU64(out, journal_bytes);
  AppendU64(out, absl::ToInt64Microseconds(earlier));
  AppendU64(out, checkpoint.round);
  AppendU64(out, checkpoint.trainings.num_trainings);
  AppendF64(out, absl::ToDoubleSeconds(checkpoint.trainings.busy));
  AppendF64(out, absl::ToDoubleSeconds(checkpoint.trainings.longest));
  AppendF64(out, absl::ToDoubleSeconds(checkpoint.trainings.bound));
  AppendU64(out, checkpoint.models.size());
  for (const std::string& model : checkpoint.models) AppendSized(out, model);
  AppendSized(out, checkpoint.optimizer_state);
  AppendValues(out, checkpoint.device_values);
  AppendValues(out, checkpoint.values_at_begin);
  AppendU64(out, checkpoint.unsettled.size());
  for (const int64_t training : checkpoint.unsettled) AppendU64(out, training);
  return out;
}

// Returns how many bytes of the journal it is about.
absl::StatusOr<int64_t> RunLog::Decode(ByteReader& in) {
  const absl::string_view version = in.Sized();
  if (version != LongVersion()) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder_, ": the run was begun by shoal-sim ", version, ", and this is ",
        LongVersion(), ", which may round otherwise; begin it anew"));
  }
  if (in.Sized() != fingerprint_) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder_,
                     ": was begun with another scenario, with other data, by "
                     "another build of shoal-sim or on a processor of another "
                     "kind; begin it anew"));
  }
  const auto journal_bytes = static_cast<int64_t>(in.U64());
  earlier_ = absl::Microseconds(static_cast<int64_t>(in.U64()));
  known_.round = static_cast<int64_t>(in.U64());
  known_.trainings.num_trainings = static_cast<int64_t>(in.U64());
  known_.trainings.busy = absl::Seconds(in.F64());
  known_.trainings.longest = absl::Seconds(in.F64());
  known_.trainings.bound = absl::Seconds(in.F64());
  const uint64_t num_models = in.U64();
  for (uint64_t i = 0; i < num_models && in.ok(); ++i) {
    const std::string& model =
        known_.models.emplace_back(std::string(in.Sized()));
    models_[Sha256(model)] = model;
  }
  known_.optimizer_state = std::string(in.Sized());
  known_.device_values = ReadValues(in);
  known_.values_at_begin = ReadValues(in);
  const uint64_t num_unsettled = in.U64();
  for (uint64_t i = 0; i < num_unsettled && in.ok(); ++i) {
    known_.unsettled.insert(static_cast<int64_t>(in.U64()));
  }
  if (!in.ok()) return Damaged();
  has_device_values_ = known_.round > 0;
  return journal_bytes;
}

absl::Status RunLog::Damaged() const {
  return absl::DataLossError(absl::StrCat(CheckpointPath(), ": is damaged"));
}

absl::Status RunLog::Load() {
  SHOAL_ASSIGN_OR_RETURN(const std::string file, ReadFile(CheckpointPath()));
  ByteReader in(file);
  if (in.Bytes(kMagic.size()) != kMagic) return Damaged();
  const uint32_t checksum = in.U32();
  if (!in.ok() || Crc32(in.rest()) != checksum) return Damaged();
  SHOAL_ASSIGN_OR_RETURN(const int64_t journal_bytes, Decode(in));
  if (!in.rest().empty()) return Damaged();
  SHOAL_ASSIGN_OR_RETURN(journal_, Journal::Open(JournalPath(), journal_bytes));
  records_ = std::move(journal_->records());
  return absl::OkStatus();
}

std::string RunLog::Image() const {
  std::string image = Encode(known_, /*journal_bytes=*/0, earlier_);
  for (const std::string& record : records_) AppendSized(image, record);
  return image;
}

absl::StatusOr<std::unique_ptr<RunLog>> RunLog::Copy(absl::string_view image,
                                                     std::string fingerprint) {
  std::unique_ptr<RunLog> log(new RunLog("the crew", std::move(fingerprint)));
  ByteReader in(image);
  SHOAL_RETURN_IF_ERROR(log->Decode(in).status());
  while (in.ok() && !in.rest().empty()) log->records_.emplace_back(in.Sized());
  SHOAL_CHECK(in.ok());
  return log;
}

absl::Status RunLog::Save(const Checkpoint& checkpoint) {
  SHOAL_CHECK(journal_ != nullptr && !is_replaying());
  const absl::Time start = absl::Now();
  SHOAL_ASSIGN_OR_RETURN(const int64_t journal_bytes, journal_->Sync());
  const std::string body =
      Encode(checkpoint, journal_bytes, earlier_ + (start - began_));
  std::string file(kMagic);
  AppendU32(file, Crc32(body));
  file += body;
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(CheckpointPath(), file));
  saved_ = absl::Now();
  cost_ = saved_ - start;
  return absl::OkStatus();
}

void RunLog::Add(absl::string_view record) {
  if (journal_ != nullptr) journal_->Add(record);
}

bool RunLog::IsDue() const {
  if (journal_ == nullptr || is_replaying()) return false;
  if (save_interval_ == absl::ZeroDuration()) return true;
  return absl::Now() - saved_ >= std::max(save_interval_, cost_ * kSaveShare);
}

std::optional<std::map<int64_t, std::string>> RunLog::TakeDeviceValues() {
  if (is_replaying() || !std::exchange(has_device_values_, false)) {
    return std::nullopt;
  }
  return std::move(known_.device_values);
}

const std::string* RunLog::ValuesAtBegin(int64_t device) const {
  const auto found = known_.values_at_begin.find(device);
  return found == known_.values_at_begin.end() ? nullptr : &found->second;
}

absl::Status RunLog::Misfit(char kind, int64_t id) {
  status_.Update(absl::DataLossError(absl::StrCat(
      JournalPath(), ": does not fit this run: expected '",
      std::string(1, kind), "' of ", id,
      " next; were the data changed since it was begun? Begin it anew")));
  return status_;
}

// The rest of the next record. REQUIRES: is_replaying().
absl::StatusOr<std::string> RunLog::Next(char kind, int64_t id) {
  std::string record = std::move(records_.front());
  records_.pop_front();
  const std::string head = Head(kind, id);
  if (record.compare(0, head.size(), head) != 0) {
    return Misfit(kind, id);
  }
  return record.substr(head.size());
}

absl::StatusOr<LocalUpdate> RunLog::Training(
    int64_t device,
    const std::function<absl::StatusOr<LocalUpdate>()>& compute) {
  ++last_training_;
  if (is_replaying()) {
    SHOAL_ASSIGN_OR_RETURN(const std::string record, Next(kTraining, device));
    ByteReader in(record);
    SHOAL_RETURN_IF_ERROR(ReadStatus(in));
    LocalUpdate update = ReadFacts(in);
    const double norm = in.F64();
    if (!known_.unsettled.contains(last_training_)) {
      SetNorm(norm, update.delta);
      return update;
    }
    SHOAL_ASSIGN_OR_RETURN(update, compute());
    if (NormOf(update.delta) != norm) return Misfit(kTraining, device);
    return update;
  }
  absl::StatusOr<LocalUpdate> update = compute();
  std::string record = Head(kTraining, device);
  AppendStatus(record, update.status());
  if (update.ok()) {
    AppendFacts(record, *update);
    AppendF64(record, NormOf(update->delta));
  }
  Add(record);
  return update;
}

void RunLog::SetInitialModel(const std::string& bytes) {
  initial_model_ = bytes;
  models_[Sha256(bytes)] = bytes;
}

// The model where it is kept. Else one of the same size: the same for the same
// digest, and for others another.
std::string RunLog::ModelLike(const Digest& digest) {
  const auto kept = models_.find(digest);
  if (kept != models_.end()) return kept->second;
  const size_t number =
      numbers_.try_emplace(digest, numbers_.size() + 1).first->second;
  absl::StatusOr<learning::StoredModel> model =
      learning::ParseModel(initial_model_);
  SHOAL_CHECK(model.ok());  // it has passed CreateTask
  model->parameters[0] = static_cast<float>(number);
  return learning::SerializeModel(model->layout, model->parameters,
                                  model->control);
}

absl::StatusOr<RoundOutput> RunLog::Output(
    const RoundRow& round,
    const std::function<absl::StatusOr<RoundOutput>()>& compute) {
  if (!is_replaying()) {
    absl::StatusOr<RoundOutput> output = compute();
    std::string record = Head(kOutput, round.id);
    AppendStatus(record, output.status());
    if (output.ok()) AppendRound(record, output->result);
    Add(record);
    return output;
  }
  SHOAL_ASSIGN_OR_RETURN(const std::string record, Next(kOutput, round.id));
  ByteReader in(record);
  SHOAL_RETURN_IF_ERROR(ReadStatus(in));
  RoundOutput output;
  coordinator::RoundResult& result = output.result;
  SHOAL_ASSIGN_OR_RETURN(const Digest digest,
                         Digest::FromBytes(in.Bytes(Digest::kSize)));
  output.model_bytes = ModelLike(digest);
  result.round_id = round.id;
  result.model.digest = Sha256(output.model_bytes);
  result.model.task = round.task;
  result.model.version = round.number;
  result.model.num_bytes = static_cast<int64_t>(output.model_bytes.size());
  result.model.num_parameters = static_cast<int64_t>(in.U64());
  result.model.round_id = round.id;
  result.model.parent = round.base_model;
  result.model.created = absl::FromUnixMicros(static_cast<int64_t>(in.U64()));
  result.model.contributors = static_cast<int>(in.U64());
  if (round.number == known_.round) {
    result.optimizer_state = known_.optimizer_state;
  }
  result.total_examples = static_cast<int64_t>(in.U64());
  result.train_loss = ReadOptional(in);
  result.train_accuracy = ReadOptional(in);
  result.median_norm = in.F64();
  result.mechanism_state = Secret(std::string(in.Sized()));
  return output;
}

absl::StatusOr<Score> RunLog::Test(
    int64_t round, const std::function<absl::StatusOr<Score>()>& compute) {
  if (is_replaying()) {
    SHOAL_ASSIGN_OR_RETURN(const std::string record, Next(kTest, round));
    ByteReader in(record);
    return ReadScore(in);
  }
  SHOAL_ASSIGN_OR_RETURN(const Score score, compute());
  std::string record = Head(kTest, round);
  AppendScore(record, score);
  Add(record);
  return score;
}

}  // namespace shoal::simulations
