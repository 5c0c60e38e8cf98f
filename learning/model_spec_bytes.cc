#include "learning/model_spec_bytes.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "learning/model_spec_fields.h"

namespace shoal::learning {
namespace {

constexpr absl::string_view kMagic = "SHMS";
constexpr uint16_t kVersion = 1;

template <typename T>
concept Enumeration = std::is_enum_v<T>;
template <typename T>
concept Specification = std::is_class_v<T>;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <Specification Spec>
  void Write(const Spec& spec) {
    VisitFields(spec,
                [this](const char*, const auto& field) { this->Write(field); });
  }
  template <typename... Specs>
  void Write(const std::variant<Specs...>& variant) {
    std::visit(
        [this](const auto& spec) {
          this->WriteByte(IdentityOf(spec).number);
          this->Write(spec);
        },
        variant);
  }
  template <typename Element>
  void Write(const std::vector<Element>& list) {
    Write(static_cast<int>(list.size()));
    for (const Element& element : list) Write(element);
  }
  void Write(const std::string& text) { AppendSized(out_, text); }
  void Write(double number) { AppendF64(out_, number); }
  void Write(bool flag) { WriteByte(flag ? 1 : 0); }
  void Write(Enumeration auto value) { WriteByte(static_cast<int>(value)); }
  void Write(int number) {
    SHOAL_CHECK(number >= 0);
    AppendU32(out_, static_cast<uint32_t>(number));
  }

 private:
  void WriteByte(int byte) { out_.push_back(static_cast<char>(byte)); }

  std::string& out_;
};

// The mirror image; whatever is wrong is remembered, and reading goes on with
// zeros, so that it ends soon.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  template <Specification Spec>
  void Read(Spec& spec) {
    if constexpr (std::is_same_v<Spec, LayerSpec>) {
      Expect(++num_layers_ <= kMaxLayers, "too many layers");
    }
    VisitFields(spec, [this](const char*, auto& field) {
      if (this->ok()) this->Read(field);
    });
  }
  template <typename... Specs>
  void Read(std::variant<Specs...>& variant) {
    const uint8_t number = ReadByte();
    const bool known = Choose(variant, [number](const SpecIdentity& identity) {
      return identity.number == number;
    });
    Expect(known, "unknown kind");
    if (known) std::visit([this](auto& spec) { this->Read(spec); }, variant);
  }
  template <typename Element>
  void Read(std::vector<Element>& list) {
    constexpr bool kLayers = std::is_same_v<Element, LayerSpec>;
    // A residual block in another is one deeper than the list of the model.
    if (kLayers) Expect(depth_++ <= kMaxResidualDepth, "nested too deep");
    int size = 0;
    Read(size);
    for (int i = 0; i < size && ok(); ++i) Read(list.emplace_back());
    if (kLayers) --depth_;
  }
  void Read(std::string& text) { text = std::string(bytes_.Sized()); }
  void Read(double& number) {
    number = bytes_.F64();
    Expect(std::isfinite(number), "a number is not finite");
  }
  void Read(bool& flag) {
    const uint8_t byte = ReadByte();
    Expect(byte <= 1, "a flag is neither 0 nor 1");
    flag = byte != 0;
  }
  template <Enumeration Enum>
  void Read(Enum& value) {
    const uint8_t number = ReadByte();
    const bool known = number >= 1 && number <= kLastNumber<Enum>;
    Expect(known, "unknown word");
    if (known) value = static_cast<Enum>(number);
  }
  void Read(int& number) {
    const uint32_t value = bytes_.U32();
    const bool fits = value <= std::numeric_limits<int>::max();
    Expect(fits, "a number is too large");
    number = fits ? static_cast<int>(value) : 0;
  }

  void ReadBeginning() {
    Expect(bytes_.Bytes(kMagic.size()) == kMagic, "wrong magic");
    if (!ok()) return;
    const uint16_t version = bytes_.U16();
    if (version == kVersion) return;
    Expect(false,
           absl::StrCat("format version ", version, ", expected ", kVersion));
  }
  absl::Status Finish() {
    Expect(bytes_.rest().empty(), "bytes behind the end");
    if (ok()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(
        "model specification: ", bytes_.ok() ? problem_ : "truncated"));
  }

 private:
  bool ok() const { return problem_.empty() && bytes_.ok(); }
  void Expect(bool condition, absl::string_view problem) {
    if (!condition && problem_.empty()) problem_ = std::string(problem);
  }
  uint8_t ReadByte() {
    const absl::string_view byte = bytes_.Bytes(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }

  ByteReader bytes_;
  std::string problem_;  // "": none
  int depth_ = 0;        // lists of layers around the one being read
  int num_layers_ = 0;
};

}  // namespace

std::string EncodeModelSpec(const ModelSpec& spec) {
  std::string out(kMagic);
  AppendU16(out, kVersion);
  Writer(out).Write(spec);
  return out;
}

absl::StatusOr<ModelSpec> DecodeModelSpec(absl::string_view bytes) {
  Reader reader(bytes);
  ModelSpec spec;
  reader.ReadBeginning();
  reader.Read(spec);
  absl::Status status = reader.Finish();
  if (!status.ok()) return status;
  return spec;
}

}  // namespace shoal::learning
