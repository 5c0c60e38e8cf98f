#include "client/agent/agent_examples.h"

#include "absl/strings/str_cat.h"
#include "configuration/programs.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

AgentExamples Parse(const char* examples) {
  const auto config = configuration::ParseAgentConfig(
      absl::StrCat("coordinator: host:7600\nstate: state\npopulation: p\n",
                   "examples: ", examples),
      "agent.yaml");
  EXPECT_THAT(config, testing::IsOk());
  return ExamplesFrom(config->examples.value());
}

TEST(AgentExamplesTest, WhatIsAbsentStaysAsItIs) {
  const AgentExamples examples = Parse("{features: 2, folder: in}\n");
  const ExampleStoreOptions defaults;
  EXPECT_EQ(examples.store.num_features, 2);
  EXPECT_EQ(examples.store.num_classes, 0);
  EXPECT_EQ(examples.store.max_examples, defaults.max_examples);
  EXPECT_EQ(examples.store.max_bytes, defaults.max_bytes);
  EXPECT_FALSE(examples.store.max_age.has_value());
  EXPECT_EQ(examples.folder, "in");
  EXPECT_EQ(examples.socket, "");
  EXPECT_EQ(examples.socket_mode, 0600u);
}

TEST(AgentExamplesTest, EverySettingIsRead) {
  const AgentExamples examples = Parse(
      "{features: 9, classes: 3, labels_per_example: 4, max_examples: 50,\n"
      "  max_bytes: 1MiB, max_age: 2h, folder: in, socket: a.sock,\n"
      "  socket_mode: \"0660\"}\n");
  EXPECT_EQ(examples.store.num_features, 9);
  EXPECT_EQ(examples.store.num_classes, 3);
  EXPECT_EQ(examples.store.labels_per_example, 4);
  EXPECT_EQ(examples.store.max_examples, 50);
  EXPECT_EQ(examples.store.max_bytes, 1 << 20);
  EXPECT_EQ(examples.store.max_age, absl::Hours(2));
  EXPECT_EQ(examples.socket, "a.sock");
  EXPECT_EQ(examples.socket_mode, 0660u);
  EXPECT_EQ(Parse("{features: 9, targets: 2, folder: in}\n").store.num_targets,
            2);
}

}  // namespace
}  // namespace shoal::client
