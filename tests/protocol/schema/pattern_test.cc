#include "protocol/schema/pattern.h"

#include <regex>
#include <string>

#include "base/random.h"
#include "gtest/gtest.h"
#include "protocol/schema/tables.h"

namespace shoal::protocol::schema {
namespace {

TEST(PatternTest, SetsAndRepetitionsMatchInFull) {
  const absl::string_view name = "[a-z0-9][a-z0-9_.-]{0,62}";
  EXPECT_TRUE(Matches("a", name));
  EXPECT_TRUE(Matches("pumps_north.7-b", name));
  EXPECT_TRUE(Matches(std::string(63, 'x'), name));
  EXPECT_FALSE(Matches(std::string(64, 'x'), name));
  EXPECT_FALSE(Matches("", name));
  EXPECT_FALSE(Matches("-a", name));
  EXPECT_FALSE(Matches("a b", name));
  EXPECT_FALSE(Matches("A", name));
}

TEST(PatternTest, StarsMatchAnyNumber) {
  EXPECT_TRUE(Matches("", "[ -~]*"));
  EXPECT_TRUE(Matches("any text ~", "[ -~]*"));
  EXPECT_FALSE(Matches("tab\t", "[ -~]*"));
  EXPECT_FALSE(Matches("ü", "[ -~]*"));
}

TEST(PatternTest, ChoicesMatchTheirWords) {
  EXPECT_TRUE(Matches("debug", "debug|info"));
  EXPECT_TRUE(Matches("info", "debug|info"));
  EXPECT_FALSE(Matches("debug|info", "debug|info"));
  EXPECT_FALSE(Matches("inf", "debug|info"));
  EXPECT_FALSE(Matches("", "debug|info"));
}

TEST(PatternTest, PatternsThatAreNotUnderstoodAreBugs) {
  EXPECT_DEATH(Matches("a", "(a)"), "check failed");
  EXPECT_DEATH(Matches("a", "[^a]"), "check failed");
  EXPECT_DEATH(Matches("a", "[a"), "check failed");
  EXPECT_DEATH(Matches("a", "[a]\\d"), "check failed");
}

// Every pattern of the schema means what it means as a regular expression.
TEST(PatternTest, PatternsOfTheSchemaAreRegularExpressions) {
  SeededRng rng(7);
  constexpr absl::string_view kCharacters = "az09_.-~ A|\t";
  for (const absl::string_view pattern : kPatterns) {
    if (pattern.empty()) continue;
    const std::regex regex{std::string(pattern)};
    for (int i = 0; i < 2000; ++i) {
      std::string text(rng.Below(i % 50 == 0 ? 80 : 5), ' ');
      for (char& c : text) c = kCharacters[rng.Below(kCharacters.size())];
      EXPECT_EQ(Matches(text, pattern), std::regex_match(text, regex))
          << pattern << " and '" << text << "'";
    }
  }
}

}  // namespace
}  // namespace shoal::protocol::schema
