// The processes that mpirun, or Slurm, has started together.
#ifndef SHOAL_SIMULATIONS_MPI_MPI_CREW_H_
#define SHOAL_SIMULATIONS_MPI_MPI_CREW_H_

#include <memory>

#include "simulations/crew.h"

namespace shoal::simulations {

// Null when this process was started alone. At most once; MPI ends when the
// crew dies, which waits for the others.
std::unique_ptr<Crew> JoinCrew();

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_MPI_MPI_CREW_H_
