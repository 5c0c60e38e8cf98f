#include "tests/faults/fault_fleet.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregation/accumulator.h"
#include "aggregation/server_optimizer.h"
#include "aggregation/staleness.h"
#include "aggregation/update_validation.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "configuration/task.h"
#include "coordinator/engine/task_setup.h"
#include "coordinator/store/sqlite_store.h"
#include "learning/model.h"
#include "learning/update_codec.h"
#include "protocol/messages.h"
#include "protocol/wire.h"

namespace shoal::testing {
namespace {

constexpr int kInputs = 300;  // two chunks would need 65536 parameters
constexpr int kOutputs = 10;
constexpr int kParameters = (kInputs + 1) * kOutputs;

// The update of a device for a round: the same whenever it is asked for, as a
// device that kept its trained update would send it.
std::string UpdateFor(int device, int64_t round_number) {
  SeededRng rng(DeriveSeed(
      1, "fault update",
      {static_cast<uint64_t>(device), static_cast<uint64_t>(round_number)}));
  std::vector<float> delta(kParameters);
  for (float& value : delta) value = static_cast<float>(0.01 * rng.Normal());
  learning::UpdateReport report;
  report.num_examples = 10 + device;
  report.num_steps = 3;
  report.base_loss_sum = 2.25 * static_cast<double>(report.num_examples);
  return learning::EncodeUpdate(learning::UpdateCodec::kFloat32, report, delta);
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(5));
}

}  // namespace

v1::Task FaultTask(const std::string& name, int devices, int rounds) {
  v1::Task task;
  task.set_name(name);
  task.set_population(name);
  task.mutable_model()->mutable_logistic()->set_inputs(kInputs);
  task.mutable_model()->mutable_logistic()->set_outputs(kOutputs);
  task.mutable_training()->set_learning_rate(0.1);
  task.mutable_server_optimizer()->mutable_sgd()->set_learning_rate(1);
  task.mutable_server_optimizer()->mutable_sgd()->set_momentum(0.5);
  task.mutable_round()->set_cohort(devices);
  task.mutable_round()->set_over_selection(1);
  task.mutable_round()->set_min_reports(devices);
  task.mutable_round()->mutable_deadline()->set_seconds(60);
  task.set_rounds(rounds);
  return task;
}

v1::Task AsynchronousFaultTask(const std::string& name, int devices,
                               int rounds) {
  v1::Task task = FaultTask(name, devices, rounds);
  task.mutable_round()->clear_over_selection();
  task.mutable_round()->set_cohort(2);
  task.mutable_round()->set_min_reports(2);
  task.mutable_round()->mutable_asynchronous()->set_concurrency(devices);
  return task;
}

struct FaultFleet::Device {
  int index = 0;
  std::string id;
  protocol::KeyAndCertificate credentials;
  std::unique_ptr<v1::Fleet::Stub> stub;
  std::thread thread;
};

FaultFleet::FaultFleet(ShoaldProcess& shoald, const v1::Task& task, int devices)
    : shoald_(shoald), task_(task) {
  for (int i = 0; i < devices; ++i) {
    auto device = std::make_unique<Device>();
    device->index = i;
    auto credentials = protocol::Issue(shoald.ca(), absl::StrCat("device-", i),
                                       protocol::Role::kDevice, {}, absl::Now(),
                                       absl::Hours(24));
    SHOAL_CHECK(credentials.ok());
    device->credentials = *std::move(credentials);
    device->id =
        protocol::ReadIdentity(device->credentials.certificate_pem)->id;
    device->stub =
        v1::Fleet::NewStub(shoald.DeviceChannel(device->credentials));
    devices_.push_back(std::move(device));
  }
  for (auto& device : devices_) {
    device->thread = std::thread([this, d = device.get()] { Run(*d); });
  }
}

FaultFleet::~FaultFleet() { Stop(); }

void FaultFleet::Stop() {
  stopping_ = true;
  for (auto& device : devices_) {
    if (device->thread.joinable()) device->thread.join();
  }
}

std::vector<Acknowledged> FaultFleet::acknowledged() const {
  MutexLock lock(mutex_);
  return acknowledged_;
}

std::map<Digest, std::string> FaultFleet::sent() const {
  MutexLock lock(mutex_);
  return sent_;
}

void FaultFleet::Run(Device& device) {
  while (!stopping_) {
    RunSession(device);
    absl::SleepFor(absl::Milliseconds(5));
  }
}

void FaultFleet::RunSession(Device& device) {
  v1::CheckInRequest check_in;
  check_in.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
  check_in.mutable_protocol()->set_minor(protocol::kProtocolVersion.minor);
  check_in.set_population(task_.population());
  check_in.set_num_examples(10);
  check_in.add_update_codecs(1);
  v1::CheckInResponse answer;
  {
    grpc::ClientContext context;
    SetDeadline(context);
    if (!device.stub->CheckIn(&context, check_in, &answer).ok()) return;
  }
  if (!answer.has_assignment()) return;
  const v1::Assignment& assignment = answer.assignment();
  const std::string update = UpdateFor(device.index, assignment.round_number());
  const Digest digest = Sha256(update);
  {
    MutexLock lock(mutex_);
    sent_[digest] = update;
  }
  if (task_.round().has_asynchronous()) {
    absl::SleepFor(absl::Milliseconds(8) * device.index);
  }
  // Repeats the upload until it is answered for good, as a device does.
  while (!stopping_) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::UploadReceipt receipt;
    auto stream = device.stub->Upload(&context, &receipt);
    v1::UploadRequest request;
    request.mutable_header()->set_token(assignment.token());
    request.mutable_header()->set_digest(std::string(digest.AsBytes()));
    request.mutable_header()->set_num_bytes(update.size());
    stream->Write(request);
    request.mutable_chunk()->set_offset(0);
    request.mutable_chunk()->set_data(update);
    request.mutable_chunk()->set_crc32(Crc32(update));
    stream->Write(request);
    stream->WritesDone();
    const grpc::Status status = stream->Finish();
    if (status.ok()) {
      MutexLock lock(mutex_);
      acknowledged_.push_back(
          {static_cast<int64_t>(receipt.round_id()), device.id, digest});
      return;
    }
    if (!status.error_details().empty()) return;  // refused
    absl::SleepFor(absl::Milliseconds(10));
  }
}

namespace {

using coordinator::ContributionRow;
using coordinator::RoundRow;
using coordinator::RoundState;
using coordinator::RoundStore;

absl::Status Violated(absl::string_view what) {
  return absl::InternalError(absl::StrCat("invariant violated: ", what));
}

// The rounds in whose sums assignments are, by round and device.
using Sums = std::map<std::pair<int64_t, std::string>, int64_t>;

// What an update weighs in the round's sum, by rows and task.
absl::StatusOr<int64_t> WeightOf(RoundStore& store,
                                 const configuration::Task& task,
                                 const RoundRow& round,
                                 const ContributionRow& row,
                                 const aggregation::ValidUpdate& update) {
  if (!round.asynchronous) return update.weight;
  int64_t behind = 0;
  if (row.earlier_round != 0) {
    SHOAL_ASSIGN_OR_RETURN(const RoundRow earlier,
                           store.GetRound(row.earlier_round));
    behind = round.number - earlier.number;
  }
  return aggregation::StalenessWeight(
      behind, task.round.asynchronous->staleness_exponent);
}

// Recomputes a committed round's model from its base and its contributions.
absl::Status CheckCommittedModel(RoundStore& store,
                                 const configuration::Task& task,
                                 const RoundRow& round,
                                 const std::map<Digest, std::string>& sent,
                                 Sums& sums,
                                 aggregation::ServerOptimizer& optimizer) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<ContributionRow> contributions,
                         store.ListContributions(round.id));
  aggregation::Accumulator sum(coordinator::RangeOf(task, round), kParameters);
  for (const ContributionRow& row : contributions) {
    const int64_t assigned =
        row.earlier_round == 0 ? round.id : row.earlier_round;
    if (!sums.try_emplace({assigned, row.device_id}, round.id).second) {
      return Violated("an assignment is counted twice");
    }
    const auto update = sent.find(row.update_digest);
    if (update == sent.end()) return Violated("an update nobody sent");
    SHOAL_ASSIGN_OR_RETURN(
        const aggregation::ValidUpdate valid,
        aggregation::ValidateUpdate(update->second,
                                    {{kParameters},
                                     round.norm_bound,
                                     task.update_limits.max_examples}));
    SHOAL_ASSIGN_OR_RETURN(const int64_t weight,
                           WeightOf(store, task, round, row, valid));
    const aggregation::WeightedUpdate weighted = {valid.decoded.delta, weight,
                                                  valid.decoded.report};
    sum.Add({&weighted, 1}, nullptr);
  }
  if (static_cast<int>(contributions.size()) != round.accepted) {
    return Violated("the round's counter is not its contributions");
  }
  SHOAL_ASSIGN_OR_RETURN(const coordinator::ModelRow base_row,
                         store.GetModel(round.base_model));
  SHOAL_ASSIGN_OR_RETURN(
      const std::string base_bytes,
      store.ReadModel(round.base_model, 0, base_row.num_bytes));
  SHOAL_ASSIGN_OR_RETURN(learning::StoredModel model,
                         learning::ParseModel(base_bytes));
  std::vector<double> mean(kParameters);
  sum.Mean(absl::MakeSpan(mean));
  if (round.asynchronous) {
    const double weight = aggregation::MeanStalenessWeight(sum.totals());
    for (double& value : mean) value *= weight;
  }
  SHOAL_RETURN_IF_ERROR(optimizer.Step(mean, absl::MakeSpan(model.parameters)));
  const Digest expected =
      Sha256(learning::SerializeModel(model.layout, model.parameters));
  if (expected != round.committed_model) {
    return Violated(absl::StrCat("round ", round.id,
                                 " committed another model than the exact "
                                 "sum of its contributions"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckInvariants(const std::string& database,
                             const v1::Task& task_proto,
                             const FaultFleet& fleet) {
  SHOAL_ASSIGN_OR_RETURN(const std::unique_ptr<RoundStore> store,
                         coordinator::OpenSqliteStore(database));
  SHOAL_ASSIGN_OR_RETURN(
      const configuration::Task task,
      configuration::ParseTask(task_proto.SerializeAsString()));
  for (const Acknowledged& update : fleet.acknowledged()) {
    SHOAL_ASSIGN_OR_RETURN(
        const auto row,
        store->GetContribution(update.round_id, update.device_id));
    if (!row.has_value() || row->update_digest != update.digest) {
      return Violated("an acknowledged update is not counted");
    }
    SHOAL_ASSIGN_OR_RETURN(const RoundRow round,
                           store->GetRound(update.round_id));
    if (round.state == RoundState::kFailed) {
      return Violated("an acknowledged update is in a failed round");
    }
  }
  SHOAL_ASSIGN_OR_RETURN(std::vector<RoundRow> rounds,
                         store->ListRounds(task.name, 1000, 0));
  aggregation::ServerOptimizer optimizer(
      aggregation::MakeServerRule(task.server_optimizer), kParameters);
  Sums sums;
  int64_t committed = 0;
  for (auto round = rounds.rbegin(); round != rounds.rend(); ++round) {
    if (!IsFinal(round->state)) return Violated("a round is left unfinished");
    if (round->state != RoundState::kCommitted) continue;
    if (round->number != ++committed) return Violated("a round is missing");
    SHOAL_RETURN_IF_ERROR(CheckCommittedModel(*store, task, *round,
                                              fleet.sent(), sums, optimizer));
  }
  if (committed != task.rounds) return Violated("rounds are missing");
  return absl::OkStatus();
}

}  // namespace shoal::testing
