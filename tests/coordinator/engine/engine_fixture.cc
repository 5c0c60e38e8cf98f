#include "tests/coordinator/engine/engine_fixture.h"

#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "learning/model.h"

namespace shoal::coordinator {

configuration::Task SmallTask(const std::string& name) {
  configuration::Task task;
  task.name = name;
  task.population = "population";
  task.model = learning::ModelSpec{learning::LogisticSpec{2, 2}};
  task.training.learning_rate = 0.1;
  task.round.cohort = 2;
  task.round.over_selection = 1.5;
  task.round.min_reports = 1;
  task.round.deadline = absl::Minutes(1);
  task.rounds = 100;
  return task;
}

DeviceIdentity Device(int number) {
  return {absl::StrFormat("%064x", number), absl::StrFormat("dev-%d", number)};
}

protocol::CheckIn Hello() {
  protocol::CheckIn message;
  message.population = "population";
  message.num_examples = 10;
  message.sdk_version = "1";
  message.codecs = {learning::UpdateCodec::kFloat32};
  message.secure_aggregation_versions = {protocol::kSecureAggregationVersion};
  message.private_updates = true;
  return message;
}

std::string Update(const std::vector<float>& delta, int64_t num_examples) {
  std::vector<float> all = delta;
  all.resize(kParameters);
  learning::UpdateReport report;
  report.num_examples = num_examples;
  report.num_steps = 1;
  report.base_loss_sum = 0.5 * static_cast<double>(num_examples);
  report.base_num_correct = num_examples / 2;
  return learning::EncodeUpdate(learning::UpdateCodec::kFloat32, report, all);
}

void EngineTest::Restart() {
  engine_.reset();
  EngineDependencies dependencies{store_, *spool_, rng_, log_, pool_.get()};
  dependencies.verifier = verifier_;
  engine_ = Require(RoundEngine::Create(options_, dependencies, now_));
}

void EngineTest::CreateTask(const configuration::Task& task) {
  SHOAL_ASSERT_OK(engine_->CreateTask(task, "", now_));
  Advance();
}

absl::StatusOr<protocol::CheckInAnswer> EngineTest::CheckIn(
    int device, const protocol::CheckIn& message) {
  return engine_->CheckIn(Device(device), message, now_);
}

protocol::Assignment EngineTest::Assign(int device) {
  const protocol::CheckInAnswer answer = Require(CheckIn(device));
  const auto* assignment = std::get_if<protocol::Assignment>(&answer.answer);
  EXPECT_NE(assignment, nullptr)
      << std::get<protocol::RetryAfter>(answer.answer).sentence;
  SHOAL_CHECK(assignment != nullptr);
  return *assignment;
}

protocol::RetryAfter EngineTest::Wait(int device) {
  const protocol::CheckInAnswer answer = Require(CheckIn(device));
  const auto* wait = std::get_if<protocol::RetryAfter>(&answer.answer);
  EXPECT_NE(wait, nullptr) << "device " << device << " was assigned";
  SHOAL_CHECK(wait != nullptr);
  return *wait;
}

absl::StatusOr<UploadStart> EngineTest::Begin(int device,
                                              const std::string& token,
                                              const std::string& update,
                                              int64_t offset) {
  protocol::UploadHeader header;
  header.token = token;
  header.digest = Sha256(update);
  header.num_bytes = static_cast<int64_t>(update.size());
  header.offset = offset;
  return engine_->BeginUpload(Device(device), header, now_);
}

absl::Status EngineTest::SendRest(UploadStream& stream,
                                  const std::string& update) {
  constexpr int64_t kChunk = 7;
  while (stream.offset() < static_cast<int64_t>(update.size())) {
    const int64_t offset = stream.offset();
    const std::string chunk = update.substr(offset, kChunk);
    SHOAL_RETURN_IF_ERROR(stream.Append(offset, chunk, Crc32(chunk)));
  }
  return absl::OkStatus();
}

absl::Status EngineTest::Finish(UploadStream& stream,
                                std::shared_ptr<Outcome> outcome) {
  return stream.Finish(
      now_, [outcome](absl::StatusOr<protocol::UploadReceipt> receipt) {
        EXPECT_FALSE(outcome->called) << "told twice";
        outcome->called = true;
        outcome->receipt = std::move(receipt);
      });
}

absl::StatusOr<std::shared_ptr<Outcome>> EngineTest::Send(
    int device, const std::string& token, const std::string& update) {
  auto outcome = std::make_shared<Outcome>();
  SHOAL_ASSIGN_OR_RETURN(UploadStart start, Begin(device, token, update));
  if (start.receipt.has_value()) {
    outcome->called = true;
    outcome->receipt = *start.receipt;
    return outcome;
  }
  SHOAL_RETURN_IF_ERROR(SendRest(*start.stream, update));
  SHOAL_RETURN_IF_ERROR(Finish(*start.stream, outcome));
  return outcome;
}

protocol::UploadReceipt EngineTest::Contribute(
    int device, const std::vector<float>& delta) {
  const protocol::Assignment assignment = Assign(device);
  const auto outcome = Require(Send(device, assignment.token, Update(delta)));
  Advance();
  EXPECT_TRUE(outcome->called);
  return Require(outcome->receipt);
}

absl::StatusOr<protocol::UploadProgress> EngineTest::Query(
    int device, const std::string& token, const std::string& update) {
  return engine_->QueryUpload(Device(device), token, Sha256(update), now_);
}

RoundRow EngineTest::Round(const std::string& task) {
  const std::vector<RoundRow> rounds = Require(memory_->ListRounds(task, 1, 0));
  SHOAL_CHECK(!rounds.empty());
  return rounds.front();
}

TaskRow EngineTest::TaskNamed(const std::string& task) {
  return Require(memory_->GetTask(task));
}

std::vector<float> EngineTest::Model(const std::string& task) {
  const ModelRow row =
      Require(memory_->GetModel(TaskNamed(task).current_model));
  const std::string bytes =
      Require(memory_->ReadModel(row.digest, 0, row.num_bytes));
  return Require(learning::ParseModel(bytes)).parameters;
}

std::string EngineTest::OutcomeOf(int device, int64_t round_id) {
  for (const AssignmentRow& row : Require(memory_->ListAssignments(round_id))) {
    if (row.device_id == Device(device).id) return row.outcome;
  }
  return "no assignment";
}

}  // namespace shoal::coordinator
