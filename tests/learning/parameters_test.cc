#include "learning/parameters.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

using namespace std::string_literals;

TEST(TensorShapeTest, ValuesAreTheProductOfTheDimensions) {
  EXPECT_EQ((TensorShape{"w", {3, 4, 5}}.num_values()), 60);
  EXPECT_EQ((TensorShape{"b", {7}}.num_values()), 7);
}

TEST(TensorShapeTest, LargeProductsDoNotOverflow) {
  EXPECT_EQ((TensorShape{"w", {1 << 20, 1 << 20}}.num_values()),
            int64_t{1} << 40);
}

TEST(ParameterLayoutTest, TensorsLieOneBehindTheOther) {
  const ParameterLayout layout({{"a", {2, 3}}, {"b", {3}}, {"c", {4}}});
  EXPECT_EQ(layout.offset(0), 0);
  EXPECT_EQ(layout.offset(1), 6);
  EXPECT_EQ(layout.offset(2), 9);
  EXPECT_EQ(layout.num_parameters(), 13);
}

TEST(ParameterLayoutTest, EmptyLayoutHasNoParameters) {
  EXPECT_EQ(ParameterLayout().num_parameters(), 0);
}

TEST(ParameterLayoutTest, EncodingIsAsDocumented) {
  EXPECT_EQ(ParameterLayout({{"ab", {2, 3}}}).Encode(),
            "\1\0\0\0"
            "\2\0\0\0ab"
            "\2\0\0\0"
            "\2\0\0\0\0\0\0\0"
            "\3\0\0\0\0\0\0\0"s);
}

TEST(ParameterLayoutTest, EqualLayoutsHaveEqualFingerprints) {
  EXPECT_EQ(ParameterLayout({{"a", {2, 3}}}).Fingerprint(),
            ParameterLayout({{"a", {2, 3}}}).Fingerprint());
}

TEST(ParameterLayoutTest, NamesShapesAndOrderAllCountInTheFingerprint) {
  const Digest digest =
      ParameterLayout({{"a", {2, 3}}, {"b", {1}}}).Fingerprint();
  EXPECT_NE(digest, ParameterLayout({{"x", {2, 3}}, {"b", {1}}}).Fingerprint());
  EXPECT_NE(digest, ParameterLayout({{"a", {3, 2}}, {"b", {1}}}).Fingerprint());
  EXPECT_NE(digest, ParameterLayout({{"a", {6}}, {"b", {1}}}).Fingerprint());
  EXPECT_NE(digest, ParameterLayout({{"b", {1}}, {"a", {2, 3}}}).Fingerprint());
  EXPECT_NE(digest, ParameterLayout({{"a", {2, 3}}}).Fingerprint());
}

TEST(ParameterLayoutTest, TheFirstDifferenceIsNamed) {
  const ParameterLayout expected({{"a", {2, 3}}, {"b", {1}}});
  EXPECT_EQ(DifferenceOf(expected, expected), "");
  EXPECT_EQ(
      DifferenceOf(ParameterLayout({{"a", {2, 3}}, {"b", {4}}}), expected),
      "tensor 2 is b [4], expected b [1]");
  EXPECT_EQ(
      DifferenceOf(ParameterLayout({{"c", {2, 3}}, {"b", {1}}}), expected),
      "tensor 1 is c [2, 3], expected a [2, 3]");
  EXPECT_EQ(DifferenceOf(ParameterLayout({{"a", {2, 3}}}), expected),
            "tensor 2 is the end, expected b [1]");
  EXPECT_EQ(DifferenceOf(expected, ParameterLayout({{"a", {2, 3}}})),
            "tensor 2 is b [1], expected the end");
}

}  // namespace
}  // namespace shoal::learning
