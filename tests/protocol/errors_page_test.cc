#include "protocol/errors_page.h"

#include <cstdlib>

#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

TEST(ErrorsPageTest, TheCommittedPageIsTheGeneratedOne) {
  const char* source = std::getenv("SHOAL_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run this test through ctest";
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const std::string committed,
      ReadFile(std::string(source) + "/docs/reference/errors.md"));
  EXPECT_EQ(committed, ErrorsPage())
      << "regenerate it: build/release/bin/errors_page "
         "> docs/reference/errors.md";
}

}  // namespace
}  // namespace shoal::protocol
