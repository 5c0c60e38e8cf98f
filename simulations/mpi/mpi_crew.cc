#include "simulations/mpi/mpi_crew.h"

#include <mpi.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "base/check.h"

namespace shoal::simulations {
namespace {

// MPI counts with an int.
constexpr int64_t kPiece = int64_t{1} << 30;

// What mpirun (Open MPI, MPICH) and srun leave in the environment.
constexpr const char* kTraces[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                                   "PMIX_RANK"};

class MpiCrew final : public Crew {
 public:
  MpiCrew() {
    int provided = 0;
    // Errors end all processes with a message: MPI_ERRORS_ARE_FATAL.
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    SHOAL_CHECK(provided >= MPI_THREAD_FUNNELED);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  ~MpiCrew() override { MPI_Finalize(); }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::string Broadcast(int sender, std::string bytes) override {
    auto size = static_cast<uint64_t>(bytes.size());
    MPI_Bcast(&size, 1, MPI_UINT64_T, sender, MPI_COMM_WORLD);
    bytes.resize(size);
    for (int64_t done = 0; done < static_cast<int64_t>(size); done += kPiece) {
      const int64_t count = std::min(kPiece, static_cast<int64_t>(size) - done);
      MPI_Bcast(bytes.data() + done, static_cast<int>(count), MPI_BYTE, sender,
                MPI_COMM_WORLD);
    }
    return bytes;
  }

  [[noreturn]] void End(int exit_code) override {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::abort();  // MPI_Abort does not return
  }

 private:
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace

std::unique_ptr<Crew> JoinCrew() {
  for (const char* trace : kTraces) {
    if (std::getenv(trace) != nullptr) return std::make_unique<MpiCrew>();
  }
  return nullptr;
}

}  // namespace shoal::simulations
