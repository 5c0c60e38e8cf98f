// Devices that do a part of their work only, as published experiments have
// them: so many of every round, whatever they are. (Slow processors and links,
// deadlines and budgets make stragglers too, as in deployment.)
#ifndef SHOAL_SIMULATIONS_STRAGGLERS_H_
#define SHOAL_SIMULATIONS_STRAGGLERS_H_

#include <cstdint>
#include <functional>
#include <optional>

namespace shoal::simulations {

// What a straggler does of a training.
struct Straggling {
  int epochs = 1;      // of those that the task asks for, >= 1
  bool drops = false;  // then nothing is heard of it any more
};

// Asked about every training that begins, in the order of events; nothing: the
// device is no straggler.
using StragglerRule =
    std::function<std::optional<Straggling>(int64_t round_id, int64_t device)>;

struct StragglerOptions {
  double fraction = 0;  // [0, 1]: of every round's devices
  int min_epochs = 1;   // >= 1
  int max_epochs = 1;   // >= min_epochs
  bool drop = false;
  int devices_per_round = 1;  // assigned to a round, >= 1
  uint64_t seed = 0;
};

// Of the devices of a round all but round((1 - fraction) devices_per_round) are
// stragglers, whose epochs are uniform between the fewest and the most (Li et
// al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, section
// 5.2). It depends on the seed, the round and a device's place among those that
// have begun to train in the round; it keeps its place when it begins again,
// after it has vanished. With further ones, who have taken the places of
// others, places are counted anew. One thread.
StragglerRule MakeStragglers(const StragglerOptions& options);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_STRAGGLERS_H_
