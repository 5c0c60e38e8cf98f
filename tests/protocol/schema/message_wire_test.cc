// schema::Message against protobuf's own code, both ways, on random messages of
// every type of the schema, right and damaged ones.
#include <string>

#include "base/random.h"
#include "gmock/gmock.h"
#include "google/protobuf/duration.pb.h"
#include "gtest/gtest.h"
#include "protocol/wire_schema.h"
#include "shoal/v1/configuration.pb.h"
#include "shoal/v1/fleet.pb.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::google::protobuf::DescriptorPool;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::MessageFactory;
using ::google::protobuf::Reflection;
using ProtoMessage = ::google::protobuf::Message;
using ::shoal::testing::IsOk;

std::string RandomText(SeededRng& rng) {
  static constexpr absl::string_view kPieces[] = {"a", "Z", "7", "é", "…", "🐟"};
  std::string text;
  for (uint64_t i = rng.Below(4); i > 0; --i) {
    text += std::string(kPieces[rng.Below(std::size(kPieces))]);
  }
  return text;
}

uint64_t RandomNumber(SeededRng& rng) { return rng.Uint64() >> rng.Below(64); }

void Fill(ProtoMessage& message, int depth, SeededRng& rng);

void FillField(ProtoMessage& message, const FieldDescriptor& field, int depth,
               SeededRng& rng) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
      reflection.SetBool(&message, &field, rng.Below(2) == 1);
      return;
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_FIXED32:
      if (field.is_repeated()) {
        reflection.AddUInt32(&message, &field,
                             static_cast<uint32_t>(RandomNumber(rng)));
      } else {
        reflection.SetUInt32(&message, &field,
                             static_cast<uint32_t>(RandomNumber(rng)));
      }
      return;
    case FieldDescriptor::TYPE_UINT64:
      reflection.SetUInt64(&message, &field, RandomNumber(rng));
      return;
    case FieldDescriptor::TYPE_DOUBLE:
      if (field.is_repeated()) {
        reflection.AddDouble(&message, &field, rng.Normal());
      } else {
        reflection.SetDouble(&message, &field, rng.Normal());
      }
      return;
    case FieldDescriptor::TYPE_ENUM:
      reflection.SetEnumValue(&message, &field,
                              static_cast<int>(rng.Below(9)) - 1);
      return;
    case FieldDescriptor::TYPE_STRING:
      if (field.is_repeated()) {
        reflection.AddString(&message, &field, RandomText(rng));
      } else {
        reflection.SetString(&message, &field, RandomText(rng));
      }
      return;
    case FieldDescriptor::TYPE_BYTES: {
      SeededRng bytes(rng.Uint64());
      std::string text(rng.Below(40), '\0');
      for (char& c : text) c = static_cast<char>(bytes.Below(256));
      reflection.SetString(&message, &field, text);
      return;
    }
    case FieldDescriptor::TYPE_MESSAGE:
      if (depth == 0) return;
      Fill(field.is_repeated() ? *reflection.AddMessage(&message, &field)
                               : *reflection.MutableMessage(&message, &field),
           depth - 1, rng);
      return;
    default:
      FAIL() << field.full_name() << ": of a type that no field has";
  }
}

void Fill(ProtoMessage& message, int depth, SeededRng& rng) {
  if (message.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    auto& duration = static_cast<google::protobuf::Duration&>(message);
    duration.set_seconds(static_cast<int64_t>(RandomNumber(rng)));
    duration.set_nanos(static_cast<int32_t>(RandomNumber(rng)));
    return;
  }
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    uint64_t times = rng.Below(2);
    if (field.is_repeated()) times *= rng.Below(4);
    for (; times > 0; --times) FillField(message, field, depth, rng);
  }
}

std::unique_ptr<ProtoMessage> MakeProto(const schema::Type& type) {
  // The generated types are known once one of each file is.
  v1::Scenario::descriptor();
  v1::CheckInRequest::descriptor();
  const auto* descriptor =
      DescriptorPool::generated_pool()->FindMessageTypeByName(
          "shoal.v1." + std::string(type.name()));
  EXPECT_NE(descriptor, nullptr) << type.name();
  return std::unique_ptr<ProtoMessage>(
      MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

class MessageWireTest : public ::testing::TestWithParam<schema::Type> {};

TEST_P(MessageWireTest, BytesAreThoseOfProtobuf) {
  SeededRng rng(DeriveSeed(1, GetParam().name()));
  const auto proto = MakeProto(GetParam());
  for (int i = 0; i < 100; ++i) {
    proto->Clear();
    Fill(*proto, /*depth=*/4, rng);
    const std::string bytes = proto->SerializeAsString();
    schema::Message message(schema::TypeNamed(GetParam().name()));
    SHOAL_ASSERT_OK(message.Parse(bytes)) << proto->DebugString();
    EXPECT_EQ(message.Serialize(), bytes) << proto->DebugString();
    EXPECT_FALSE(message.has_unknown());
  }
}

// What is accepted of damaged bytes is what protobuf makes of them.
TEST_P(MessageWireTest, DamagedBytesMeanTheSameToBoth) {
  SeededRng rng(DeriveSeed(2, GetParam().name()));
  const auto proto = MakeProto(GetParam());
  int accepted = 0;
  for (int i = 0; i < 500; ++i) {
    proto->Clear();
    Fill(*proto, /*depth=*/3, rng);
    std::string bytes = proto->SerializeAsString();
    Fill(*proto, /*depth=*/3, rng);  // fields that come twice
    bytes += proto->SerializeAsString();
    for (uint64_t n = rng.Below(4); n > 0 && !bytes.empty(); --n) {
      bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
    }
    schema::Message message(schema::TypeNamed(GetParam().name()));
    if (!message.Parse(bytes).ok()) continue;
    ++accepted;
    ASSERT_TRUE(proto->ParseFromString(bytes));
    proto->DiscardUnknownFields();
    EXPECT_EQ(message.Serialize(), proto->SerializeAsString())
        << proto->DebugString();
  }
  EXPECT_GT(accepted, 50);
}

INSTANTIATE_TEST_SUITE_P(Types, MessageWireTest,
                         ::testing::ValuesIn(schema::AllTypes().begin(),
                                             schema::AllTypes().end()),
                         [](const auto& info) {
                           return std::string(info.param.name());
                         });

}  // namespace
}  // namespace shoal::protocol
