#include "simulations/stragglers.h"

#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/random.h"

namespace shoal::simulations {
namespace {

// Trainings of rounds that are older have begun long ago.
constexpr size_t kKeptRounds = 64;

class Stragglers {
 public:
  explicit Stragglers(const StragglerOptions& options)
      : options_(options),
        num_active_(
            std::lround((1 - options.fraction) * options.devices_per_round)) {
    SHOAL_CHECK(options.devices_per_round >= 1 && options.min_epochs >= 1 &&
                options.min_epochs <= options.max_epochs);
  }

  std::optional<Straggling> Answer(int64_t round_id, int64_t device) {
    const int64_t place =
        PlaceOf(begun_[round_id], device) % options_.devices_per_round;
    if (begun_.size() > kKeptRounds) begun_.erase(begun_.begin());
    const auto round = static_cast<uint64_t>(round_id);
    SeededRng order_rng(DeriveSeed(options_.seed, "stragglers", {round}));
    std::vector<int64_t> order(options_.devices_per_round);
    std::iota(order.begin(), order.end(), int64_t{0});
    order_rng.Shuffle(absl::MakeSpan(order));
    if (order[place] < num_active_) return std::nullopt;
    SeededRng rng(DeriveSeed(options_.seed, "straggler epochs",
                             {round, static_cast<uint64_t>(place)}));
    const auto more = static_cast<int>(
        rng.Below(options_.max_epochs - options_.min_epochs + 1));
    return Straggling{options_.min_epochs + more, options_.drop};
  }

 private:
  using Places = absl::flat_hash_map<int64_t, int64_t>;  // by device

  static int64_t PlaceOf(Places& places, int64_t device) {
    return places.emplace(device, std::ssize(places)).first->second;
  }

  const StragglerOptions options_;
  const int64_t num_active_;         // of the devices of a round
  std::map<int64_t, Places> begun_;  // by round
};

}  // namespace

StragglerRule MakeStragglers(const StragglerOptions& options) {
  return [stragglers = Stragglers(options)](int64_t round_id,
                                            int64_t device) mutable {
    return stragglers.Answer(round_id, device);
  };
}

}  // namespace shoal::simulations
