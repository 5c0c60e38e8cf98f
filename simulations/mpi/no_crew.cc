// In the place of mpi_crew.cc where Shoal is built without MPI.
#include "simulations/mpi/mpi_crew.h"

namespace shoal::simulations {

std::unique_ptr<Crew> JoinCrew() { return nullptr; }

}  // namespace shoal::simulations
