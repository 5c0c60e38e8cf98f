// A coordinator in one process for the tests of the engine: a memory store, a
// clock that is set by hand, and devices that are as good or bad as a test
// wants them.
#ifndef SHOAL_TESTS_COORDINATOR_ENGINE_ENGINE_FIXTURE_H_
#define SHOAL_TESTS_COORDINATOR_ENGINE_ENGINE_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/store/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/refusal.h"
#include "tests/support/faulty_store.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/require.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {

using ::shoal::testing::Require;

MATCHER_P(IsRefusal, code, "") {
  const absl::Status& status = ::shoal::testing::StatusOf(arg);
  *result_listener << status.ToString();
  const auto refusal = protocol::RefusalOf(status);
  return refusal.has_value() && refusal->code == code;
}

// Logistic regression of 2 inputs and 2 classes: 6 parameters.
inline constexpr int kParameters = 6;

// A cohort of 2, at least 1 report, 3 devices admitted, deadline a minute.
configuration::Task SmallTask(const std::string& name = "task");

DeviceIdentity Device(int number);  // ids of 64 hexadecimal digits, ascending
protocol::CheckIn Hello();

// An encoded update with `num_examples` and the values of `delta`; what is
// left out is 0.
std::string Update(const std::vector<float>& delta, int64_t num_examples = 1);

// What a device learns about its upload.
struct Outcome {
  bool called = false;
  absl::StatusOr<protocol::UploadReceipt> receipt =
      absl::UnknownError("not told yet");
};

class EngineTest : public ::testing::Test {
 protected:
  explicit EngineTest(std::unique_ptr<RoundStore> store = MakeMemoryStore())
      : memory_(std::move(store)) {
    Restart();
  }

  // Drops the engine with everything it knows, and makes a new one.
  void Restart();
  RoundEngine& engine() { return *engine_; }
  // Lets time pass.
  void Pass(absl::Duration duration) { now_ += duration; }
  absl::Time Advance() { return engine_->Advance(now_); }

  void CreateTask(const configuration::Task& task = SmallTask());

  absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      int device, const protocol::CheckIn& message = Hello());
  // Fails the test unless the device is assigned.
  protocol::Assignment Assign(int device);
  // Fails the test unless the device has to wait.
  protocol::RetryAfter Wait(int device);

  absl::StatusOr<UploadStart> Begin(int device, const std::string& token,
                                    const std::string& update,
                                    int64_t offset = 0);
  // Begins, sends all of `update` and finishes; the receipt comes with
  // Advance().
  absl::StatusOr<std::shared_ptr<Outcome>> Send(int device,
                                                const std::string& token,
                                                const std::string& update);
  // Sends the rest of `update`, from where the stream is.
  static absl::Status SendRest(UploadStream& stream, const std::string& update);
  absl::Status Finish(UploadStream& stream, std::shared_ptr<Outcome> outcome);
  // Checks in, sends, advances; returns the receipt.
  protocol::UploadReceipt Contribute(int device,
                                     const std::vector<float>& delta = {1});
  absl::StatusOr<protocol::UploadProgress> Query(int device,
                                                 const std::string& token,
                                                 const std::string& update);

  // The task's newest round.
  RoundRow Round(const std::string& task = "task");
  TaskRow TaskNamed(const std::string& task = "task");
  std::vector<float> Model(const std::string& task = "task");
  std::string OutcomeOf(int device, int64_t round_id);

  EngineOptions options_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  const std::unique_ptr<RoundStore> memory_;
  testing::FaultyStore store_{*memory_};
  std::unique_ptr<UploadSpool> spool_ = MakeMemorySpool(1 << 20);
  testing::InsecureSeededRng rng_{7};
  NullLogger log_;
  std::unique_ptr<ThreadPool> pool_;  // null unless a test sets it
  const secure_aggregation::MemberVerifier* verifier_ = nullptr;  // likewise
  std::unique_ptr<RoundEngine> engine_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_ENGINE_ENGINE_FIXTURE_H_
