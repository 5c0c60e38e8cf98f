// What devices of a simulation say to their groups, over links that take time.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/logging.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/upload_spool.h"
#include "coordinator/store/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/refusal.h"
#include "protocol/secure_update.h"
#include "simulations/in_process_transport.h"
#include "simulations/insecure_rng.h"
#include "simulations/skipped_groups.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using client::Answer;
using protocol::AggregateAnswer;

constexpr absl::Duration kLatency = absl::Milliseconds(50);
constexpr double kBytesPerSecond = 10e3;
constexpr int kDevices = 3;

// A round of three devices that have been assigned, at a time that stands still
// unless the test moves it.
class GroupCallsTest : public ::testing::Test {
 protected:
  GroupCallsTest() {
    engine_ = *coordinator::RoundEngine::Create(
        {.replica = "test", .max_hold = absl::Hours(1)},
        {.store = *store_,
         .spool = *spool_,
         .rng = rng_,
         .log = log_,
         .group_maker = &SkippedGroups()},
        clock_.Now());
    configuration::Task task;
    task.name = "task";
    task.population = "phones";
    task.model.architecture = learning::LogisticSpec{4, 2};
    task.training.learning_rate = 0.1;
    task.round = {.cohort = kDevices, .over_selection = 1, .min_reports = 1};
    task.rounds = 1;
    task.secure_aggregation = protocol::SecureAggregation{.min_group = 3};
    SHOAL_EXPECT_OK(engine_->CreateTask(task, "", clock_.Now()));
    engine_->Advance(clock_.Now());
    models_ = std::make_unique<SharedModels>(*engine_);
    for (int i = 0; i < kDevices; ++i) Enter(i);
  }

  // Makes the call of a device, up to its answer.
  absl::StatusOr<Answer> Finish(int device, client::Call call) {
    transports_[device]->Start(std::move(call));
    return Finish(device);
  }
  absl::StatusOr<Answer> Finish(int device) {
    while (true) {
      auto answer = transports_[device]->Step(absl::ZeroDuration());
      if (answer.has_value()) return *std::move(answer);
      const absl::Time next = transports_[device]->next_step();
      if (next == absl::InfiniteFuture()) {
        return absl::DeadlineExceededError("nobody knows when");
      }
      clock_.Advance(std::max(next - clock_.Now(), absl::ZeroDuration()));
    }
  }
  // Until the call is with the engine.
  void Begin(int device, client::Call call) {
    EXPECT_EQ(Finish(device, std::move(call)).status().code(),
              absl::StatusCode::kDeadlineExceeded);
    EXPECT_TRUE(transports_[device]->is_waiting_for_group());
  }

  client::AggregateCall Joining(int device) {
    auto member = SkippedMembers().Create(
        {protocol::SecureUpdate::Create(
             protocol::SecureRoundOf(assignments_[device], 10))
             .value()
             .session(),
         "", nullptr, nullptr},
        rng_);
    SHOAL_EXPECT_OK(member.status());
    return {{.token = assignments_[device].token,
             .session = std::nullopt,
             .message = (*member)->advertise()}};
  }

  VirtualClock clock_;
  NullLogger log_;
  InsecureSeededRng rng_{1};
  const std::unique_ptr<coordinator::RoundStore> store_ =
      coordinator::MakeMemoryStore();
  const std::unique_ptr<coordinator::UploadSpool> spool_ =
      coordinator::MakeMemorySpool(int64_t{1} << 30);
  std::unique_ptr<coordinator::RoundEngine> engine_;
  std::unique_ptr<SharedModels> models_;
  absl::Time cut_ = absl::InfiniteFuture();
  std::vector<std::unique_ptr<InProcessTransport>> transports_;
  std::vector<protocol::Assignment> assignments_;
  std::vector<int> told_;  // devices for which there is an answer

 private:
  void Enter(int device) {
    InProcessOptions options;
    options.engine = engine_.get();
    options.clock = &clock_;
    options.models = models_.get();
    options.device = {std::string(64, static_cast<char>('a' + device)), "d"};
    options.link = {kLatency, kBytesPerSecond, kBytesPerSecond};
    options.connected_until = [this](absl::Time) { return cut_; };
    options.advance = [this] { engine_->Advance(clock_.Now()); };
    options.on_answer = [this, device] { told_.push_back(device); };
    transports_.push_back(std::make_unique<InProcessTransport>(options));
    protocol::CheckIn message;
    message.population = "phones";
    message.num_examples = 10;
    message.sdk_version = "test";
    message.codecs = {learning::UpdateCodec::kFloat32};
    message.secure_aggregation_versions = {protocol::kSecureAggregationVersion};
    const auto answer = Finish(device, client::CheckInCall{message});
    SHOAL_EXPECT_OK(answer.status());
    assignments_.push_back(std::get<protocol::Assignment>(
        std::get<protocol::CheckInAnswer>(*answer).answer));
  }
};

TEST_F(GroupCallsTest, WaitsForOthersAndIsWokenByThem) {
  const client::AggregateCall call = Joining(0);
  const auto bytes = static_cast<int64_t>(call.request.message.size());
  const int64_t sent_before = transports_[0]->bytes_sent();
  Begin(0, call);
  EXPECT_EQ(transports_[0]->bytes_sent(), sent_before + bytes);
  Begin(1, Joining(1));
  EXPECT_THAT(told_, ::testing::IsEmpty());
  transports_[2]->Start(Joining(2));
  const absl::StatusOr<Answer> last = Finish(2);
  SHOAL_ASSERT_OK(last.status());
  EXPECT_THAT(told_, ::testing::UnorderedElementsAre(0, 1, 2));
  // The answer takes its way back.
  const int64_t received_before = transports_[0]->bytes_received();
  const absl::StatusOr<Answer> answer = Finish(0);
  SHOAL_ASSERT_OK(answer.status());
  const auto& group = std::get<AggregateAnswer>(*answer);
  EXPECT_TRUE(group.session.has_value());
  const auto& message = std::get<protocol::GroupMessage>(group.next);
  EXPECT_GT(message.bytes.size(), 300);
  EXPECT_EQ(transports_[0]->bytes_received() - received_before,
            static_cast<int64_t>(message.bytes.size()));
}

TEST_F(GroupCallsTest, MessagesTakeTheTimeOfTheirBytes) {
  const client::AggregateCall call = Joining(0);
  const absl::Time start = clock_.Now();
  Begin(0, call);
  // Of the message, and of what any call has besides.
  const double bytes = 2048 + static_cast<double>(call.request.message.size());
  EXPECT_NEAR(absl::ToDoubleSeconds(clock_.Now() - start - kLatency),
              bytes / kBytesPerSecond, 1e-6);
}

TEST_F(GroupCallsTest, ALostConnectionEndsTheWaiting) {
  cut_ = clock_.Now() + absl::Seconds(5);
  transports_[0]->Start(Joining(0));
  const absl::StatusOr<Answer> answer = Finish(0);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(clock_.Now(), cut_);
}

TEST_F(GroupCallsTest, NobodyIsWokenForACallThatWasDropped) {
  Begin(0, Joining(0));
  Begin(1, Joining(1));
  transports_[0]->Drop();
  SHOAL_ASSERT_OK(Finish(2, Joining(2)).status());
  EXPECT_THAT(told_, ::testing::UnorderedElementsAre(1, 2));
}

TEST_F(GroupCallsTest, RefusalsArriveAsAnyOther) {
  client::AggregateCall call = Joining(0);
  call.request.token = "no token";
  const absl::StatusOr<Answer> answer = Finish(0, call);
  const auto refusal = protocol::RefusalOf(answer.status());
  ASSERT_TRUE(refusal.has_value()) << answer.status();
  EXPECT_EQ(refusal->code, protocol::RefusalCode::kTokenInvalid);
}

}  // namespace
}  // namespace shoal::simulations
