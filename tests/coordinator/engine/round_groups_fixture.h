// A round with secure aggregation, its devices, and what must come of them.
#ifndef SHOAL_TESTS_COORDINATOR_ENGINE_ROUND_GROUPS_FIXTURE_H_
#define SHOAL_TESTS_COORDINATOR_ENGINE_ROUND_GROUPS_FIXTURE_H_

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/group_devices.h"
#include "tests/privacy/secure_aggregation/test_ca.h"

namespace shoal::coordinator {

class RoundGroupsFixture : public EngineTest {
 protected:
  explicit RoundGroupsFixture(
      std::unique_ptr<RoundStore> store = MakeMemoryStore())
      : EngineTest(std::move(store)) {
    engine_.reset();
    spool_ = MakeMemorySpool(1 << 24);
    Restart();
  }

  // Devices have certificates from now on.
  void Certify() {
    verifier_ = &ca_;
    Restart();
  }
  // Devices 0 … n - 1 are assigned and have trained.
  void Train(int n, const std::map<int, GroupStep>& leave = {}) {
    for (int i = std::ssize(devices_); i < n; ++i) {
      const auto leaves = leave.find(i);
      if (verifier_ != nullptr) signers_.push_back(ca_.Issue(Device(i).id));
      devices_.push_back(std::make_unique<GroupDevice>(
          i, Assign(i), Values(i), Examples(i), rng_,
          leaves == leave.end() ? GroupStep::kNever : leaves->second,
          verifier_ != nullptr ? signers_.back().get() : nullptr, verifier_));
    }
  }
  static std::vector<float> Values(int i) {
    std::vector<float> values(kParameters);
    for (int k = 0; k < kParameters; ++k) {
      values[k] = std::sin(static_cast<float>(7 * i + k));
    }
    return values;
  }
  static int64_t Examples(int i) { return 3 + i % 5; }

  // Everybody does what it can, until nothing happens any more without time.
  void Exchange() {
    for (int i = 0; i < 100; ++i) {
      bool acted = false;
      for (auto& device : devices_) {
        acted = device->Act(engine(), now_) || acted;
      }
      Advance();
      if (acted && restart_after_ > 0 && ++exchanges_ % restart_after_ == 0) {
        Restart();
        for (auto& device : devices_) device->Reconnect();
        Advance();
      }
      if (!acted) return;
    }
    FAIL() << "the devices never come to rest";
  }
  // The same, with time passing, until the round is over.
  void RunToEnd(absl::Duration at_most = absl::Minutes(5)) {
    const absl::Time end = now_ + at_most;
    const int64_t round = Round().id;
    while (now_ < end) {
      Exchange();
      if (IsFinal(Require(memory_->GetRound(round)).state)) return;
      Pass(absl::Seconds(1));
      Advance();
    }
  }
  // "3: in group …: …" of each device that is to blame in the round, in the
  // order of devices.
  std::vector<std::string> Faults(int64_t round = 1) {
    std::vector<std::string> faults;
    for (int i = 0; i < std::ssize(devices_); ++i) {
      for (const FaultRow& row :
           Require(memory_->ListFaults(Device(i).id, round, 10))) {
        faults.push_back(absl::StrCat(i, ": ", row.what));
      }
    }
    return faults;
  }
  RoundRow First() { return Require(memory_->GetRound(1)); }

  // What the model must be after the first round, to within the rounding.
  void ExpectMeanOf(const std::vector<int>& devices) {
    const std::vector<float> model = Model();
    double weight = 0;
    std::vector<double> mean(kParameters);
    for (const int i : devices) {
      weight += static_cast<double>(Examples(i));
      for (int k = 0; k < kParameters; ++k) {
        mean[k] += static_cast<double>(Examples(i)) * Values(i)[k];
      }
    }
    for (int k = 0; k < kParameters; ++k) {
      EXPECT_NEAR(model[k] - initial_[k], mean[k] / weight, 2e-3) << k;
    }
  }
  void Begin(const configuration::Task& task) {
    CreateTask(task);
    initial_ = Model();
  }
  std::vector<int> AllBut(int n, const std::vector<int>& others) {
    std::vector<int> devices;
    for (int i = 0; i < n; ++i) {
      if (std::find(others.begin(), others.end(), i) == others.end()) {
        devices.push_back(i);
      }
    }
    return devices;
  }

  testing::TestCa ca_{testing::TestSignatures::kHmac};
  std::vector<std::unique_ptr<testing::TestSigner>> signers_;
  std::vector<std::unique_ptr<GroupDevice>> devices_;
  std::vector<float> initial_;
  int restart_after_ = 0;  // exchanges; 0: never
  int exchanges_ = 0;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_ENGINE_ROUND_GROUPS_FIXTURE_H_
