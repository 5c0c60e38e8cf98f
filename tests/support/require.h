#ifndef SHOAL_TESTS_SUPPORT_REQUIRE_H_
#define SHOAL_TESTS_SUPPORT_REQUIRE_H_

#include <utility>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {

// The value; ends the program, after the test has failed, when there is none.
template <typename T>
T Require(absl::StatusOr<T> value) {
  EXPECT_THAT(value, IsOk());
  SHOAL_CHECK(value.ok());
  return *std::move(value);
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_REQUIRE_H_
