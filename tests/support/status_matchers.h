// gMock matchers for absl::Status and absl::StatusOr.
//
//   EXPECT_THAT(store.Commit(row), IsOk());
//   EXPECT_THAT(Parse("x"), StatusIs(absl::StatusCode::kInvalidArgument,
//                                    HasSubstr("expected")));
//   EXPECT_THAT(Parse("1"), IsOkAndHolds(1));
#ifndef SHOAL_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define SHOAL_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::testing {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P(StatusIs, code, "has the expected status code") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher,
           "has the expected status code and message") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message_matcher,
                                       std::string(StatusOf(arg).message()),
                                       result_listener);
}

MATCHER_P(IsOkAndHolds, value_matcher, "is OK and holds") {
  if (!arg.ok()) {
    *result_listener << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

}  // namespace shoal::testing

#define SHOAL_ASSERT_OK(expression) \
  ASSERT_THAT((expression), ::shoal::testing::IsOk())
#define SHOAL_EXPECT_OK(expression) \
  EXPECT_THAT((expression), ::shoal::testing::IsOk())
#define SHOAL_ASSERT_OK_AND_ASSIGN(target, expression)                         \
  SHOAL_ASSERT_OK_AND_ASSIGN_IMPL_(SHOAL_TEST_CONCAT_(shoal_value_, __LINE__), \
                                   target, expression)
#define SHOAL_ASSERT_OK_AND_ASSIGN_IMPL_(holder, target, expression) \
  auto holder = (expression);                                        \
  ASSERT_THAT(holder, ::shoal::testing::IsOk());                     \
  target = *std::move(holder)
#define SHOAL_TEST_CONCAT_(a, b) SHOAL_TEST_CONCAT_INNER_(a, b)
#define SHOAL_TEST_CONCAT_INNER_(a, b) a##b

#endif  // SHOAL_TESTS_SUPPORT_STATUS_MATCHERS_H_
