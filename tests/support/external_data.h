// Where tests find reference values and real data that are not part of the
// project. A test that needs them says so and is skipped when they are absent.
#ifndef SHOAL_TESTS_SUPPORT_EXTERNAL_DATA_H_
#define SHOAL_TESTS_SUPPORT_EXTERNAL_DATA_H_

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace shoal::testing {

inline std::string FolderFromEnvironment(const char* variable) {
  const char* folder = std::getenv(variable);
  return folder != nullptr ? folder : "";
}

// SHOAL_DATA_DIR: folders such as mnist/ and uci_har/.
inline std::string DataDir() { return FolderFromEnvironment("SHOAL_DATA_DIR"); }

// SHOAL_REFERENCE_DIR: values from published implementations.
inline std::string ReferenceDir() {
  return FolderFromEnvironment("SHOAL_REFERENCE_DIR");
}

}  // namespace shoal::testing

// Skips the running test, by name, when `path` does not exist.
#define SHOAL_SKIP_WITHOUT(path)                                  \
  if (!std::filesystem::exists(path)) {                           \
    GTEST_SKIP() << "needs " << (path) << ", which is not there"; \
  }

#endif  // SHOAL_TESTS_SUPPORT_EXTERNAL_DATA_H_
