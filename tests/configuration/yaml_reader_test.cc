#include "configuration/yaml_reader.h"

#include <string>

#include "configuration/programs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/wire_schema.h"
#include "shoal/v1/configuration.pb.h"

namespace shoal::configuration {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What ReadYaml and the rules say about a document, "" when nothing.
template <typename Proto>
std::string Errors(absl::string_view text) {
  FileReport report("f.yaml");
  protocol::schema::Message message(
      protocol::schema::TypeNamed(Proto::descriptor()->name()));
  ReadYaml(text, message, report);
  AddRuleViolations(message, "", report);
  return std::string(report.ToStatus().message());
}

template <typename Proto>
Proto Read(absl::string_view text) {
  FileReport report("f.yaml");
  protocol::schema::Message message(
      protocol::schema::TypeNamed(Proto::descriptor()->name()));
  ReadYaml(text, message, report);
  EXPECT_TRUE(report.ok()) << report.ToStatus();
  Proto proto;
  protocol::FromSchema(message, proto);
  return proto;
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
            "of iid, dirichlet, natural, shards, classes_per_device, "
            "dirichlet_sizes, lognormal_sizes, power_law_sizes");
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

constexpr char kNetwork[] =
    "network:\n"
    "  input: [28, 28, 1]\n"
    "  layers:\n"
    "    - conv2d: {filters: 32, kernel: 5, activation: relu}\n"
    "    - max_pool:\n"
    "    - residual:\n"
    "        body:\n"
    "          - depthwise_conv: {padding: same}\n"
    "            private: true\n"
    "    - flatten: {}\n"
    "    - {dense: {units: 10}, name: head}\n"
    "  loss: mean_squared_error\n"
    "preprocessing: {clip: 3}\n";

// kNetwork with one line replaced.
std::string NetworkErrors(absl::string_view line,
                          absl::string_view replacement) {
  std::string text = kNetwork;
  const size_t at = text.find(std::string(line));
  EXPECT_NE(at, std::string::npos);
  return Errors<v1::ModelDefinition>(
      text.replace(at, line.size(), std::string(replacement)));
}

TEST(YamlReaderTest, ReadsListsOfMappingsAndWords) {
  EXPECT_EQ(Errors<v1::ModelDefinition>(kNetwork), "");
  const v1::ModelDefinition model = Read<v1::ModelDefinition>(kNetwork);
  const v1::NetworkModel& network = model.network();
  ASSERT_EQ(network.layers_size(), 5);
  EXPECT_EQ(network.layers(0).conv2d().activation(), v1::ACTIVATION_RELU);
  EXPECT_TRUE(network.layers(1).has_max_pool());
  ASSERT_EQ(network.layers(2).residual().body_size(), 1);
  const v1::Layer& inner = network.layers(2).residual().body(0);
  EXPECT_EQ(inner.depthwise_conv().padding(), v1::PADDING_SAME);
  EXPECT_TRUE(inner.private_());
  EXPECT_TRUE(network.layers(3).has_flatten());
  EXPECT_EQ(network.layers(4).name(), "head");
  EXPECT_EQ(network.loss(), v1::LOSS_MEAN_SQUARED_ERROR);
  EXPECT_EQ(model.preprocessing().clip(), 3);
}

TEST(YamlReaderTest, ErrorsInsideOfAListHaveLineAndIndex) {
  EXPECT_EQ(NetworkErrors("activation: relu", "activation: rleu"),
            "f.yaml:4: network.layers[0].conv2d.activation: cannot read "
            "'rleu', expected one of none, relu, gelu, tanh, sigmoid");
  EXPECT_EQ(NetworkErrors("padding: same", "padding: UNSPECIFIED"),
            "f.yaml:8: network.layers[2].residual.body[0].depthwise_conv."
            "padding: cannot read 'UNSPECIFIED', expected one of same, valid");
  EXPECT_EQ(NetworkErrors("units: 10", "units: 0"),
            "f.yaml:11: network.layers[4].dense.units: 0 is out of range, "
            "expected a whole number from 1 to 1048576");
  EXPECT_EQ(NetworkErrors("{units: 10}", "{}"),
            "f.yaml:11: network.layers[4].dense.units: missing, expected a "
            "whole number from 1 to 1048576");
  EXPECT_EQ(NetworkErrors("conv2d: {filters", "conv2D: {filters"),
            "f.yaml:4: network.layers[0].conv2D: unknown key, did you mean "
            "conv2d?");
  EXPECT_EQ(NetworkErrors("name: head", "flatten: {}"),
            "f.yaml:11: network.layers[4].flatten: given beside dense, "
            "expected only one of dense, conv2d, conv1d, depthwise_conv, "
            "max_pool, average_pool, global_average_pool, flatten, embedding, "
            "gru, layer_norm, group_norm, batch_norm, dropout, activation, "
            "residual");
}

TEST(YamlReaderTest, AnElementThatIsNoMappingIsOneError) {
  EXPECT_THAT(NetworkErrors("- flatten: {}", "- flatten"),
              StartsWith("f.yaml:10: network.layers[3]: 'flatten', expected a "
                         "mapping with one of dense, "));
  EXPECT_THAT(NetworkErrors("- flatten: {}", "- ~"),
              StartsWith("f.yaml:10: network.layers[3]: nothing, expected a "
                         "mapping with one of dense, "));
  for (const char* element : {"- flatten", "- ~", "- [1]"}) {
    const std::string errors = NetworkErrors("- flatten: {}", element);
    EXPECT_EQ(errors.find('\n'), std::string::npos) << errors;
  }
}

TEST(YamlReaderTest, AListOfMappingsIsAList) {
  EXPECT_THAT(Errors<v1::ModelDefinition>("network:\n"
                                          "  input: [1]\n"
                                          "  layers: {dense: {units: 1}}\n"),
              StartsWith("f.yaml:3: network.layers: a mapping, expected a "
                         "list, each element a mapping with one of dense"));
  EXPECT_THAT(Errors<v1::ModelDefinition>("network: {input: [1], layers: []}"),
              StartsWith("f.yaml:1: network.layers: missing, expected a list"));
}

TEST(YamlReaderTest, DeepNestingIsToldOnceWithItsLine) {
  std::string text = "network:\n  input: [1]\n  layers:\n";
  for (int depth = 0; depth < 6; ++depth) {
    text += std::string(4 + 6 * depth, ' ') + "- residual:\n" +
            std::string(8 + 6 * depth, ' ') + "body:\n";
  }
  text += std::string(4 + 6 * 6, ' ') + "- flatten:\n";
  EXPECT_EQ(Errors<v1::ModelDefinition>(text),
            "f.yaml:12: network.layers[0].residual.body[0].residual.body[0]."
            "residual.body[0].residual.body[0].residual: residual inside 4 "
            "others, expected at most 4 inside each other");
}

TEST(YamlReaderTest, TextThatIsNoUtf8IsRefused) {
  EXPECT_THAT(Errors<v1::CoordinatorConfig>("data: \"\xff\"\n"),
              HasSubstr("UTF-8"));
}

// Deeper than protobuf would read by itself.
TEST(YamlReaderTest, NestingBeyondProtobufsIsToldByTheRules) {
  std::string layer = "{flatten: {}}";
  for (int i = 0; i < 60; ++i) {
    layer = "{residual: {body: [" + layer + "]}}";
  }
  EXPECT_THAT(
      ParseTaskYaml("model: {network: {layers: [" + layer + "]}}\n", "f.yaml")
          .status()
          .message(),
      HasSubstr("inside each other"));
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

// As a fuzzer found it.
TEST(YamlReaderTest, ErrorAboutTheEndOfALineIsOneLine) {
  constexpr absl::string_view kYaml("p: \"\"\0\n\\\"\n", 10);
  EXPECT_THAT(Errors<v1::Share>(kYaml), EndsWith("escape character: \\n"));
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
