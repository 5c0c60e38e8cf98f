#include "learning/data/text.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/digest.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/data_source.h"
#include "tests/learning/data/files.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::DataDir;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

char Character(int32_t token) {
  if (token == 95) return '\n';
  return token == 96 ? '?' : static_cast<char>(' ' + token);
}

std::string FeatureText(const Dataset& data, int64_t index) {
  std::string text;
  for (const float token : FeaturesOf(data, index)) {
    text.push_back(Character(static_cast<int32_t>(token)));
  }
  return text;
}

std::string LabelText(const Dataset& data, int64_t index) {
  std::vector<int32_t> labels(data.labels_per_example());
  data.CopyLabels(index, absl::MakeSpan(labels));
  std::string text;
  for (const int32_t token : labels) text.push_back(Character(token));
  return text;
}

// "000 001 002 …", four characters a number.
std::string Numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppendFormat(&text, "%03d ", i);
  return text;
}

class TextTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ExamplePool>> Open(absl::string_view contents,
                                                    int length = 4) {
    return OpenText({WriteFile(folder_.path(), "t.txt", contents), length});
  }
  TemporaryFolder folder_;
};

TEST(TextTokenTest, VocabularyIsPrintableAsciiLineEndAndOther) {
  EXPECT_EQ(TextToken(' '), 0);
  EXPECT_EQ(TextToken('A'), 33);
  EXPECT_EQ(TextToken('~'), 94);
  EXPECT_EQ(TextToken('\n'), 95);
  EXPECT_EQ(TextToken('\t'), 96);
  EXPECT_EQ(TextToken(0), 96);
  EXPECT_EQ(TextToken(0x7f), 96);
  EXPECT_EQ(TextToken(0xc3), 96);  // begins a character of UTF-8
  EXPECT_EQ(TextToken(0xa4), -1);  // goes on with it
  EXPECT_EQ(TextToken('\r'), -1);
}

TEST_F(TextTest, LabelsAreTheNextCharacters) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open(Numbers(100)));
  EXPECT_EQ(pool->shape().num_features, 4);
  EXPECT_EQ(pool->shape().num_classes, 97);
  EXPECT_EQ(pool->shape().labels_per_example, 4);
  // The last space is a label alone, and its three digits are left over.
  EXPECT_EQ(pool->num_examples(), 90);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto some, pool->Load({0, 7}));
  ASSERT_EQ(some->num_examples(), 2);
  EXPECT_EQ(FeatureText(*some, 0), "000 ");
  EXPECT_EQ(LabelText(*some, 0), "00 0");
  EXPECT_EQ(FeatureText(*some, 1), "007 ");
  EXPECT_EQ(LabelText(*some, 1), "07 0");
}

TEST_F(TextTest, LastTenthIsHeldOut) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open(Numbers(110)));
  EXPECT_EQ(pool->num_examples(), 99);  // 109 windows
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  ASSERT_EQ(test->num_examples(), 10);
  EXPECT_EQ(FeatureText(*test, 0), "099 ");
  EXPECT_EQ(FeatureText(*test, 9), "108 ");
  EXPECT_EQ(LabelText(*test, 9), "08 1");
}

TEST_F(TextTest, OtherCharactersCountOnceAndCarriageReturnsDoNot) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto pool,
      Open(absl::StrCat("\xEF\xBB\xBF", "a\xC3\xA4\r\nb", Numbers(20))));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, pool->Load({0}));
  EXPECT_EQ(FeatureText(*first, 0), "a?\nb");
}

TEST_F(TextTest, PartsOfATextWithoutSpeakersAreConsecutive) {
  const DataSource source = {
      TextSource{WriteFile(folder_.path(), "t.txt", Numbers(100)), 4}};
  for (const std::optional<Partition>& partition :
       {std::optional<Partition>(),
        std::optional<Partition>(NaturalPartition{})}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto data,
                               FederatedData::Open(source, partition, 3, 7));
    EXPECT_EQ(data->shape().natural_devices, 0);
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto second, data->LoadDevice(1));
    ASSERT_EQ(second->num_examples(), 30);
    EXPECT_EQ(FeatureText(*second, 0), "030 ");
    EXPECT_EQ(FeatureText(*second, 29), "059 ");
  }
}

// Two who say enough, one who does not, and a stage direction before all.
constexpr char kPlay[] =
    "Enter all.\n"
    "\n"
    "ROMEO:\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
    "\n"
    "Nurse:\n"
    "short\n"
    "\n"
    "\n"
    "JULIET:\n"
    "\n"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
    "He said:\n"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
    "\n"
    "ROMEO:\n"
    "cccccccccc";

TEST_F(TextTest, SpeakersAreNaturalDevices) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open(kPlay));
  EXPECT_EQ(pool->shape().natural_devices, 2);
  EXPECT_TRUE(pool->shape().natural_is_default);
  EXPECT_TRUE(pool->groups().empty());
  // ROMEO: 46 characters, 11 windows, one held out. JULIET: 81, 20 windows, 2.
  const auto owners = pool->owners();
  ASSERT_EQ(owners.size(), 10u + 18u);
  EXPECT_EQ(owners[0], 0);
  EXPECT_EQ(owners[9], 0);
  EXPECT_EQ(owners[10], 1);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto some, pool->Load({8, 9, 10, 19}));
  EXPECT_EQ(FeatureText(*some, 0), "aaa\n");  // the first speech ends
  EXPECT_EQ(FeatureText(*some, 1), "cccc");   // and the second begins
  EXPECT_EQ(FeatureText(*some, 2), "bbbb");
  EXPECT_EQ(FeatureText(*some, 3), "He s");
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  ASSERT_EQ(test->num_examples(), 3);
  EXPECT_EQ(FeatureText(*test, 0), "cccc");
  EXPECT_EQ(FeatureText(*test, 1), "bbbb");
}

TEST_F(TextTest, NamesThatDivideTooLittleAreText) {
  // One of a hundred lines is a heading.
  std::string text = "Contents:\nnothing\n\nNote:\n";
  absl::StrAppend(&text, Numbers(50), "\n");
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open(text));
  EXPECT_EQ(pool->shape().natural_devices, 0);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, pool->Load({0, 4}));
  EXPECT_EQ(FeatureText(*first, 0), "Cont");
  EXPECT_EQ(FeatureText(*first, 1), "g\n\nN");
}

TEST_F(TextTest, LinesThatAreTooLongAreNoNames) {
  const std::string name(64, 'N');
  const auto play = [&](const std::string& second) {
    return absl::StrCat(name, ":\n", Numbers(20), "\n\n", second, ":\n",
                        Numbers(20));
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto two, Open(play(std::string(64, 'M'))));
  EXPECT_EQ(two->shape().natural_devices, 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto one, Open(play(std::string(65, 'M'))));
  EXPECT_EQ(one->shape().natural_devices, 0);
}

TEST_F(TextTest, GzippedTextsAreRead) {
  const std::string path =
      WriteFile(folder_.path(), "t.txt.gz", Gzip(Numbers(100)));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenText({path, 4}));
  EXPECT_EQ(pool->num_examples(), 90);
}

TEST_F(TextTest, BadInputIsRefused) {
  EXPECT_THAT(OpenText({folder_.path() + "/absent.txt", 4}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("absent.txt")));
  EXPECT_THAT(Open(""), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("t.txt: 0 characters are too few")));
  EXPECT_THAT(Open(Numbers(10)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("40 characters are too few, expected at least "
                                 "41 for 10 windows of 4")));
  EXPECT_THAT(Open(std::string(500, '\x01')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("500 of 500 characters are neither")));
  for (const int length : {0, -1, 65537}) {
    EXPECT_THAT(Open(Numbers(100), length),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 1 to 65536")));
  }
}

TEST_F(TextTest, DigestIsChecked) {
  SHOAL_ASSERT_OK(Open(Numbers(100)));
  WriteFile(folder_.path(), "SHA256SUMS",
            absl::StrCat(Sha256("other").ToHex(), "  t.txt\n"));
  EXPECT_THAT(Open(Numbers(100)), StatusIs(absl::StatusCode::kDataLoss,
                                           HasSubstr("SHA256SUMS says")));
}

TEST_F(TextTest, FileThatChangedIsDataLoss) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, Open(kPlay));
  for (const std::string& other :
       {Numbers(100), absl::StrCat(kPlay, "c"),
        absl::StrCat(kPlay, "\n\nFRIAR:\nhello\n")}) {
    WriteFile(folder_.path(), "t.txt", other);
    EXPECT_THAT(pool->LoadTest(),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("changed")));
  }
}

TEST(TinyShakespeareTest, HundredFiftySixSpeakersSayEnough) {
  const std::string path = DataDir() + "/tiny_shakespeare/input.txt";
  SHOAL_SKIP_WITHOUT(path);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pool, OpenText({path}));
  EXPECT_EQ(pool->shape().natural_devices, 156);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, pool->LoadTest());
  EXPECT_EQ(pool->num_examples() + test->num_examples(), 12295);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, pool->Load({0}));
  EXPECT_EQ(FeatureText(*first, 0),
            "Before we proceed any further, hear me speak.\n"
            "You are all resolved rather to die");
}

}  // namespace
}  // namespace shoal::learning
