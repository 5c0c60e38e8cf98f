// How many devices a population has, from those seen lately, in constant
// memory: linear counting (Whang, Vander-Zanden, Taylor, "A Linear-Time
// Probabilistic Counting Algorithm for Database Applications", TODS 1990).
#ifndef SHOAL_COORDINATOR_ENGINE_FLEET_SIZE_H_
#define SHOAL_COORDINATOR_ENGINE_FLEET_SIZE_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal::coordinator {

// Counts over two windows in turn: an estimate covers at least one whole
// window, once one has passed. Within 1 % up to a million devices; counts no
// more than about three million. Thread-compatible.
class FleetSize {
 public:
  explicit FleetSize(absl::Duration window) : window_(window) {}

  void Note(absl::string_view device_id, absl::Time now);
  int64_t Estimate() const;  // 0: nobody was seen

 private:
  // One bit per slot, slots chosen by a hash of the id: 32 KiB.
  struct Sketch {
    std::vector<uint64_t> words;
    int64_t ones = 0;
    int64_t Estimate() const;
  };

  const absl::Duration window_;
  absl::Time started_ = absl::InfinitePast();  // the current window
  Sketch current_;
  Sketch previous_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_FLEET_SIZE_H_
