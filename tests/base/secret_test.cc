#include "base/secret.h"

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace shoal {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);
static_assert(!Printable<Secret>);

TEST(SecretTest, RevealsWhatItWasGiven) {
  Secret secret(std::string("key material"));
  EXPECT_FALSE(secret.empty());
  EXPECT_EQ(secret.Reveal(), "key material");
}

TEST(SecretTest, SourceIsWiped) {
  std::string source(64, 'k');
  const char* bytes = source.data();
  Secret secret(std::move(source));
  EXPECT_TRUE(source.empty());
  // The string keeps its buffer: what was in it must be gone.
  source.reserve(64);
  ASSERT_EQ(source.data(), bytes);
  EXPECT_EQ(std::string(bytes + 1, 62).find('k'), std::string::npos);
}

TEST(SecretTest, MovedFromSecretIsEmpty) {
  Secret first(std::string("key"));
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second.Reveal(), "key");
  Secret third;
  EXPECT_TRUE(third.empty());
  third = std::move(second);
  EXPECT_TRUE(second.empty());
  EXPECT_EQ(third.Reveal(), "key");
}

TEST(SecretTest, SelfMoveKeepsTheSecret) {
  Secret secret(std::string("key"));
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.Reveal(), "key");
}

TEST(SecretTest, CopyIsIndependent) {
  Secret first(std::string("key"));
  const Secret second = first.Copy();
  first = Secret();
  EXPECT_EQ(second.Reveal(), "key");
}

}  // namespace
}  // namespace shoal
