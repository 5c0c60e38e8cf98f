#include "configuration/reference_page.h"

#include <cstdlib>
#include <set>
#include <string>

#include "base/file.h"
#include "gtest/gtest.h"
#include "protocol/wire_schema.h"
#include "shoal/v1/configuration.pb.h"
#include "tests/support/status_matchers.h"

namespace shoal::configuration {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

TEST(ConfigurationPageTest, TheCommittedPageIsTheGeneratedOne) {
  const char* source = std::getenv("SHOAL_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run this test through ctest";
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const std::string committed,
      ReadFile(std::string(source) + "/docs/reference/configuration.md"));
  EXPECT_EQ(committed, ConfigurationPage())
      << "regenerate it: build/release/bin/configuration_page "
         "> docs/reference/configuration.md";
}

// `seen`: messages that stand in themselves are looked at once.
void ExpectDescribed(const Descriptor& message,
                     std::set<const Descriptor*>& seen) {
  if (!seen.insert(&message).second) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const v1::FieldRule& rule = protocol::RuleOf(field);
    EXPECT_FALSE(rule.help().empty()) << field.full_name() << " has no help";
    if (protocol::FieldOf(field).kind == protocol::schema::Kind::kMessage) {
      ExpectDescribed(*field.message_type(), seen);
    } else {
      EXPECT_TRUE(rule.required() || !rule.default_text().empty())
          << field.full_name() << " has neither a default nor is it required";
      EXPECT_TRUE(field.has_presence() || field.is_repeated())
          << field.full_name() << " cannot tell absent from zero";
    }
  }
}

TEST(ConfigurationSchemaTest, EverySettingIsDescribed) {
  std::set<const Descriptor*> seen;
  ExpectDescribed(*v1::Scenario::descriptor(), seen);
  ExpectDescribed(*v1::CoordinatorConfig::descriptor(), seen);
  ExpectDescribed(*v1::AgentConfig::descriptor(), seen);
}

}  // namespace
}  // namespace shoal::configuration
