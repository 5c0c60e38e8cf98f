#include "simulations/load/load_fleet.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/random.h"
#include "client/transport/grpc_channel.h"

namespace shoal::simulations {
namespace {

// A loop does thousands of calls per second.
constexpr int kMaxCrews = 4;
// In which all devices come for the first time, as in virtual time.
constexpr absl::Duration kFirstCheckIns = absl::Seconds(1);
// How often standstill is looked for.
constexpr absl::Duration kLookInterval = absl::Seconds(1);
// How often an end is looked for.
constexpr absl::Duration kEndInterval = absl::Milliseconds(5);

}  // namespace

LoadFleet::LoadFleet(const LoadFleetOptions& options)
    : pool_(std::make_unique<ThreadPool>(options.training_threads)) {
  site_.population = options.population;
  site_.population_name = options.population_name;
  site_.seed = options.seed;
  site_.coordinator = options.coordinator;
  site_.pool = pool_.get();
  site_.log = &log_;
  site_.clock = &clock_;
  site_.start = clock_.Monotonic();
  for (int i = 0; i < options.connections; ++i) {
    stubs_.push_back(v1::Fleet::NewStub(
        client::MakeChannel(options.coordinator, /*tls=*/nullptr)));
  }
  for (int i = 0; i < std::min(options.connections, kMaxCrews); ++i) {
    crews_.push_back(std::make_unique<Crew>());
  }
  SeededRng rng(DeriveSeed(options.seed, "first check-in"));
  for (int64_t i = 0; i < options.population->num_devices(); ++i) {
    // A connection belongs to one crew.
    const size_t connection = i % stubs_.size();
    Crew& crew = *crews_[connection % crews_.size()];
    crew.devices.push_back(
        std::make_unique<LoadDevice>(site_, crew.loop, *stubs_[connection], i));
    crew.devices.back()->BeginAfter(kFirstCheckIns * rng.Uniform());
  }
  for (const auto& crew : crews_) {
    crew->thread = std::thread([this, &crew = *crew] {
      LookAround(crew);
      crew.loop.Run();
    });
  }
}

LoadFleet::~LoadFleet() { Stop(absl::ZeroDuration()); }

void LoadFleet::LookAround(Crew& crew) {
  for (const auto& device : crew.devices) device->LookAround();
  crew.loop.At(clock_.Monotonic() + kLookInterval,
               [this, &crew] { LookAround(crew); });
}

void LoadFleet::Stop(absl::Duration grace) {
  if (stopped_) return;
  stopped_ = true;
  site_.stopping = true;
  for (const auto& crew : crews_) {
    crew->loop.Post([&crew = *crew] {
      for (const auto& device : crew.devices) device->LookAround();
    });
  }
  const absl::Duration end = clock_.Monotonic() + grace;
  while (site_.sessions_at_work > 0 && clock_.Monotonic() < end) {
    absl::SleepFor(kEndInterval);
  }
  for (const auto& crew : crews_) crew->loop.Stop();
  for (const auto& crew : crews_) crew->thread.join();
  // What it computes is of sessions that are still there.
  pool_->WaitUntilIdle();
  crews_.clear();
}

}  // namespace shoal::simulations
