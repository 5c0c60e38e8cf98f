// Specifications of models. The schema's names are those of
// learning/model_spec_fields.h, so that one walk over the fields converts all
// of them; a test compares the two.
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/model_spec_fields.h"
#include "protocol/schema_rules.h"
#include "protocol/wire.h"

namespace shoal::protocol {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using learning::LayerSpec;

template <typename T>
concept Enumeration = std::is_enum_v<T>;
template <typename T>
concept Specification = std::is_class_v<T>;

const FieldDescriptor& FieldNamed(const Message& message,
                                  absl::string_view name) {
  const FieldDescriptor* field =
      message.GetDescriptor()->FindFieldByName(std::string(name));
  SHOAL_CHECK(field != nullptr);
  return *field;
}

// Writes a specification into the message of the same kind. A zero that the
// schema refuses, and an empty text, stand for an absent value.
class Writer {
 public:
  template <Specification Spec>
  static void Write(const Spec& spec, Message& message) {
    learning::VisitFields(spec,
                          [&message](const char* name, const auto& field) {
                            WriteField(field, name, message);
                          });
  }

 private:
  // A variant has no field of its own: its alternatives are the members of a
  // oneof.
  template <typename... Specs>
  static void WriteField(const std::variant<Specs...>& variant, const char*,
                         Message& message) {
    std::visit(
        [&message](const auto& spec) {
          const FieldDescriptor& field =
              FieldNamed(message, learning::IdentityOf(spec).name);
          Write(spec, *Reflect(message).MutableMessage(&message, &field));
        },
        variant);
  }
  template <Specification Spec>
  static void WriteField(const Spec& spec, const char* name, Message& message) {
    if (spec == Spec{}) return;
    const FieldDescriptor& field = FieldNamed(message, name);
    Write(spec, *Reflect(message).MutableMessage(&message, &field));
  }
  static void WriteField(const std::vector<LayerSpec>& layers, const char* name,
                         Message& message) {
    const FieldDescriptor& field = FieldNamed(message, name);
    for (const LayerSpec& layer : layers) {
      Write(layer, *Reflect(message).AddMessage(&message, &field));
    }
  }
  static void WriteField(const std::vector<int>& values, const char* name,
                         Message& message) {
    const FieldDescriptor& field = FieldNamed(message, name);
    for (const int value : values) {
      Reflect(message).AddUInt32(&message, &field,
                                 static_cast<uint32_t>(value));
    }
  }
  static void WriteField(int value, const char* name, Message& message) {
    const FieldDescriptor& field = FieldNamed(message, name);
    if (value == 0 && RuleOf(field).range().min() > 0) return;
    Reflect(message).SetUInt32(&message, &field, static_cast<uint32_t>(value));
  }
  static void WriteField(double value, const char* name, Message& message) {
    const FieldDescriptor& field = FieldNamed(message, name);
    if (value == 0 && RuleOf(field).range().min_exclusive()) return;
    Reflect(message).SetDouble(&message, &field, value);
  }
  static void WriteField(bool value, const char* name, Message& message) {
    Reflect(message).SetBool(&message, &FieldNamed(message, name), value);
  }
  static void WriteField(Enumeration auto value, const char* name,
                         Message& message) {
    Reflect(message).SetEnumValue(&message, &FieldNamed(message, name),
                                  static_cast<int>(value));
  }
  static void WriteField(const std::string& text, const char* name,
                         Message& message) {
    if (text.empty()) return;
    Reflect(message).SetString(&message, &FieldNamed(message, name), text);
  }

  static const Reflection& Reflect(const Message& message) {
    return *message.GetReflection();
  }
};

// The way back. What is absent keeps the specification's default.
// REQUIRES: the schema's rules found nothing wrong.
class Reader {
 public:
  template <Specification Spec>
  static void Read(const Message& message, Spec& spec) {
    learning::VisitFields(spec, [&message](const char* name, auto& field) {
      ReadField(message, name, field);
    });
  }

 private:
  template <typename... Specs>
  static void ReadField(const Message& message, const char* name,
                        std::variant<Specs...>& variant) {
    const OneofDescriptor* oneof =
        message.GetDescriptor()->FindOneofByName(name);
    SHOAL_CHECK(oneof != nullptr);
    const FieldDescriptor* field =
        message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
    SHOAL_CHECK(field != nullptr);
    const bool known = learning::Choose(
        variant, [field](const learning::SpecIdentity& identity) {
          return identity.name == field->name();
        });
    SHOAL_CHECK(known);
    const Message& member = message.GetReflection()->GetMessage(message, field);
    std::visit([&member](auto& spec) { Read(member, spec); }, variant);
  }

  static void ReadField(const Message& message, const char* name,
                        std::vector<LayerSpec>& layers) {
    const FieldDescriptor& field = FieldNamed(message, name);
    const Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      Read(reflection.GetRepeatedMessage(message, &field, i),
           layers.emplace_back());
    }
  }
  static void ReadField(const Message& message, const char* name,
                        std::vector<int>& values) {
    const FieldDescriptor& field = FieldNamed(message, name);
    const Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      values.push_back(
          static_cast<int>(reflection.GetRepeatedUInt32(message, &field, i)));
    }
  }
  template <typename Value>
  static void ReadField(const Message& message, const char* name,
                        Value& value) {
    const FieldDescriptor& field = FieldNamed(message, name);
    if (!message.GetReflection()->HasField(message, &field)) return;
    ReadPresent(message, field, value);
  }

  template <Specification Spec>
  static void ReadPresent(const Message& message, const FieldDescriptor& field,
                          Spec& spec) {
    Read(message.GetReflection()->GetMessage(message, &field), spec);
  }
  static void ReadPresent(const Message& message, const FieldDescriptor& field,
                          int& value) {
    value =
        static_cast<int>(message.GetReflection()->GetUInt32(message, &field));
  }
  static void ReadPresent(const Message& message, const FieldDescriptor& field,
                          double& value) {
    value = message.GetReflection()->GetDouble(message, &field);
  }
  static void ReadPresent(const Message& message, const FieldDescriptor& field,
                          bool& value) {
    value = message.GetReflection()->GetBool(message, &field);
  }
  template <Enumeration Enum>
  static void ReadPresent(const Message& message, const FieldDescriptor& field,
                          Enum& value) {
    value = static_cast<Enum>(
        message.GetReflection()->GetEnumValue(message, &field));
  }
  static void ReadPresent(const Message& message, const FieldDescriptor& field,
                          std::string& text) {
    text = message.GetReflection()->GetString(message, &field);
  }
};

int NumLayers(const google::protobuf::RepeatedPtrField<v1::Layer>& layers) {
  int num_layers = 0;
  for (const v1::Layer& layer : layers) {
    num_layers += 1 + NumLayers(layer.residual().body()) +
                  NumLayers(layer.residual().shortcut());
  }
  return num_layers;
}

}  // namespace

std::vector<RuleViolation> CheckAsAWhole(const v1::ModelDefinition& proto) {
  std::vector<RuleViolation> violations;
  const int num_layers = NumLayers(proto.network().layers());
  if (num_layers > learning::kMaxLayers) {
    violations.push_back(
        {"network.layers",
         absl::StrCat(num_layers,
                      " layers with those inside of residual ones, expected "
                      "at most ",
                      learning::kMaxLayers)});
  }
  if (proto.preprocessing().mask() && !proto.preprocessing().impute()) {
    violations.push_back(
        {"preprocessing.mask",
         "given without preprocessing.impute, expected both or none"});
  }
  return violations;
}

v1::ModelDefinition ToProto(const learning::ModelSpec& spec) {
  v1::ModelDefinition proto;
  Writer::Write(spec, proto);
  return proto;
}

absl::StatusOr<learning::ModelSpec> FromProto(
    const v1::ModelDefinition& proto) {
  SHOAL_RETURN_IF_ERROR(CheckAllKnown(proto, "the model"));
  SHOAL_RETURN_IF_ERROR(CheckRulesStatus(proto));
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckAsAWhole(proto)));
  learning::ModelSpec spec;
  Reader::Read(proto, spec);
  return spec;
}

}  // namespace shoal::protocol
