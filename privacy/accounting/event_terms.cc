#include "privacy/accounting/event_terms.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::privacy {
namespace {

absl::Status Unsupported(const PrivacyEvent& event, absl::string_view why) {
  return absl::UnimplementedError(
      absl::StrCat("no accountant for ", event.ToString(), ": ", why));
}

// Adds up what one draw, or the whole population, releases.
class TermList {
 public:
  explicit TermList(Adjacency adjacency) : adjacency_(adjacency) {}

  absl::Status Add(const PrivacyEvent& event, int64_t count);
  std::vector<EventTerm> Take() &&;

 private:
  struct Visitor;

  absl::Status AddMechanism(const PrivacyEvent& event, Mechanism mechanism,
                            int64_t count);
  absl::Status AddSampled(const PrivacyEvent& event, const PrivacyEvent& inner,
                          Sampling sampling, double rate, int64_t count);
  absl::Status AddTerm(const PrivacyEvent& event, EventTerm term);

  Adjacency adjacency_;
  double inverse_variance_ = 0;  // of Gaussians without sampling
  std::vector<EventTerm> terms_;
};

absl::Status TermList::AddTerm(const PrivacyEvent& event, EventTerm term) {
  for (EventTerm& other : terms_) {
    if (other.mechanism == term.mechanism && other.sampling == term.sampling &&
        other.rate == term.rate) {
      if (other.count > std::numeric_limits<int64_t>::max() - term.count) {
        return Unsupported(event, "its count overflows");
      }
      other.count += term.count;
      return absl::OkStatus();
    }
  }
  terms_.push_back(std::move(term));
  return absl::OkStatus();
}

absl::Status TermList::AddMechanism(const PrivacyEvent& event,
                                    Mechanism mechanism, int64_t count) {
  if (const auto* gaussian = std::get_if<GaussianEvent>(&mechanism)) {
    const double z = gaussian->noise_multiplier;
    inverse_variance_ += static_cast<double>(count) / z / z;
    return absl::OkStatus();
  }
  if (std::holds_alternative<RandomisedResponseEvent>(mechanism) &&
      adjacency_ != Adjacency::kReplaceOne) {
    return absl::InvalidArgumentError(absl::StrCat(
        event.ToString(),
        " hides which value a device told, not whether it told one: expected "
        "the adjacency replace_one"));
  }
  if (const auto* stated = std::get_if<EpsilonDeltaEvent>(&mechanism);
      stated != nullptr && stated->adjacency != adjacency_) {
    return absl::InvalidArgumentError(absl::StrCat(
        event.ToString(), " is stated for another adjacency, expected ",
        AdjacencyName(adjacency_)));
  }
  return AddTerm(event, {.mechanism = mechanism, .count = count});
}

absl::Status TermList::AddSampled(const PrivacyEvent& event,
                                  const PrivacyEvent& inner, Sampling sampling,
                                  double rate, int64_t count) {
  TermList draw(adjacency_);
  SHOAL_RETURN_IF_ERROR(draw.Add(inner, 1));
  std::vector<EventTerm> releases = std::move(draw).Take();
  if (rate == 1) {  // everybody is drawn, always
    return Add(inner, count);
  }
  if (releases.size() != 1 || releases[0].count != 1) {
    return Unsupported(event,
                       "only Gaussians of the same draw can be joined into one "
                       "mechanism");
  }
  return AddTerm(event, {.mechanism = releases[0].mechanism,
                         .sampling = sampling,
                         .rate = rate,
                         .count = count});
}

struct TermList::Visitor {
  absl::Status operator()(const MatrixGaussianEvent& e) const {
    return list.AddMechanism(
        event, GaussianEvent{e.noise_multiplier / e.sensitivity}, count);
  }
  absl::Status operator()(const ComposedEvent& e) const {
    for (const PrivacyEvent& inner : e.events) {
      SHOAL_RETURN_IF_ERROR(list.Add(inner, count));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const SelfComposedEvent& e) const {
    if (e.count > std::numeric_limits<int64_t>::max() / count) {
      return Unsupported(event, "its count overflows");
    }
    return list.Add(e.event, e.count * count);
  }
  absl::Status operator()(const PoissonSampledEvent& e) const {
    return list.AddSampled(event, e.event, Sampling::kPoisson, e.rate, count);
  }
  absl::Status operator()(const FixedSizeSampledEvent& e) const {
    const double rate = static_cast<double>(e.sample_size) /
                        static_cast<double>(e.population_size);
    return list.AddSampled(event, e.event, Sampling::kFixedSize, rate, count);
  }
  template <typename Leaf>
  absl::Status operator()(const Leaf& mechanism) const {
    return list.AddMechanism(event, mechanism, count);
  }

  TermList& list;
  const PrivacyEvent& event;
  int64_t count;
};

absl::Status TermList::Add(const PrivacyEvent& event, int64_t count) {
  return std::visit(Visitor{*this, event, count}, event.kind());
}

std::vector<EventTerm> TermList::Take() && {
  if (inverse_variance_ > 0) {
    terms_.push_back(
        {.mechanism = GaussianEvent{1 / std::sqrt(inverse_variance_)}});
  }
  return std::move(terms_);
}

}  // namespace

std::string EventTerm::ToString() const {
  struct Visitor {
    std::string operator()(const GaussianEvent&) const { return "gaussian"; }
    std::string operator()(const LaplaceEvent&) const { return "laplace"; }
    std::string operator()(const DiscreteGaussianEvent&) const {
      return "discrete_gaussian";
    }
    std::string operator()(const SkellamEvent&) const { return "skellam"; }
    std::string operator()(const RandomisedResponseEvent&) const {
      return "randomised_response";
    }
    std::string operator()(const EpsilonDeltaEvent&) const {
      return "epsilon_delta";
    }
  };
  const std::string name = std::visit(Visitor(), mechanism);
  switch (sampling) {
    case Sampling::kPoisson:
      return absl::StrCat("poisson-sampled ", name);
    case Sampling::kFixedSize:
      return absl::StrCat(name, " of a sample of fixed size");
    case Sampling::kNone:
      break;
  }
  return name;
}

absl::StatusOr<std::vector<EventTerm>> TermsOf(const PrivacyEvent& event,
                                               Adjacency adjacency) {
  TermList list(adjacency);
  SHOAL_RETURN_IF_ERROR(list.Add(event, 1));
  return std::move(list).Take();
}

double JointNoiseMultiplier(const std::vector<double>& noise_multipliers) {
  double inverse_variance = 0;
  for (const double z : noise_multipliers) inverse_variance += 1 / z / z;
  return 1 / std::sqrt(inverse_variance);
}

}  // namespace shoal::privacy
