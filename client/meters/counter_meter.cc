#include "client/meters/counter_meter.h"

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

class CounterMeter final : public EnergyMeter {
 public:
  CounterMeter(std::string name, std::vector<MicrojouleCounter> counters,
               const Clock& clock)
      : name_(std::move(name)), counters_(std::move(counters)), clock_(clock) {}

  absl::StatusOr<double> Joules() override {
    const absl::Duration now = clock_.Monotonic();
    absl::Status first_error;
    double sum = 0;
    // All of them, so that each goes on from where it is now.
    for (MicrojouleCounter& counter : counters_) {
      const absl::StatusOr<double> joules = counter.Advance(now);
      if (joules.ok()) {
        sum += *joules;
      } else {
        first_error.Update(joules.status());
      }
    }
    SHOAL_RETURN_IF_ERROR(first_error);
    total_ += sum;
    return total_;
  }

  std::string name() const override { return name_; }

 private:
  const std::string name_;
  std::vector<MicrojouleCounter> counters_;
  const Clock& clock_;
  double total_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EnergyMeter>> MakeCounterMeter(
    std::string name, std::vector<MicrojouleCounter> counters,
    const Clock& clock) {
  SHOAL_CHECK(!counters.empty());
  auto meter = std::make_unique<CounterMeter>(std::move(name),
                                              std::move(counters), clock);
  SHOAL_RETURN_IF_ERROR(meter->Joules().status());
  return meter;
}

}  // namespace shoal::client
