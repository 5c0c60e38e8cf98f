#include "protocol/schema/tables.h"

#include <cstdlib>
#include <string>

#include "base/file.h"
#include "gtest/gtest.h"
#include "protocol/table_writer.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol::schema {
namespace {

TEST(SchemaTablesTest, TheCommittedTablesAreTheGeneratedOnes) {
  const char* source = std::getenv("SHOAL_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run this test through ctest";
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const std::string committed,
      ReadFile(std::string(source) + "/protocol/schema/tables.cc"));
  EXPECT_EQ(committed, SchemaTables())
      << "regenerate them: build/release/bin/schema_tables "
         "> protocol/schema/tables.cc";
}

TEST(SchemaTest, FieldsAreFoundByNameAndByNumber) {
  const Type& type = TypeNamed("CheckInRequest");
  const Field& field = FieldNamed(type, "population");
  EXPECT_EQ(field.number, 2);
  EXPECT_EQ(field.kind, Kind::kText);
  EXPECT_EQ(FindField(type, 2u), &field);
  EXPECT_EQ(FindField(type, 99u), nullptr);
  EXPECT_EQ(FindField(type, "no_such_field"), nullptr);
  EXPECT_EQ(FindType("NoSuchType"), nullptr);
}

TEST(SchemaTest, FractionsAreFromZeroToOne) {
  const Field& chance = FieldNamed(TypeNamed("LeavingMembers"), "masking");
  EXPECT_TRUE(IsIn(RangeOf(chance), 0));
  EXPECT_TRUE(IsIn(RangeOf(chance), 1));
  EXPECT_FALSE(IsIn(RangeOf(chance), -0.1));
  EXPECT_FALSE(IsIn(RangeOf(chance), 1.1));
}

TEST(SchemaTest, RulesAreThoseOfTheSchema) {
  const Field& rate = FieldNamed(TypeNamed("Training"), "learning_rate");
  EXPECT_TRUE(rate.is_required);
  EXPECT_TRUE(IsIn(RangeOf(rate), 1000));
  EXPECT_FALSE(IsIn(RangeOf(rate), 0));
  EXPECT_FALSE(IsIn(RangeOf(rate), 1000.5));
  EXPECT_EQ(TypeNamed("CheckInResponse").oneof(), "answer");
  EXPECT_EQ(PatternOf(FieldNamed(TypeNamed("Layer"), "name")),
            "[a-z0-9_]{1,63}");
  EXPECT_EQ(FieldNamed(TypeNamed("Layer"), "residual").max_nesting, 4);
}

}  // namespace
}  // namespace shoal::protocol::schema
