// A SQLite store whose database comes back from backups.
#ifndef SHOAL_TESTS_COORDINATOR_STORE_RESTORE_FIXTURE_H_
#define SHOAL_TESTS_COORDINATOR_STORE_RESTORE_FIXTURE_H_

#include <filesystem>
#include <memory>
#include <string>

#include "coordinator/store/sqlite_store.h"
#include "tests/coordinator/store/private_rounds.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {

class RestoreFixture : public ::testing::Test {
 protected:
  RestoreFixture() { Open(); }

  RoundStore& store() { return *store_; }

  void Open() {
    store_.reset();
    store_ = Require(OpenSqliteStore(path_, &warning_));
  }
  // Of the database alone, while nobody has it open.
  void Backup(const std::string& name) {
    store_.reset();
    Copy(path_, folder_.path() + "/" + name);
    Open();
  }
  void Restore(const std::string& name) {
    store_.reset();
    Copy(folder_.path() + "/" + name, path_);
    Open();
  }
  static void Copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(
        from, to, std::filesystem::copy_options::overwrite_existing);
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/store.db";
  const std::string log_path_ = path_ + ".ledger";
  std::string warning_ = "not yet open";
  std::unique_ptr<RoundStore> store_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_STORE_RESTORE_FIXTURE_H_
