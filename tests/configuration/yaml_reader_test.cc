#include "configuration/yaml_reader.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/v1/configuration.pb.h"

namespace shoal::configuration {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// What ReadYaml and the rules say about a document, "" when nothing.
template <typename Message>
std::string Errors(absl::string_view text) {
  FileReport report("f.yaml");
  Message message;
  ReadYaml(text, message, report);
  AddRuleViolations(message, "", report);
  return std::string(report.ToStatus().message());
}

template <typename Message>
Message Read(absl::string_view text) {
  FileReport report("f.yaml");
  Message message;
  ReadYaml(text, message, report);
  EXPECT_TRUE(report.ok()) << report.ToStatus();
  return message;
}

TEST(YamlReaderTest, ReadsEveryKindOfValue) {
  const auto config = Read<v1::CoordinatorConfig>(
      "data: /var/lib/shoal\n"
      "log_json: true\n"
      "worker_threads: 4\n"
      "upload_memory: 32MiB\n"
      "device_certificate_lifetime: 90d\n"
      "commit: {max_delay: 250ms}\n");
  EXPECT_EQ(config.data(), "/var/lib/shoal");
  EXPECT_TRUE(config.log_json());
  EXPECT_EQ(config.worker_threads(), 4u);
  EXPECT_EQ(config.upload_memory(), uint64_t{32} << 20);
  EXPECT_EQ(config.device_certificate_lifetime().seconds(), 90 * 86400);
  EXPECT_EQ(config.commit().max_delay().nanos(), 250'000'000);
}

TEST(YamlReaderTest, ReadsListsAndEnergies) {
  const auto task = Read<v1::Task>(
      "model: {mlp: {hidden: [200, 100]}}\n"
      "device_limits: {energy_per_round: 200mJ}\n"
      "seed: 18446744073709551615\n");
  ASSERT_EQ(task.model().mlp().hidden_size(), 2);
  EXPECT_EQ(task.model().mlp().hidden(1), 100u);
  EXPECT_DOUBLE_EQ(task.device_limits().energy_per_round(), 0.2);
  EXPECT_EQ(task.seed(), 18446744073709551615u);
}

TEST(YamlReaderTest, AMappingMayBeLeftEmpty) {
  EXPECT_TRUE(
      Read<v1::Population>("partition:\n  iid:\n").partition().has_iid());
}

TEST(YamlReaderTest, WhatIsAbsentIsNotSet) {
  const auto config = Read<v1::CoordinatorConfig>("data: d\n");
  EXPECT_FALSE(config.has_worker_threads());
  EXPECT_FALSE(config.has_tls());
}

TEST(YamlReaderTest, AnUnknownKeyIsMetWithTheNearestOne) {
  EXPECT_EQ(Errors<v1::Share>("devices: 3\nindx: 1\n"),
            "f.yaml:2: indx: unknown key, did you mean index?");
}

TEST(YamlReaderTest, AnUnknownKeyThatIsLikeNoneIsMetWithTheList) {
  EXPECT_EQ(Errors<v1::Share>("devices: 3\nzebra: 1\n"),
            "f.yaml:2: zebra: unknown key, expected one of index, devices");
}

TEST(YamlReaderTest, AMisspeltRequiredKeyIsOneErrorNotTwo) {
  EXPECT_EQ(Errors<v1::Share>("devces: 3\n"),
            "f.yaml:1: devces: unknown key, did you mean devices?");
}

TEST(YamlReaderTest, AMisspeltChoiceIsOneErrorNotTwo) {
  EXPECT_EQ(Errors<v1::Population>("devices: 1\n"
                                   "data:\n"
                                   "  mnits: {path: d}\n"),
            "f.yaml:3: data.mnits: unknown key, did you mean mnist?");
}

TEST(YamlReaderTest, ARepeatedKeyNamesTheFirst) {
  EXPECT_EQ(Errors<v1::Share>("devices: 3\nindex: 1\ndevices: 4\n"),
            "f.yaml:3: devices: given twice, first on line 1, expected once");
}

TEST(YamlReaderTest, TwoMembersOfAChoiceAreRefused) {
  EXPECT_EQ(Errors<v1::Population>("devices: 1\n"
                                   "data: {handwriting: {}}\n"
                                   "partition:\n"
                                   "  iid: {}\n"
                                   "  natural: {}\n"),
            "f.yaml:5: partition.natural: given beside iid, expected only one "
            "of iid, dirichlet, natural");
}

TEST(YamlReaderTest, TypesAreCompared) {
  EXPECT_EQ(Errors<v1::Share>("devices: many\n"),
            "f.yaml:1: devices: cannot read 'many', expected a whole number "
            "from 1 to 10000000");
  EXPECT_EQ(Errors<v1::Share>("devices: \"3\"\n"),
            "f.yaml:1: devices: cannot read the quoted text '3', expected a "
            "whole number from 1 to 10000000");
  EXPECT_EQ(Errors<v1::Share>("devices: 2.5\n"),
            "f.yaml:1: devices: cannot read '2.5', expected a whole number "
            "from 1 to 10000000");
  EXPECT_EQ(Errors<v1::Share>("devices: [3]\n"),
            "f.yaml:1: devices: a list, expected a whole number from 1 to "
            "10000000");
  EXPECT_EQ(Errors<v1::Share>("devices:\n"),
            "f.yaml:1: devices: nothing, expected a whole number from 1 to "
            "10000000");
  EXPECT_THAT(Errors<v1::AgentConfig>("insecure: yes\n"),
              StartsWith("f.yaml:1: insecure: cannot read 'yes', expected true "
                         "or false\n"));
}

TEST(YamlReaderTest, AMappingIsNotAScalarNorAList) {
  EXPECT_THAT(Errors<v1::Scenario>("task: digits\n"),
              HasSubstr("f.yaml:1: task: 'digits', expected a mapping\n"));
  EXPECT_THAT(Errors<v1::Scenario>("task: [1]\n"),
              HasSubstr("f.yaml:1: task: a list, expected a mapping\n"));
}

TEST(YamlReaderTest, AListIsNotAScalarAndItsElementsAreChecked) {
  EXPECT_THAT(Errors<v1::Task>("model:\n  mlp:\n    hidden: 200\n"),
              HasSubstr("f.yaml:3: model.mlp.hidden: '200', expected a list, "
                        "each element a whole number from 1 to 65536"));
  EXPECT_THAT(Errors<v1::Task>("model:\n  mlp:\n    hidden:\n"
                               "      - 200\n      - x\n      - 0\n"),
              HasSubstr("f.yaml:5: model.mlp.hidden[1]: cannot read 'x', "
                        "expected a whole number from 1 to 65536"));
}

TEST(YamlReaderTest, NumbersOutOfRangeNameTheRange) {
  EXPECT_EQ(Errors<v1::Share>("devices: -3\n"),
            "f.yaml:1: devices: -3 is out of range, expected a whole number "
            "from 1 to 10000000");
  EXPECT_EQ(Errors<v1::Share>("devices: 99999999999999999999999\n"),
            "f.yaml:1: devices: 99999999999999999999999 is out of range, "
            "expected a whole number from 1 to 10000000");
  EXPECT_EQ(Errors<v1::Share>("devices: 0\n"),
            "f.yaml:1: devices: 0 is out of range, expected a whole number "
            "from 1 to 10000000");
  EXPECT_EQ(Errors<v1::DirichletPartition>("alpha: nan\n"),
            "f.yaml:1: alpha: nan is out of range, expected a number more "
            "than 0 and at most 1000000000");
}

TEST(YamlReaderTest, UnitsAreRequired) {
  EXPECT_EQ(Errors<v1::CommitPolicy>("max_delay: 5\nmax_bytes: 10mb\n"),
            "f.yaml:1: max_delay: cannot read '5', expected a duration such "
            "as 60s or 10min, from 0s to 1min\n"
            "f.yaml:2: max_bytes: cannot read '10mb', expected a size such as "
            "32MiB, from 1B to 1024TiB");
  EXPECT_EQ(Errors<v1::DeviceLimits>("energy_per_round: 5\n"),
            "f.yaml:1: energy_per_round: cannot read '5', expected an energy "
            "such as 5J or 200mJ, more than 0J and at most 1000MJ");
}

TEST(YamlReaderTest, AMissingKeyStandsAtItsMapping) {
  EXPECT_EQ(Errors<v1::Population>("devices: 1\n"
                                   "data:\n"
                                   "  mnist: {}\n"),
            "f.yaml:3: data.mnist.path: missing, expected text");
}

TEST(YamlReaderTest, BrokenYamlNamesTheLine) {
  EXPECT_THAT(Errors<v1::Share>("devices: 1\nindex: [1, 2\n"),
              StartsWith("f.yaml:3: not YAML: "));
  EXPECT_THAT(Errors<v1::Share>("devices: 1\n\tindex: 2\n"),
              HasSubstr("not YAML: "));
}

TEST(YamlReaderTest, ADocumentIsOneMapping) {
  EXPECT_EQ(Errors<v1::Share>(""),
            "f.yaml:1: the file holds nothing, expected a mapping");
  EXPECT_EQ(Errors<v1::Share>("hello\n"),
            "f.yaml:1: the file holds 'hello', expected a mapping");
  EXPECT_EQ(Errors<v1::Share>("devices: 1\n---\ndevices: 2\n"),
            "f.yaml:2: text after the end of the first document, expected one "
            "document");
  EXPECT_EQ(Errors<v1::Share>("[devices]: 1\ndevices: 2\n"),
            "f.yaml:1: a list as a key, expected a name");
}

TEST(YamlReaderTest, TextThatConfusesTheParserEnds) {
  for (const char* text : {",", "a: 1\n,", ", ,", "]", "}", "? ,"}) {
    EXPECT_THAT(Errors<v1::Share>(text), StartsWith("f.yaml:")) << text;
  }
}

TEST(YamlReaderTest, LongFilesAndDeepNestingAreRefused) {
  EXPECT_EQ(Errors<v1::Share>(std::string(kMaxFileBytes + 1, '#')),
            "f.yaml:1: the file has 1048577 bytes, expected at most 1048576");
  EXPECT_THAT(Errors<v1::Share>(std::string(100'000, '[')),
              HasSubstr("not YAML: "));
  std::string staircase;
  for (int depth = 0; depth < 1000; ++depth) {
    staircase += std::string(depth, ' ') + "a:\n";
  }
  EXPECT_THAT(Errors<v1::Share>(staircase), HasSubstr("not YAML: "));
}

TEST(YamlReaderTest, AKeyIsPrintedShortAndEscaped) {
  const std::string errors = Errors<v1::Share>(
      "devices: 1\n\"bell\\a" + std::string(500, 'x') + "\": 1\n");
  EXPECT_THAT(errors, HasSubstr("bell\\007xxx"));
  EXPECT_LT(errors.size(), 200u);
}

TEST(HasTopLevelKeyTest, LooksAtTheTopOnly) {
  EXPECT_TRUE(HasTopLevelKey("a: 1\ntask: {}\n", "task"));
  EXPECT_FALSE(HasTopLevelKey("a: {task: 1}\n", "task"));
  EXPECT_FALSE(HasTopLevelKey("task", "task"));
  EXPECT_FALSE(HasTopLevelKey("task: [", "task"));
}

}  // namespace
}  // namespace shoal::configuration
