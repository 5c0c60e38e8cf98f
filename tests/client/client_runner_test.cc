#include "client/client_runner.h"

#include <pthread.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_transport.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using testing::FakeFleet;
using testing::FakeTransport;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::Rpc;
using testing::SmallExamples;
using testing::StatusIs;

// Lets one thread wait for another's event.
class Event {
 public:
  void Set() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    set_ = true;
    changed_.NotifyAll();
  }
  void Await() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!set_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool set_ SHOAL_GUARDED_BY(mutex_) = false;
};

// A transport whose calls hang until it is cancelled.
class HangingTransport final : public Transport {
 public:
  explicit HangingTransport(Event& reached) : reached_(reached) {}
  void Start(Call) override { reached_.Set(); }
  std::optional<absl::StatusOr<Answer>> Step(absl::Duration) override {
    cancelled_.Await();
    return absl::CancelledError("cancelled");
  }
  void Cancel() override { cancelled_.Set(); }
  void Drop() override {}
  void Close() override {}
  int64_t connections() const override { return 0; }
  int64_t bytes_sent() const override { return 0; }
  int64_t bytes_received() const override { return 0; }

 private:
  Event& reached_;
  Event cancelled_;
};

class ClientRunnerTest : public ::testing::Test {
 protected:
  ClientParts Parts() {
    ClientParts parts;
    parts.session.population = FakeFleet::kPopulation;
    parts.session.clock = &clock_;
    parts.state = std::make_unique<MemoryState>();
    parts.data =
        std::make_shared<const learning::InMemoryDataset>(SmallExamples());
    parts.connect = [this] {
      auto transport = std::make_unique<FakeTransport>(fleet_);
      transport_ = transport.get();
      ++transports_;
      return transport;
    };
    parts.stop_grace = absl::ZeroDuration();
    return parts;
  }

  RealClock clock_;
  FakeFleet fleet_;
  int transports_ = 0;
  FakeTransport* transport_ = nullptr;  // the last one
};

TEST_F(ClientRunnerTest, RunOnceContributes) {
  const auto client = MakeClient(Parts());
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(fleet_.counted().size(), 1u);
}

TEST_F(ClientRunnerTest, CloseSessionsShareAConnection) {
  const auto client = MakeClient(Parts());
  SHOAL_ASSERT_OK(client->RunOnce());  // told to come back in 7 s
  SHOAL_ASSERT_OK(client->RunOnce());
  EXPECT_EQ(transports_, 1);
  EXPECT_EQ(transport_->connections(), 1);
}

// What the next connection can resume is the transport's.
TEST_F(ClientRunnerTest, IdleConnectionIsClosedAndItsTransportKept) {
  ClientParts parts = Parts();
  parts.session.population = "nobody";  // told to come back in 11 s
  const auto client = MakeClient(std::move(parts));
  SHOAL_ASSERT_OK(client->RunOnce());
  SHOAL_ASSERT_OK(client->RunOnce());
  EXPECT_EQ(transport_->connections(), 2);
  EXPECT_EQ(transports_, 1);
}

TEST_F(ClientRunnerTest, LabelOutOfRangeIsAnError) {
  class Wrong final : public learning::Dataset {
   public:
    int64_t num_examples() const override { return 2; }
    int num_features() const override { return 4; }
    int num_classes() const override { return 3; }
    int32_t label(int64_t index) const override { return 2 + index; }
    void CopyFeatures(int64_t, absl::Span<float>) const override {}
  };
  ClientParts parts = Parts();
  parts.data = std::make_shared<const Wrong>();
  const auto client = MakeClient(std::move(parts));
  EXPECT_THAT(client->RunOnce(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("example 1 has the label 3")));
}

TEST_F(ClientRunnerTest, PredictsWithTheNewestModel) {
  const auto client = MakeClient(Parts());
  const std::vector<float> features = {1, 0, 0, 0};
  EXPECT_THAT(client->Predict(features),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  SHOAL_ASSERT_OK(client->RunOnce());
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<float> probabilities,
                             client->Predict(features));
  // The fleet's model is all zeros: every class is as likely.
  ASSERT_EQ(probabilities.size(), 3u);
  EXPECT_FLOAT_EQ(probabilities[0], 1.0f / 3);
  EXPECT_THAT(client->Predict({1.0f, 2.0f}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4")));
}

TEST_F(ClientRunnerTest, StopCancelsACallThatHangs) {
  Event reached;
  ClientParts parts = Parts();
  parts.connect = [&] { return std::make_unique<HangingTransport>(reached); };
  const auto client = MakeClient(std::move(parts));
  absl::StatusOr<SessionReport> report;
  std::thread session([&] { report = client->RunOnce(); });
  reached.Await();
  client->Stop();
  session.join();
  SHOAL_ASSERT_OK(report);
  EXPECT_EQ(report->outcome, SessionReport::kCancelled);
}

TEST_F(ClientRunnerTest, CancelledTransportIsReplaced) {
  Event reached;
  ClientParts parts = Parts();
  parts.connect = [&]() -> absl::StatusOr<std::unique_ptr<Transport>> {
    if (++transports_ == 1) return std::make_unique<HangingTransport>(reached);
    return std::make_unique<FakeTransport>(fleet_);
  };
  const auto client = MakeClient(std::move(parts));
  std::thread session([&] { EXPECT_THAT(client->RunOnce(), testing::IsOk()); });
  reached.Await();
  client->Stop();
  session.join();
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
}

TEST_F(ClientRunnerTest, TransportThatCannotBeMadeIsAnError) {
  ClientParts parts = Parts();
  parts.connect = [] { return absl::InvalidArgumentError("no transport"); };
  EXPECT_THAT(MakeClient(std::move(parts))->RunOnce(),
              StatusIs(absl::StatusCode::kInvalidArgument, "no transport"));
}

// As before its clock is set.
TEST_F(ClientRunnerTest, SessionsWaitUntilTheDeviceMayConnect) {
  ClientParts parts = Parts();
  absl::Status may = absl::InvalidArgumentError("it is not yet time");
  parts.may_connect = [&] { return may; };
  parts.session.max_backoff = absl::Seconds(9);
  const auto client = MakeClient(std::move(parts));
  SHOAL_ASSERT_OK_AND_ASSIGN(SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_EQ(report.explanation, "it is not yet time");
  EXPECT_EQ(report.next_check_in, absl::Seconds(9));
  EXPECT_EQ(transports_, 0);
  may = absl::OkStatus();
  SHOAL_ASSERT_OK_AND_ASSIGN(report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
}

TEST_F(ClientRunnerTest, ClientCanGoOnAfterStop) {
  const auto client = MakeClient(Parts());
  SHOAL_ASSERT_OK(client->Start());
  client->Stop();
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
}

TEST_F(ClientRunnerTest, ThreadThatCannotBeMadeIsAnError) {
  const auto client = MakeClient(Parts());
  pthread_attr_t before, huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  // More than the address space.
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 47), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const absl::Status started = client->Start();
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&before);
  EXPECT_THAT(started, StatusIs(absl::StatusCode::kResourceExhausted,
                                HasSubstr("no thread for sessions")));
  // It has not been started.
  SHOAL_EXPECT_OK(client->RunOnce());
  SHOAL_EXPECT_OK(client->Start());
  client->Stop();
}

TEST_F(ClientRunnerTest, StartRunsSessionsUntilStop) {
  Event ended;
  ClientParts parts = Parts();
  parts.on_event = [&](const ClientEvent& event) {
    if (event.kind == ClientEvent::kEnded) ended.Set();
  };
  const auto client = MakeClient(std::move(parts));
  SHOAL_ASSERT_OK(client->Start());
  EXPECT_THAT(client->Start(), StatusIs(absl::StatusCode::kFailedPrecondition));
  ended.Await();
  client->Stop();  // it waits for the next check-in, 7 s away
  EXPECT_EQ(fleet_.counted().size(), 1u);
}

TEST_F(ClientRunnerTest, CallbacksCannotRunSessionsButStopThem) {
  Client* self = nullptr;
  std::vector<absl::StatusCode> codes;
  ClientParts parts = Parts();
  parts.on_event = [&](const ClientEvent& event) {
    if (event.kind != ClientEvent::kFetched) return;
    codes.push_back(self->RunOnce().status().code());
    codes.push_back(self->Tick(absl::ZeroDuration()).status().code());
    if (codes.size() == 2) {
      EXPECT_FALSE(self->Stop().has_value());
    }
  };
  const auto client = MakeClient(std::move(parts));
  self = client.get();
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kCancelled);
  EXPECT_THAT(codes, ::testing::Each(absl::StatusCode::kFailedPrecondition));
  // The next session is not stopped.
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport next, client->RunOnce());
  EXPECT_EQ(next.outcome, SessionReport::kContributed);
}

TEST_F(ClientRunnerTest, TicksRunASessionPieceByPiece) {
  const auto client = MakeClient(Parts());
  std::optional<SessionReport> report;
  int ticks = 0;
  while (!report.has_value()) {
    ASSERT_LT(++ticks, 1000);
    SHOAL_ASSERT_OK_AND_ASSIGN(TickResult tick,
                               client->Tick(absl::ZeroDuration()));
    report = std::move(tick.report);
  }
  EXPECT_EQ(report->outcome, SessionReport::kContributed);
  EXPECT_GT(ticks, report->num_steps);
  // It is not time for the next one: nothing is done until then.
  SHOAL_ASSERT_OK_AND_ASSIGN(const TickResult idle,
                             client->Tick(absl::ZeroDuration()));
  EXPECT_LE(idle.next, report->next_check_in);
  EXPECT_GT(idle.next, report->next_check_in - absl::Seconds(5));
  EXPECT_FALSE(idle.report.has_value());
  EXPECT_EQ(fleet_.counted().size(), 1u);
}

TEST_F(ClientRunnerTest, RunOnceGoesOnWithATickedSession) {
  const auto client = MakeClient(Parts());
  SHOAL_ASSERT_OK(client->Tick(absl::ZeroDuration()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(transports_, 1);
  EXPECT_EQ(fleet_.counted().size(), 1u);
}

TEST_F(ClientRunnerTest, StopEndsATickedSession) {
  std::vector<ClientEvent::Kind> events;
  ClientParts parts = Parts();
  parts.stop_grace = absl::Seconds(20);
  parts.on_event = [&](const ClientEvent& event) {
    events.push_back(event.kind);
  };
  const auto client = MakeClient(std::move(parts));
  while (events.empty() || events.back() != ClientEvent::kFetched) {
    SHOAL_ASSERT_OK(client->Tick(absl::ZeroDuration()));
  }
  const std::optional<SessionReport> report = client->Stop();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->outcome, SessionReport::kCancelled);
  EXPECT_THAT(events,
              IsSupersetOf({ClientEvent::kAbandoned, ClientEvent::kEnded}));
  // The round has its place back; another session may begin at once.
  SHOAL_ASSERT_OK_AND_ASSIGN(const TickResult tick,
                             client->Tick(absl::ZeroDuration()));
  EXPECT_LE(tick.next, absl::Seconds(1));
}

TEST_F(ClientRunnerTest, StartedClientTicksByItself) {
  const auto client = MakeClient(Parts());
  SHOAL_ASSERT_OK(client->Start());
  EXPECT_THAT(client->Tick(absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  client->Stop();
  SHOAL_EXPECT_OK(client->Tick(absl::ZeroDuration()));
}

// With the store of the SDK in place of the product's own source.
class StoreRunnerTest : public ClientRunnerTest {
 protected:
  ClientParts Parts() {
    ClientParts parts = ClientRunnerTest::Parts();
    parts.data = nullptr;
    ExampleStoreOptions options;
    options.num_features = data_.num_features();
    options.num_classes = data_.num_classes();
    parts.store = ExampleStore::Open(options, folder_.path(), clock_).value();
    parts.on_event = [this](const ClientEvent& event) {
      if (event.kind == ClientEvent::kCheckedIn) check_in_ = event.detail;
      if (event.kind == ClientEvent::kTrained && client_ != nullptr) {
        SHOAL_EXPECT_OK(Add());
      }
    };
    return parts;
  }
  absl::Status Add() {
    std::vector<float> features(data_.num_features());
    data_.CopyFeatures(0, absl::MakeSpan(features));
    const int32_t label = data_.label(0);
    return client_->AddExample({features, {&label, 1}, {}});
  }

  const learning::InMemoryDataset data_ = SmallExamples();
  TemporaryFolder folder_;
  std::string check_in_;  // what was said
  std::unique_ptr<Client> client_;
};

TEST_F(StoreRunnerTest, SessionsTrainOnWhatWasAddedBeforeThem) {
  client_ = MakeClient(Parts());
  SHOAL_ASSERT_OK(Add());
  SHOAL_ASSERT_OK(Add());
  SHOAL_ASSERT_OK_AND_ASSIGN(SessionReport report, client_->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed) << report.explanation;
  EXPECT_THAT(check_in_, HasSubstr(", 2 examples"));
  // One more came while it trained.
  SHOAL_ASSERT_OK_AND_ASSIGN(report, client_->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_THAT(check_in_, HasSubstr(", 3 examples"));
}

TEST_F(StoreRunnerTest, EmptyStoreHoldsTheSessionBack) {
  client_ = MakeClient(Parts());
  SHOAL_ASSERT_OK_AND_ASSIGN(SessionReport report, client_->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_THAT(report.explanation, HasSubstr("no examples"));
  EXPECT_EQ(report.next_check_in, absl::Minutes(5));
  SHOAL_ASSERT_OK_AND_ASSIGN(TickResult tick,
                             client_->Tick(absl::ZeroDuration()));
  EXPECT_TRUE(tick.report.has_value());
  SHOAL_ASSERT_OK_AND_ASSIGN(tick, client_->Tick(absl::ZeroDuration()));
  EXPECT_FALSE(tick.report.has_value());
  EXPECT_GT(tick.next, absl::Minutes(4));
  EXPECT_EQ(transports_, 0);
}

TEST_F(StoreRunnerTest, ExampleThatComesEndsTheWaitForOne) {
  client_ = MakeClient(Parts());
  SHOAL_ASSERT_OK_AND_ASSIGN(TickResult tick,
                             client_->Tick(absl::ZeroDuration()));
  EXPECT_EQ(tick.next, absl::Minutes(5));
  SHOAL_ASSERT_OK(Add());
  for (int i = 0; i < 1000; ++i) {
    SHOAL_ASSERT_OK_AND_ASSIGN(tick, client_->Tick(absl::ZeroDuration()));
    if (tick.report.has_value()) break;
  }
  ASSERT_TRUE(tick.report.has_value());
  EXPECT_EQ(tick.report->outcome, SessionReport::kContributed);
  // The next wait is the coordinator's word, which no example shortens.
  SHOAL_ASSERT_OK(Add());
  SHOAL_ASSERT_OK_AND_ASSIGN(tick, client_->Tick(absl::ZeroDuration()));
  EXPECT_GT(tick.next, absl::Seconds(1));
}

TEST_F(StoreRunnerTest, StartedClientIsWokenByItsFirstExample) {
  Event waits;
  std::atomic<bool> trained = false;
  ClientParts parts = Parts();
  parts.on_event = [&](const ClientEvent& event) {
    if (event.kind == ClientEvent::kEnded) waits.Set();
    if (event.kind == ClientEvent::kTrained) trained = true;
  };
  client_ = MakeClient(std::move(parts));
  SHOAL_ASSERT_OK(client_->Start());
  waits.Await();
  SHOAL_ASSERT_OK(Add());
  const absl::Duration end = clock_.Monotonic() + absl::Seconds(20);
  while (!trained && clock_.Monotonic() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  client_->Stop();
  EXPECT_TRUE(trained);
}

// A source of the product's own.
class GrowingExamples final : public learning::Dataset {
 public:
  int64_t num_examples() const override { return shown; }
  int num_features() const override { return all_.num_features(); }
  int num_classes() const override { return all_.num_classes(); }
  int32_t label(int64_t index) const override { return all_.label(index); }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    all_.CopyFeatures(index, out);
  }
  int64_t shown = 0;

 private:
  const learning::InMemoryDataset all_ = SmallExamples();
};

TEST_F(ClientRunnerTest, EmptySourceTakesNobodysPlace) {
  ClientParts parts = Parts();
  const auto data = std::make_shared<GrowingExamples>();
  parts.data = data;
  const auto client = MakeClient(std::move(parts));
  SHOAL_ASSERT_OK_AND_ASSIGN(TickResult tick,
                             client->Tick(absl::ZeroDuration()));
  ASSERT_TRUE(tick.report.has_value());
  EXPECT_EQ(tick.report->outcome, SessionReport::kHeldBack);
  EXPECT_THAT(tick.report->explanation, HasSubstr("no examples"));
  EXPECT_EQ(transports_, 0);
  data->shown = 5;
  SHOAL_ASSERT_OK_AND_ASSIGN(tick, client->Tick(absl::ZeroDuration()));
  EXPECT_EQ(transports_, 1);
}

TEST_F(ClientRunnerTest, TrainerWithoutExamplesTakesNobodysPlace) {
  class Idle final : public Trainer {
   public:
    int64_t num_examples() const override { return 0; }
    absl::StatusOr<TrainingCost> Plan(const TrainingTask&) override {
      return absl::InternalError("nobody asks");
    }
    absl::Status Begin(const TrainingTask&, absl::Span<const float>) override {
      return absl::OkStatus();
    }
    absl::Status Step() override { return absl::OkStatus(); }
    absl::StatusOr<TrainingMetrics> Finish(absl::Span<float>) override {
      return TrainingMetrics();
    }
    void Cancel() override {}
  };
  Idle trainer;
  ClientParts parts = Parts();
  parts.data = nullptr;
  parts.trainer = &trainer;
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report,
                             MakeClient(std::move(parts))->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_EQ(transports_, 0);
}

TEST_F(ClientRunnerTest, ClientWithoutAStoreTakesNoExamples) {
  EXPECT_THAT(MakeClient(Parts())->AddExample({}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("no example store")));
}

TEST_F(ClientRunnerTest, SessionsOfSeveralThreadsTakeTurns) {
  std::atomic<int> inside = 0;
  std::atomic<bool> overlap = false;
  ClientParts parts = Parts();
  parts.on_event = [&](const ClientEvent& event) {
    if (event.kind == ClientEvent::kCheckedIn && ++inside > 1) overlap = true;
    if (event.kind == ClientEvent::kEnded) --inside;
  };
  const auto client = MakeClient(std::move(parts));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&] { EXPECT_THAT(client->RunOnce(), testing::IsOk()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(overlap);
  EXPECT_EQ(fleet_.counted().size(), 4u);
}

}  // namespace
}  // namespace shoal::client
