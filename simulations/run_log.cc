#include "simulations/run_log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "learning/model.h"

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

void AppendScore(std::string& out, const Score& score) {
  AppendF64(out, score.loss_sum);
  AppendU16(out, score.num_correct.has_value());
  AppendU64(out, score.num_correct.value_or(0));
  AppendU64(out, score.num_examples);
}

Score ReadScore(ByteReader& in) {
  Score score;
  score.loss_sum = in.F64();
  const bool has_correct = in.U16() != 0;
  const auto correct = static_cast<int64_t>(in.U64());
  if (has_correct) score.num_correct = correct;
  score.num_examples = static_cast<int64_t>(in.U64());
  return score;
}

void AppendStatus(std::string& out, const absl::Status& status) {
  AppendU32(out, static_cast<uint32_t>(status.code()));
  AppendSized(out, status.message());
}

absl::Status ReadStatus(ByteReader& in) {
  const auto code = static_cast<absl::StatusCode>(in.U32());
  return absl::Status(code, in.Sized());
}

double NormOf(absl::Span<const float> values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

// `size` values of that norm, as nearly as any are.
learning::ParameterVector ValuesOfNorm(uint64_t size, double norm) {
  learning::ParameterVector values(size);
  if (size == 0) return values;
  values[0] = static_cast<float>(norm);
  if (values[0] > norm) values[0] = std::nextafter(values[0], 0.0f);
  if (size == 1) return values;
  const double rest = norm * norm - double{values[0]} * double{values[0]};
  values[1] = static_cast<float>(std::sqrt(std::max(rest, 0.0)));
  return values;
}

void AppendUpdate(std::string& out, const LocalUpdate& update) {
  AppendU64(out, update.delta.size());
  AppendF64(out, NormOf(update.delta));
  AppendU64(out, update.control.size());
  AppendU64(out, update.private_values.size());
  AppendU64(out, update.num_examples);
  AppendU64(out, update.num_steps);
  AppendF64(out, update.divisor);
  AppendScore(out, update.base_score);
  AppendU16(out, update.complete);
}

LocalUpdate ReadUpdate(ByteReader& in) {
  LocalUpdate update;
  const uint64_t size = in.U64();
  update.delta = ValuesOfNorm(size, in.F64());
  update.control.resize(in.U64());
  update.private_values.resize(in.U64());
  update.num_examples = static_cast<int64_t>(in.U64());
  update.num_steps = static_cast<int64_t>(in.U64());
  update.divisor = in.F64();
  update.base_score = ReadScore(in);
  update.complete = in.U16() != 0;
  return update;
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
void AppendResult(std::string& out, const coordinator::RoundResult& result) {
  out.append(result.model.digest.AsBytes().data(), Digest::kSize);
  AppendU64(out, result.model.num_parameters);
  AppendU64(out, absl::ToUnixMicros(result.model.created));
  AppendU64(out, result.model.contributors);
  AppendU64(out, result.total_examples);
  AppendOptional(out, result.train_loss);
  AppendOptional(out, result.train_accuracy);
  AppendF64(out, result.median_norm);
}

// A record begins with its kind and what it is of.
std::string Head(char kind, int64_t id) {
  std::string record(1, kind);
  AppendU64(record, id);
  return record;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunLog>> RunLog::Begin(
    const std::string& folder, std::string fingerprint) {
  std::unique_ptr<RunLog> log(new RunLog(folder, std::move(fingerprint)));
  SHOAL_ASSIGN_OR_RETURN(log->journal_, Journal::Create(log->JournalPath()));
  log->began_ = log->saved_ = absl::Now();
  return log;
}

absl::StatusOr<std::unique_ptr<RunLog>> RunLog::Resume(
    const std::string& folder, std::string fingerprint) {
  std::unique_ptr<RunLog> log(new RunLog(folder, std::move(fingerprint)));
  const absl::Status loaded = log->Load();
  if (absl::IsNotFound(loaded)) return Begin(folder, log->fingerprint_);
  SHOAL_RETURN_IF_ERROR(loaded);
  log->began_ = log->saved_ = absl::Now();
  return log;
}

absl::Status RunLog::Remove(const std::string& folder) {
  const RunLog names(folder, "");
  for (const std::string& path : {names.CheckpointPath(), names.JournalPath()}) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, path, "remove");
    }
  }
  return absl::OkStatus();
}

absl::Status RunLog::Load() {
  SHOAL_ASSIGN_OR_RETURN(const std::string file, ReadFile(CheckpointPath()));
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat(CheckpointPath(), ": is damaged"));
  ByteReader frame(file);
  if (frame.Bytes(kMagic.size()) != kMagic) return damaged;
  const uint32_t checksum = frame.U32();
  if (!frame.ok() || Crc32(frame.rest()) != checksum) return damaged;
  ByteReader in(frame.rest());
  const absl::string_view version = in.Sized();
  if (version != LongVersion()) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder_, ": the run was begun by shoal-sim ", version, ", and this is ",
        LongVersion(), ", which may round otherwise; begin it anew"));
  }
  if (in.Sized() != fingerprint_) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder_, ": is of another scenario; begin it anew"));
  }
  const auto num_bytes = static_cast<int64_t>(in.U64());
  earlier_ = absl::Microseconds(static_cast<int64_t>(in.U64()));
  known_.round = static_cast<int64_t>(in.U64());
  known_.trainings.num_trainings = static_cast<int64_t>(in.U64());
  known_.trainings.busy = absl::Seconds(in.F64());
  known_.trainings.longest = absl::Seconds(in.F64());
  known_.trainings.bound = absl::Seconds(in.F64());
  known_.model = std::string(in.Sized());
  known_.optimizer_state = std::string(in.Sized());
  const uint64_t num_devices = in.U64();
  for (uint64_t i = 0; i < num_devices && in.ok(); ++i) {
    const auto device = static_cast<int64_t>(in.U64());
    known_.device_values[device] = std::string(in.Sized());
  }
  if (!in.ok() || !in.rest().empty()) return damaged;
  has_device_values_ = true;
  models_[Sha256(known_.model)] = known_.model;
  SHOAL_ASSIGN_OR_RETURN(journal_, Journal::Open(JournalPath(), num_bytes));
  return absl::OkStatus();
}

absl::Status RunLog::Save(const Checkpoint& checkpoint) {
  SHOAL_CHECK(!is_replaying());
  const absl::Time start = absl::Now();
  SHOAL_ASSIGN_OR_RETURN(const int64_t num_bytes, journal_->Sync());
  std::string body;
  AppendSized(body, LongVersion());
  AppendSized(body, fingerprint_);
  AppendU64(body, num_bytes);
  AppendU64(body, absl::ToInt64Microseconds(earlier_ + (start - began_)));
  AppendU64(body, checkpoint.round);
  AppendU64(body, checkpoint.trainings.num_trainings);
  AppendF64(body, absl::ToDoubleSeconds(checkpoint.trainings.busy));
  AppendF64(body, absl::ToDoubleSeconds(checkpoint.trainings.longest));
  AppendF64(body, absl::ToDoubleSeconds(checkpoint.trainings.bound));
  AppendSized(body, checkpoint.model);
  AppendSized(body, checkpoint.optimizer_state);
  AppendU64(body, checkpoint.device_values.size());
  for (const auto& [device, values] : checkpoint.device_values) {
    AppendU64(body, device);
    AppendSized(body, values);
  }
  std::string file(kMagic);
  AppendU32(file, Crc32(body));
  file += body;
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(CheckpointPath(), file));
  saved_ = absl::Now();
  cost_ = saved_ - start;
  return absl::OkStatus();
}

bool RunLog::IsDue() const {
  if (is_replaying()) return false;
  if (save_interval_ == absl::ZeroDuration()) return true;
  return absl::Now() - saved_ >= std::max(save_interval_, cost_ * kSaveShare);
}

std::optional<std::map<int64_t, std::string>> RunLog::TakeDeviceValues() {
  if (is_replaying() || !std::exchange(has_device_values_, false)) {
    return std::nullopt;
  }
  return std::move(known_.device_values);
}

// The rest of the next record. REQUIRES: is_replaying().
absl::StatusOr<std::string> RunLog::Next(char kind, int64_t id) {
  std::string record = std::move(journal_->records().front());
  journal_->records().pop_front();
  const std::string head = Head(kind, id);
  if (record.compare(0, head.size(), head) != 0) {
    status_.Update(absl::DataLossError(absl::StrCat(
        JournalPath(), ": does not fit this run: expected '",
        std::string(1, kind), "' of ", id,
        " next; were the data changed since it was begun? Begin it anew")));
    return status_;
  }
  return record.substr(head.size());
}

absl::StatusOr<LocalUpdate> RunLog::Training(
    int64_t device,
    const std::function<absl::StatusOr<LocalUpdate>()>& compute) {
  if (is_replaying()) {
    SHOAL_ASSIGN_OR_RETURN(const std::string record, Next(kTraining, device));
    ByteReader in(record);
    SHOAL_RETURN_IF_ERROR(ReadStatus(in));
    return ReadUpdate(in);
  }
  absl::StatusOr<LocalUpdate> update = compute();
  std::string record = Head(kTraining, device);
  AppendStatus(record, update.status());
  if (update.ok()) AppendUpdate(record, *update);
  journal_->Add(record);
  return update;
}

void RunLog::SetInitialModel(const std::string& bytes) {
  initial_model_ = bytes;
  models_[Sha256(bytes)] = bytes;
}

// The model where it is kept. Else one of the same size: the same for the same
// digest, and for others another.
std::string RunLog::ModelLike(const Digest& digest) {
  std::string& bytes = models_[digest];
  if (bytes.empty()) {
    absl::StatusOr<learning::StoredModel> model =
        learning::ParseModel(initial_model_);
    SHOAL_CHECK(model.ok());  // it has passed CreateTask
    model->parameters[0] = static_cast<float>(models_.size());
    bytes = learning::SerializeModel(model->layout, model->parameters,
                                     model->control);
  }
  return bytes;
}

absl::StatusOr<RoundOutput> RunLog::Output(
    const RoundRow& round,
    const std::function<absl::StatusOr<RoundOutput>()>& compute) {
  if (!is_replaying()) {
    absl::StatusOr<RoundOutput> output = compute();
    std::string record = Head(kOutput, round.id);
    AppendStatus(record, output.status());
    if (output.ok()) AppendResult(record, output->result);
    journal_->Add(record);
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
  journal_->Add(record);
  return score;
}

}  // namespace shoal::simulations
