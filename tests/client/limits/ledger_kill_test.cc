// Kills a process at every system call of keeping the book, on its way in and
// on its way out: between two of them nothing of the book's changes.
#include <sys/mman.h>

#include <filesystem>

#include "base/check.h"
#include "base/file.h"
#include "client/limits/budget_ledger.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/system_call_kill.h"

namespace shoal::client {
namespace {

constexpr double kReserved = 100;
constexpr double kSpent[] = {60, 130};  // of which the second is too much
constexpr Amounts kPerDay = {10'000, kUnlimited};

// What the device has really spent, seen by both processes.
class SharedJoules {
 public:
  SharedJoules()
      : joules_(static_cast<volatile double*>(
            mmap(nullptr, sizeof(double), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    SHOAL_CHECK(joules_ != MAP_FAILED);
  }
  ~SharedJoules() { munmap(const_cast<double*>(joules_), sizeof(double)); }
  volatile double& operator*() const { return *joules_; }

 private:
  volatile double* const joules_;
};

// Two sessions, as a device has them.
void Work(const std::string& path, volatile double& joules) {
  const VirtualClock clock;
  const ClockMoments moments(clock);
  FileRecord record(path, FileRecord::kSynced);
  auto ledger = BudgetLedger::Open({kPerDay}, record, moments);
  SHOAL_CHECK(ledger.ok());
  for (const double session : kSpent) {
    SHOAL_CHECK((*ledger)->Reserve({kReserved, 0}, std::nullopt).ok());
    double spent = 0;
    for (; spent + 10 <= kReserved && spent < session; spent += 10) {
      joules = joules + 10;
    }
    // A mini-batch beyond the reservation is written down before it is known.
    if (spent < session) {
      SHOAL_CHECK((*ledger)->Reserve({session, 0}, std::nullopt).ok());
      joules = joules + (session - spent);
    }
    SHOAL_CHECK((*ledger)->Settle({session, 0}).ok());
  }
}

TEST(LedgerKillTest, NothingSpentIsLostAndAtMostAReservationCountsTooMuch) {
  if (!testing::CanTrace())
    GTEST_SKIP() << "needs ptrace, which is not allowed here";
  const SharedJoules joules;
  int stop = 1;
  for (bool killed = true; killed; ++stop) {
    ASSERT_LT(stop, 5000);
    const TemporaryFolder folder;
    const std::string path = folder.path() + "/budgets.bin";
    *joules = 0;
    killed = testing::KillAtSystemCall(stop, [&] { Work(path, *joules); });

    const VirtualClock clock;
    const ClockMoments moments(clock);
    FileRecord record(path, FileRecord::kSynced);
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto ledger,
                               BudgetLedger::Open({kPerDay}, record, moments));
    const double counted = ledger->state().spent_ever.joules;
    EXPECT_GE(counted, *joules) << "killed at stop " << stop;
    EXPECT_LE(counted, *joules + kReserved) << "killed at stop " << stop;
    EXPECT_EQ(ledger->Left().joules, kPerDay.joules - counted);
    EXPECT_EQ(ledger->opening_note(), "");
    // Nor does a killed process leave anything beside the book.
    for (const auto& entry :
         std::filesystem::directory_iterator(folder.path())) {
      EXPECT_EQ(entry.path().filename(), "budgets.bin");
    }
  }
  EXPECT_GT(stop, 100);  // it was killed at many places
}

}  // namespace
}  // namespace shoal::client
