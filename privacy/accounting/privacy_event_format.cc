// The bytes of an event: messages in base/wire_format.h,
// docs/reference/formats.
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/wire_format.h"
#include "privacy/accounting/privacy_event.h"

namespace shoal::privacy {
namespace {

constexpr int64_t kVersion = 1;
constexpr int kMaxDepth = 16;

// Fields of the outermost message.
constexpr int kVersionField = 1;
constexpr int kRootField = 2;
// Fields of an event; which of them there are depends on its kind.
constexpr int kKindField = 1;
constexpr int kNumberField = 2;   // doubles, in the order of the struct
constexpr int kIntegerField = 3;  // integers, in the order of the struct
constexpr int kNameField = 4;
constexpr int kEventField = 5;

// Kept for ever: ledgers hold them.
enum EventKind : int64_t {
  kGaussian = 1,
  kLaplace = 2,
  kDiscreteGaussian = 3,
  kRandomisedResponse = 4,
  kEpsilonDelta = 5,
  kMatrixGaussian = 6,
  kComposed = 7,
  kSelfComposed = 8,
  kPoissonSampled = 9,
  kFixedSizeSampled = 10,
  kSkellam = 11,
};

struct Write {
  std::string Message(EventKind kind, const std::vector<double>& numbers,
                      const std::vector<int64_t>& integers,
                      const std::vector<PrivacyEvent>& events = {},
                      absl::string_view name = "") const {
    WireWriter writer;
    writer.Int(kKindField, kind);
    writer.PackedDoubles(kNumberField, numbers);
    writer.PackedInts(kIntegerField, integers);
    if (!name.empty()) writer.Bytes(kNameField, name);
    for (const PrivacyEvent& event : events) {
      writer.Bytes(kEventField, std::visit(*this, event.kind()));
    }
    return std::move(writer).Take();
  }
  std::string operator()(const GaussianEvent& e) const {
    return Message(kGaussian, {e.noise_multiplier}, {});
  }
  std::string operator()(const LaplaceEvent& e) const {
    return Message(kLaplace, {e.scale}, {});
  }
  std::string operator()(const DiscreteGaussianEvent& e) const {
    return Message(kDiscreteGaussian, {e.sigma}, {e.bound, e.num_coordinates});
  }
  std::string operator()(const SkellamEvent& e) const {
    return Message(kSkellam, {e.variance, e.l2_bound, e.l1_bound}, {});
  }
  std::string operator()(const RandomisedResponseEvent& e) const {
    return Message(kRandomisedResponse, {e.noise_probability}, {e.num_values});
  }
  std::string operator()(const EpsilonDeltaEvent& e) const {
    return Message(kEpsilonDelta, {e.epsilon, e.delta},
                   {static_cast<int64_t>(e.adjacency)});
  }
  std::string operator()(const MatrixGaussianEvent& e) const {
    return Message(kMatrixGaussian, {e.noise_multiplier, e.sensitivity}, {}, {},
                   e.mechanism);
  }
  std::string operator()(const ComposedEvent& e) const {
    return Message(kComposed, {}, {}, e.events);
  }
  std::string operator()(const SelfComposedEvent& e) const {
    return Message(kSelfComposed, {}, {e.count}, {e.event});
  }
  std::string operator()(const PoissonSampledEvent& e) const {
    return Message(kPoissonSampled, {e.rate}, {}, {e.event});
  }
  std::string operator()(const FixedSizeSampledEvent& e) const {
    return Message(kFixedSizeSampled, {}, {e.population_size, e.sample_size},
                   {e.event});
  }
};

struct Fields {
  int64_t kind = 0;
  std::vector<double> numbers;
  std::vector<int64_t> integers;
  std::string name;
  std::vector<PrivacyEvent> events;
};

absl::Status NoEvent(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("privacy event: ", why));
}

absl::StatusOr<PrivacyEvent> ParseEvent(absl::string_view bytes, int depth);

absl::StatusOr<Fields> ReadFields(absl::string_view bytes, int depth) {
  if (depth > kMaxDepth) {
    return NoEvent(absl::StrCat("nested deeper than ", kMaxDepth));
  }
  Fields fields;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == kKindField && field.type == WireType::kVarint) {
      fields.kind = static_cast<int64_t>(field.value);
    } else if (field.number == kNumberField) {
      if (!AppendDoubles(field, fields.numbers)) {
        return NoEvent("the numbers of an event are cut off");
      }
    } else if (field.number == kIntegerField) {
      if (!AppendInts(field, fields.integers)) {
        return NoEvent("the integers of an event are cut off");
      }
    } else if (field.number == kNameField && field.type == WireType::kBytes) {
      fields.name = std::string(field.bytes);
    } else if (field.number == kEventField && field.type == WireType::kBytes) {
      SHOAL_ASSIGN_OR_RETURN(PrivacyEvent event,
                             ParseEvent(field.bytes, depth + 1));
      fields.events.push_back(std::move(event));
    } else {
      return absl::UnimplementedError(
          absl::StrCat("privacy event: unknown field ", field.number,
                       ", expected an event of version ", kVersion));
    }
  }
  if (!reader.ok()) return NoEvent("the bytes are cut off");
  return fields;
}

// How many numbers, integers and events a kind has; -1 events: any number.
struct Shape {
  size_t numbers = 0;
  size_t integers = 0;
  int events = 0;
};

absl::StatusOr<Shape> ShapeOf(int64_t kind) {
  switch (kind) {
    case kGaussian:
    case kLaplace:
      return Shape{.numbers = 1};
    case kDiscreteGaussian:
      return Shape{.numbers = 1, .integers = 2};
    case kRandomisedResponse:
      return Shape{.numbers = 1, .integers = 1};
    case kEpsilonDelta:
      return Shape{.numbers = 2, .integers = 1};
    case kMatrixGaussian:
      return Shape{.numbers = 2};
    case kComposed:
      return Shape{.events = -1};
    case kSelfComposed:
      return Shape{.integers = 1, .events = 1};
    case kPoissonSampled:
      return Shape{.numbers = 1, .events = 1};
    case kFixedSizeSampled:
      return Shape{.integers = 2, .events = 1};
    case kSkellam:
      return Shape{.numbers = 3};
    default:
      return absl::UnimplementedError(absl::StrCat(
          "privacy event: unknown kind ", kind, ", expected 1 to 11"));
  }
}

absl::StatusOr<PrivacyEvent> Sampled(auto draw, PrivacyEvent event) {
  SHOAL_RETURN_IF_ERROR(draw.Release(std::move(event)));
  return std::move(draw).Finish();
}

absl::StatusOr<PrivacyEvent> FromFields(Fields fields) {
  const std::vector<double>& numbers = fields.numbers;
  const std::vector<int64_t>& integers = fields.integers;
  switch (fields.kind) {
    case kGaussian:
      return PrivacyEvent::Gaussian(numbers[0]);
    case kLaplace:
      return PrivacyEvent::Laplace(numbers[0]);
    case kDiscreteGaussian:
      return PrivacyEvent::DiscreteGaussian(
          {numbers[0], integers[0], integers[1]});
    case kSkellam:
      return PrivacyEvent::Skellam({numbers[0], numbers[1], numbers[2]});
    case kRandomisedResponse:
      return PrivacyEvent::RandomisedResponse(integers[0], numbers[0]);
    case kEpsilonDelta:
      if (integers[0] != 0 && integers[0] != 1) {
        return absl::UnimplementedError(
            absl::StrCat("privacy event: unknown adjacency ", integers[0]));
      }
      return PrivacyEvent::EpsilonDelta(numbers[0], numbers[1],
                                        static_cast<Adjacency>(integers[0]));
    case kMatrixGaussian:
      return PrivacyEvent::MatrixGaussian(
          {std::move(fields.name), numbers[0], numbers[1]});
    case kComposed:
      return PrivacyEvent::Compose(std::move(fields.events));
    case kSelfComposed:
      return PrivacyEvent::Repeat(std::move(fields.events[0]), integers[0]);
    case kPoissonSampled:
      return Sampled(PoissonDraw(numbers[0]), std::move(fields.events[0]));
    default:
      return Sampled(FixedSizeDraw(integers[0], integers[1]),
                     std::move(fields.events[0]));
  }
}

absl::StatusOr<PrivacyEvent> ParseEvent(absl::string_view bytes, int depth) {
  SHOAL_ASSIGN_OR_RETURN(Fields fields, ReadFields(bytes, depth));
  SHOAL_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(fields.kind));
  if (fields.numbers.size() != shape.numbers ||
      fields.integers.size() != shape.integers ||
      (shape.events >= 0 &&
       fields.events.size() != static_cast<size_t>(shape.events))) {
    return NoEvent(absl::StrCat("kind ", fields.kind, " has ",
                                fields.numbers.size(), " numbers, ",
                                fields.integers.size(), " integers and ",
                                fields.events.size(), " events"));
  }
  return FromFields(std::move(fields));
}

}  // namespace

std::string PrivacyEvent::Serialize() const {
  WireWriter writer;
  writer.Int(kVersionField, kVersion);
  writer.Bytes(kRootField, std::visit(Write(), kind()));
  return std::move(writer).Take();
}

absl::StatusOr<PrivacyEvent> PrivacyEvent::Parse(absl::string_view bytes) {
  int64_t version = 0;
  absl::string_view root;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == kVersionField && field.type == WireType::kVarint) {
      version = static_cast<int64_t>(field.value);
    } else if (field.number == kRootField && field.type == WireType::kBytes) {
      root = field.bytes;
    }
  }
  if (!reader.ok() || version == 0) return NoEvent("the bytes are no event");
  if (version != kVersion) {
    return absl::UnimplementedError(absl::StrCat(
        "privacy event: version ", version, ", expected ", kVersion));
  }
  return ParseEvent(root, 1);
}

}  // namespace shoal::privacy
