#include "coordinator/service/engine_driver.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace shoal::coordinator {
namespace {

// Counts Advance(); everything else is out of scope.
class CountingEngine final : public RoundEngine {
 public:
  absl::Status CreateTask(const configuration::Task&, absl::string_view,
                          absl::Time) override {
    return absl::OkStatus();
  }
  absl::Status SetTaskState(const std::string&, TaskState,
                            absl::Time) override {
    return absl::OkStatus();
  }
  absl::StatusOr<PrivacyReport> PrivacyOf(const std::string&) override {
    return absl::UnavailableError("not part of this test");
  }
  absl::StatusOr<protocol::CheckInAnswer> CheckIn(const DeviceIdentity&,
                                                  const protocol::CheckIn&,
                                                  absl::Time) override {
    return absl::UnavailableError("not part of this test");
  }
  absl::StatusOr<std::string> ReadModel(const Digest&, int64_t) override {
    return "";
  }
  absl::StatusOr<protocol::UploadProgress> QueryUpload(const DeviceIdentity&,
                                                       absl::string_view,
                                                       const Digest&,
                                                       absl::Time) override {
    return protocol::UploadProgress();
  }
  absl::StatusOr<UploadStart> BeginUpload(const DeviceIdentity&,
                                          const protocol::UploadHeader&,
                                          absl::Time) override {
    return UploadStart();
  }
  absl::Status Aggregate(const DeviceIdentity&,
                         const protocol::AggregateRequest&, absl::Time,
                         AggregateDone) override {
    return absl::UnavailableError("not part of this test");
  }
  absl::StatusOr<absl::Duration> Abandon(const DeviceIdentity&,
                                         absl::string_view,
                                         protocol::AbandonReason,
                                         absl::Time) override {
    return absl::ZeroDuration();
  }
  absl::Status ForgetDevice(const std::string&) override {
    return absl::OkStatus();
  }
  absl::Status CheckNotForgotten(const std::string&) override {
    return absl::OkStatus();
  }
  absl::Time Advance(absl::Time now) override {
    ++advanced;
    return now + wish;
  }
  void StopAdmitting() override {}
  absl::Status LastError() const override { return absl::OkStatus(); }
  int64_t uploads_in_progress() const override { return 0; }
  RoundStanding StandingOf(const std::string&) const override { return {}; }
  TaskNotices NoticesOf(const std::string&, int64_t) const override {
    return TaskNotices();
  }

  absl::Duration wish = absl::Hours(1);
  std::atomic<int> advanced = 0;
};

void AwaitAtLeast(const std::atomic<int>& count, int wanted) {
  while (count < wanted) std::this_thread::yield();
}

class EngineDriverTest : public ::testing::Test {
 protected:
  CountingEngine engine_;
  RealClock clock_;
  std::atomic<int> after_ = 0;
  const std::function<void(absl::Time)> count_ = [this](absl::Time) {
    ++after_;
  };
};

TEST_F(EngineDriverTest, EngineIsAdvancedAtOnceAndWhenPoked) {
  EngineDriver driver(engine_, clock_, count_);
  AwaitAtLeast(after_, 1);
  driver.Poke();
  AwaitAtLeast(after_, 2);
  driver.Poke();
  AwaitAtLeast(after_, 3);
  driver.Stop();
}

TEST_F(EngineDriverTest, EngineIsAdvancedWhenItAsksForIt) {
  engine_.wish = absl::Milliseconds(1);
  EngineDriver driver(engine_, clock_, count_);
  AwaitAtLeast(after_, 10);
}

TEST_F(EngineDriverTest, StopAdvancesALastTimeAndMayBeRepeated) {
  EngineDriver driver(engine_, clock_, count_);
  AwaitAtLeast(after_, 1);
  driver.Stop();
  const int advanced = engine_.advanced;
  EXPECT_GE(advanced, 2);
  driver.Stop();
  EXPECT_EQ(engine_.advanced, advanced);
}

}  // namespace
}  // namespace shoal::coordinator
