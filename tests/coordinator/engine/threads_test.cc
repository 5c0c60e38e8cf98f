// Devices on threads of their own, time on another: for the thread sanitizer.
#include <atomic>
#include <thread>

#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

constexpr int kDevices = 6;
constexpr int kRounds = 20;

class ThreadsTest : public EngineTest {
 protected:
  // Takes part until the task is over; one that is told to wait asks again at
  // once.
  void Device(int number) {
    while (!over_) {
      const auto answer =
          engine().CheckIn(coordinator::Device(number), Hello(), now_);
      if (!answer.ok()) continue;
      const auto* assignment =
          std::get_if<protocol::Assignment>(&answer->answer);
      if (assignment == nullptr) {
        std::this_thread::yield();
        continue;
      }
      if (number == 1 && ++abandoned_ % 4 == 0) {
        Require(engine().Abandon(coordinator::Device(number), assignment->token,
                                 protocol::AbandonReason::kEnergy, now_));
        continue;
      }
      Upload(number, assignment->token);
    }
  }

  void Upload(int number, const std::string& token) {
    const std::string update = Update({1});
    auto start = Begin(number, token, update);
    if (!start.ok()) return;  // the round was faster
    if (start->receipt.has_value()) return;
    if (!SendRest(*start->stream, update).ok()) return;
    std::atomic<bool> told = false;
    if (!start->stream->Finish(now_, [&](const auto& receipt) { told = true; })
             .ok()) {
      return;
    }
    while (!told) std::this_thread::yield();
  }

  std::atomic<bool> over_ = false;
  int abandoned_ = 0;  // of device 1 alone
};

TEST_F(ThreadsTest, RoundsGoOnWithDevicesOnAllSides) {
  options_.max_failure_backoff = absl::ZeroDuration();
  Restart();
  configuration::Task task = SmallTask();
  task.round.cohort = 3;
  task.rounds = kRounds;
  CreateTask(task);
  std::vector<std::thread> threads;
  for (int number = 1; number <= kDevices; ++number) {
    threads.emplace_back([this, number] { Device(number); });
  }
  while (TaskNamed().state == TaskState::kActive) {
    Advance();
    std::this_thread::yield();
  }
  over_ = true;
  // Devices whose round ended while they finished must still be told.
  std::atomic<bool> joined = false;
  std::thread time([&] {
    while (!joined) Advance();
  });
  for (std::thread& thread : threads) thread.join();
  joined = true;
  time.join();
  EXPECT_EQ(TaskNamed().rounds_committed, kRounds);
  EXPECT_EQ(engine().uploads_in_progress(), 0);
  EXPECT_EQ(Model()[0], kRounds);
}

}  // namespace
}  // namespace shoal::coordinator
