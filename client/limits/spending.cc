#include "client/limits/spending.h"

#include <algorithm>
#include <utility>

namespace shoal::client {
namespace {

// Sensors on slow buses take milliseconds to read.
constexpr absl::Duration kReadInterval = absl::Milliseconds(50);
// gRPC, HTTP/2, TLS, TCP and IP around chunks of 256 KiB: about 3 %; and a TLS
// handshake with certificates of both sides.
constexpr double kFramingFactor = 1.03;
constexpr double kHandshakeBytes = 8192;

}  // namespace

double WireBytes(const Work& work) {
  return kFramingFactor * (work.bytes_received + work.bytes_sent) +
         kHandshakeBytes * work.connections;
}

Spending::Spending(const Clock& clock, EnergyMeter* meter,
                   EnergyEstimator& estimator, WorkPace& pace)
    : clock_(clock),
      meter_(meter),
      estimator_(estimator),
      pace_(pace),
      start_(clock.Monotonic()),
      time_of_reading_(start_) {
  ReadMeter(0);
  stretch_is_measured_ = reading_.has_value();
}

void Spending::Update(const Work& done, bool metered) {
  Advance(done, metered,
          clock_.Monotonic() - time_of_reading_ >= kReadInterval);
}

void Spending::Advance(const Work& done, bool metered, bool read_meter) {
  const absl::Duration time = clock_.Monotonic();
  Work now = done;
  now.seconds = absl::ToDoubleSeconds(time - start_);
  if (metered || last_metered_) {
    spent_.metered_bytes += WireBytes(now - last_);
  }
  last_ = now;
  last_metered_ = metered;
  double since_reading = estimator_.Predict(now - work_at_reading_);
  if (read_meter) {
    calculated_joules_ += since_reading;
    measured_joules_ += ReadMeter(since_reading);
    time_of_reading_ = time;
    work_at_reading_ = now;
    since_reading = 0;
  }
  // A meter that moves in large steps, or has not moved at all, may be behind.
  const bool trusted =
      measured_joules_ > 0 && meter_ != nullptr && !meter_->coarse();
  spent_.joules = since_reading +
                  (trusted ? measured_joules_
                           : std::max(measured_joules_, calculated_joules_));
}

double Spending::ReadMeter(double calculated) {
  if (meter_ == nullptr) return calculated;
  const absl::StatusOr<double> reading = meter_->Joules();
  const std::optional<double> before = std::exchange(reading_, std::nullopt);
  if (!reading.ok()) {
    meter_fault_ = std::string(reading.status().message());
    stretch_is_measured_ = false;
    return calculated;
  }
  reading_ = *reading;
  return before.has_value() ? *reading - *before : calculated;
}

void Spending::EndStretch(const Work& done, bool metered, bool teaches) {
  Advance(done, metered, /*read_meter=*/true);
  const Work stretch = last_ - stretch_start_;
  if (teaches) pace_.Observe(stretch);
  if (teaches && stretch_is_measured_ && !meter_->coarse()) {
    estimator_.Observe(stretch, spent_.joules - joules_at_stretch_start_);
  }
  stretch_start_ = last_;
  joules_at_stretch_start_ = spent_.joules;
  stretch_is_measured_ = reading_.has_value();
}

}  // namespace shoal::client
