#include "configuration/yaml_writer.h"

#include <string>

#include "configuration/yaml_reader.h"
#include "gtest/gtest.h"
#include "protocol/wire_schema.h"
#include "shoal/v1/configuration.pb.h"

namespace shoal::configuration {
namespace {

template <typename Message>
Message Read(absl::string_view text) {
  FileReport report("f.yaml");
  Message proto;
  protocol::schema::Message message(
      protocol::schema::TypeNamed(Message::descriptor()->name()));
  ReadYaml(text, message, report);
  EXPECT_TRUE(report.ok()) << report.ToStatus() << "\n" << text;
  protocol::FromSchema(message, proto);
  return proto;
}

std::string Written(const google::protobuf::Message& proto) {
  return WriteYaml(protocol::AsSchema(proto).value());
}

// Writes what `text` says.
template <typename Message>
std::string Again(absl::string_view text) {
  const Message message = Read<Message>(text);
  const std::string written = Written(message);
  EXPECT_EQ(Read<Message>(written).SerializeAsString(),
            message.SerializeAsString())
      << written;
  return written;
}

TEST(YamlWriterTest, TwoLevelsHaveLines) {
  constexpr absl::string_view kText =
      "task:\n"
      "  name: digits\n"
      "  model: {mlp: {inputs: 784, hidden: [200, 100], outputs: 10}}\n"
      "  algorithm: {fedavg: {}}\n"
      "  rounds: 5\n"
      "seed: 18446744073709551615\n";
  EXPECT_EQ(Again<v1::Scenario>(kText), kText);
}

TEST(YamlWriterTest, QuantitiesHaveTheirUnits) {
  constexpr absl::string_view kText =
      "training: {learning_rate: 1e-05, epochs: 3}\n"
      "round: {deadline: 90s, idle_window: 1500ms}\n"
      "device_limits: {energy_per_round: 0.00001J, memory: 32MiB}\n";
  const std::string written = Again<v1::Task>(kText);
  EXPECT_NE(written.find("  energy_per_round: 0.00001J\n"), std::string::npos)
      << written;
  EXPECT_NE(written.find("  learning_rate: 1e-05\n"), std::string::npos);
}

TEST(YamlWriterTest, NumbersComeBackExactly) {
  v1::Task task;
  task.mutable_training()->set_learning_rate(0.1 + 0.2);
  task.mutable_device_limits()->set_energy_per_round(1.0 / 3);
  EXPECT_EQ(Read<v1::Task>(Written(task)).SerializeAsString(),
            task.SerializeAsString());
}

TEST(YamlWriterTest, ListsOfMappingsAndWordsComeBack) {
  Again<v1::Task>(
      "model:\n"
      "  network:\n"
      "    input: [8, 8, 1]\n"
      "    layers:\n"
      "      - {conv2d: {filters: 4, padding: valid, activation: relu}}\n"
      "      - {residual: {body: [{conv2d: {filters: 4}}]}, private: true}\n"
      "      - {flatten: {}}\n"
      "      - {dense: {units: 3}, name: last}\n");
}

TEST(YamlWriterTest, ListsOfNumbersComeBack) {
  Again<v1::Task>(
      "model: {mlp: {inputs: 4, hidden: [8, 16], outputs: 2}}\n"
      "training: {sub_model_widths: [0.5, 0.25]}\n");
}

TEST(YamlWriterTest, TextThatYamlWouldMisreadIsQuoted) {
  for (const char* text : {"null", "~", "true", "7", "", "a: b", "a\"b", "a\\b",
                           "#", " a ", "a\nb\tc", "ü{}[],"}) {
    v1::AgentConfig config;
    config.set_state(text);
    EXPECT_EQ(Read<v1::AgentConfig>(Written(config)).state(), text);
  }
}

TEST(YamlWriterTest, NothingSetIsNothingWritten) {
  EXPECT_EQ(Written(v1::Task()), "");
}

}  // namespace
}  // namespace shoal::configuration
