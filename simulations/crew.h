// Several processes that run one simulation together, maybe on several
// machines. Each handles all events, which are the same for all; of the
// trainings each computes a part and tells the others what came of it. So what
// comes of the simulation depends neither on how many they are nor on which
// computed what.
#ifndef SHOAL_SIMULATIONS_CREW_H_
#define SHOAL_SIMULATIONS_CREW_H_

#include <string>

namespace shoal::simulations {

// Used by the simulation's thread alone.
class Crew {
 public:
  virtual ~Crew() = default;

  // [0, size()). The first speaks with the user and writes the results.
  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool is_first() const { return rank() == 0; }

  // Called by all in the same order, with the same `sender`: returns the
  // sender's bytes to everyone. There is no error: a crew that loses a process
  // is ended as a whole.
  virtual std::string Broadcast(int sender, std::string bytes) = 0;

  // Ends all processes at once: this one cannot go on, and the others would
  // wait for it.
  [[noreturn]] virtual void End(int exit_code) = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_CREW_H_
