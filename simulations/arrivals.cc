#include "simulations/arrivals.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/random.h"

namespace shoal::simulations {
namespace {

class EveryDevice final : public Arrivals {
 public:
  EveryDevice(const ArrivalSite& site, absl::Duration window)
      : site_(site), window_(window) {}

  void Start(absl::Time now) override {
    SeededRng rng(DeriveSeed(site_.seed, "first check-in"));
    for (int64_t i = 0; i < site_.population->num_devices(); ++i) {
      Plan(i, now + window_ * rng.Uniform());
    }
  }

  void OnIdle(int64_t device, absl::Time now, absl::Duration delay) override {
    Plan(device, now + delay);
  }

  void OnRound(const coordinator::RoundStanding&, absl::Time) override {}

 private:
  void Plan(int64_t device, absl::Time time) {
    const absl::Time next = site_.population->NextAvailable(device, time);
    if (next < absl::InfiniteFuture()) site_.plan({next, device});
  }

  const ArrivalSite site_;
  const absl::Duration window_;
};

class Thinned final : public Arrivals {
 public:
  Thinned(const ArrivalSite& site, absl::Duration interval)
      : site_(site),
        rng_(DeriveSeed(site.seed, "arrivals")),
        mean_gap_(interval /
                  static_cast<double>(site.population->num_devices())) {}

  void Start(absl::Time) override {}
  void OnIdle(int64_t, absl::Time, absl::Duration) override {}

  void OnRound(const coordinator::RoundStanding& round,
               absl::Time now) override {
    if (round.free_places == 0) {
      next_ = absl::InfiniteFuture();
      return;
    }
    if (next_ == absl::InfiniteFuture()) next_ = now + Gap();
    while (next_ <= now) {
      const auto device =
          static_cast<int64_t>(rng_.Below(site_.population->num_devices()));
      if (!site_.is_busy(device) &&
          site_.population->AvailableUntil(device, next_) > next_) {
        site_.plan({next_, device});
      }
      next_ += Gap();
    }
  }

  absl::Time next() const override { return next_; }

 private:
  // Exponential; never nothing.
  absl::Duration Gap() {
    return std::max(mean_gap_ * -std::log1p(-rng_.Uniform()),
                    absl::Nanoseconds(1));
  }

  const ArrivalSite site_;
  SeededRng rng_;
  const absl::Duration mean_gap_;
  absl::Time next_ = absl::InfiniteFuture();
};

class Scheduled final : public Arrivals {
 public:
  Scheduled(const ArrivalSite& site, std::vector<std::vector<int64_t>> rounds)
      : site_(site), rounds_(std::move(rounds)) {}

  void Start(absl::Time) override {}
  void OnIdle(int64_t device, absl::Time now, absl::Duration) override {
    if (late_.erase(device) > 0) site_.plan({now, device});
  }

  void OnRound(const coordinator::RoundStanding& round,
               absl::Time now) override {
    if (round.id == 0 || round.id == last_round_) return;
    last_round_ = round.id;
    late_.clear();
    const std::vector<int64_t>& devices = rounds_[attempts_ % rounds_.size()];
    ++attempts_;
    for (const int64_t device : devices) {
      if (site_.is_busy(device)) {
        late_.insert(device);
      } else {
        site_.plan({now, device});
      }
    }
  }

 private:
  const ArrivalSite site_;
  const std::vector<std::vector<int64_t>> rounds_;
  int64_t last_round_ = 0;
  size_t attempts_ = 0;
  std::set<int64_t> late_;  // still busy with an earlier round
};

}  // namespace

std::unique_ptr<Arrivals> MakeEveryDevice(const ArrivalSite& site,
                                          absl::Duration window) {
  return std::make_unique<EveryDevice>(site, window);
}

std::unique_ptr<Arrivals> MakeThinned(const ArrivalSite& site,
                                      absl::Duration interval) {
  return std::make_unique<Thinned>(site, interval);
}

std::unique_ptr<Arrivals> MakeScheduled(
    const ArrivalSite& site, std::vector<std::vector<int64_t>> rounds) {
  return std::make_unique<Scheduled>(site, std::move(rounds));
}

}  // namespace shoal::simulations
