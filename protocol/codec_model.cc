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
#include "protocol/codec.h"
#include "protocol/schema/access.h"

namespace shoal::protocol {
namespace {

using learning::LayerSpec;
using schema::Message;

template <typename T>
concept Specification = std::is_class_v<T>;

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
          Write(spec,
                schema::MutablePart(message, learning::IdentityOf(spec).name));
        },
        variant);
  }
  template <Specification Spec>
  static void WriteField(const Spec& spec, const char* name, Message& message) {
    if (spec == Spec{}) return;
    Write(spec, schema::MutablePart(message, name));
  }
  static void WriteField(const std::vector<LayerSpec>& layers, const char* name,
                         Message& message) {
    for (const LayerSpec& layer : layers) {
      Write(layer, schema::AddPart(message, name));
    }
  }
  static void WriteField(const std::vector<int>& values, const char* name,
                         Message& message) {
    schema::Write(message, name, values);
  }
  static void WriteField(int value, const char* name, Message& message) {
    if (value == 0 && RangeOf(message, name).min > 0) return;
    schema::Write(message, name, value);
  }
  static void WriteField(double value, const char* name, Message& message) {
    if (value == 0 && RangeOf(message, name).min_exclusive) return;
    schema::Write(message, name, value);
  }
  static void WriteField(const std::string& text, const char* name,
                         Message& message) {
    if (!text.empty()) schema::Write(message, name, text);
  }
  // True or false, and words.
  template <typename Value>
  requires std::is_same_v<Value, bool> || std::is_enum_v<Value>
  static void WriteField(Value value, const char* name, Message& message) {
    schema::Write(message, name, value);
  }

  static const schema::Range& RangeOf(const Message& message,
                                      absl::string_view name) {
    return schema::RangeOf(schema::FieldNamed(message.type(), name));
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
  static void ReadField(const Message& message, const char*,
                        std::variant<Specs...>& variant) {
    const absl::string_view chosen = schema::Chosen(message);
    const bool known = learning::Choose(
        variant, [chosen](const learning::SpecIdentity& identity) {
          return identity.name == chosen;
        });
    SHOAL_CHECK(known);
    const Message& member = schema::Part(message, chosen);
    std::visit([&member](auto& spec) { Read(member, spec); }, variant);
  }
  static void ReadField(const Message& message, const char* name,
                        std::vector<LayerSpec>& layers) {
    for (const Message* layer : schema::Parts(message, name)) {
      Read(*layer, layers.emplace_back());
    }
  }
  template <Specification Spec>
  requires requires(Spec spec) {
    learning::VisitFields(spec, [](auto...) {});
  }
  static void ReadField(const Message& message, const char* name, Spec& spec) {
    Read(schema::Part(message, name), spec);
  }
  template <typename Value>
  static void ReadField(const Message& message, const char* name,
                        Value& value) {
    schema::Read(message, name, value);
  }
};

int NumLayers(const Message& message, absl::string_view list) {
  const schema::Field& field = schema::FieldNamed(message.type(), list);
  int num_layers = 0;
  for (const schema::Value& value : message.values()) {
    if (value.field != &field) continue;
    const Message& residual = schema::Part(value.message[0], "residual");
    num_layers +=
        1 + NumLayers(residual, "body") + NumLayers(residual, "shortcut");
  }
  return num_layers;
}

}  // namespace

std::vector<schema::Violation> CheckModelAsAWhole(const Message& definition) {
  std::vector<schema::Violation> violations;
  const int num_layers =
      NumLayers(schema::Part(definition, "network"), "layers");
  if (num_layers > learning::kMaxLayers) {
    violations.push_back(
        {"network.layers",
         absl::StrCat(num_layers,
                      " layers with those inside of residual ones, expected "
                      "at most ",
                      learning::kMaxLayers)});
  }
  bool mask = false;
  bool impute = false;
  const Message& preprocessing = schema::Part(definition, "preprocessing");
  schema::Read(preprocessing, "mask", mask);
  schema::Read(preprocessing, "impute", impute);
  if (mask && !impute) {
    violations.push_back(
        {"preprocessing.mask",
         "given without preprocessing.impute, expected both or none"});
  }
  return violations;
}

Message ToSchema(const learning::ModelSpec& spec) {
  Message definition(schema::TypeNamed("ModelDefinition"));
  Writer::Write(spec, definition);
  return definition;
}

absl::StatusOr<learning::ModelSpec> ModelSpecFrom(const Message& definition) {
  SHOAL_RETURN_IF_ERROR(CheckAllKnown(definition, "the model"));
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckRules(definition)));
  SHOAL_RETURN_IF_ERROR(FirstViolation(CheckModelAsAWhole(definition)));
  learning::ModelSpec spec;
  Reader::Read(definition, spec);
  return spec;
}

}  // namespace shoal::protocol
