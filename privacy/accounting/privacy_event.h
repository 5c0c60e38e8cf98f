// What was released about a fleet, as an immutable tree of events. Mechanisms
// emit events, the ledger keeps their bytes, accountants turn them into
// epsilon.
//
//   PoissonDraw draw(0.01);                      // one random cohort
//   SHOAL_RETURN_IF_ERROR(draw.Release(*PrivacyEvent::Gaussian(1.0)));
//   SHOAL_RETURN_IF_ERROR(draw.Release(*PrivacyEvent::Gaussian(10.0)));
//   SHOAL_ASSIGN_OR_RETURN(PrivacyEvent round, std::move(draw).Finish());
//   SHOAL_ASSIGN_OR_RETURN(PrivacyEvent all, PrivacyEvent::Repeat(round,
//   1000));
//
// The meaning of a kind of event never changes: a new meaning is a new kind. An
// accountant that cannot account for an event says so and gives no epsilon.
#ifndef SHOAL_PRIVACY_ACCOUNTING_PRIVACY_EVENT_H_
#define SHOAL_PRIVACY_ACCOUNTING_PRIVACY_EVENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::privacy {

// Which two sets of contributors must be hard to tell apart.
enum class Adjacency {
  kAddRemove,   // one has a contributor more
  kReplaceOne,  // one contributor's data are replaced by any other
};
// "add_remove", "replace_one".
absl::string_view AdjacencyName(Adjacency adjacency);

// Who is protected: all that a device contributes, or one example of it.
enum class PrivacyUnit { kDevice, kExample };
absl::string_view PrivacyUnitName(PrivacyUnit unit);

// What a guarantee speaks of. There is no default adjacency: the same noise
// means different epsilons.
struct Neighbours {
  PrivacyUnit unit;
  Adjacency adjacency;
  bool operator==(const Neighbours&) const = default;
};

class PrivacyEvent;

// A sum of contributions of L2 norm at most C, plus normal noise of standard
// deviation C × noise_multiplier. (Replacing a contribution changes the sum by
// up to 2 C; accountants know.)
struct GaussianEvent {
  double noise_multiplier = 0;
  bool operator==(const GaussianEvent&) const = default;
};
// A sum of contributions of L1 norm at most C, plus Laplace noise of scale
// C × scale in every coordinate.
struct LaplaceEvent {
  double scale = 0;
  bool operator==(const LaplaceEvent&) const = default;
};
// A sum of integer vectors of L2 norm at most `bound`, plus discrete normal
// noise in every coordinate: P(k) ~ exp(-k² / (2 sigma²)).
struct DiscreteGaussianEvent {
  double sigma = 0;
  int64_t bound = 0;
  int64_t num_coordinates = 1;
  bool operator==(const DiscreteGaussianEvent&) const = default;
};
// A sum of integer vectors of L2 norm at most l2_bound and L1 norm at most
// l1_bound, plus the difference of two Poisson variables of mean variance / 2
// in every coordinate.
struct SkellamEvent {
  double variance = 0;
  double l2_bound = 0;
  double l1_bound = 0;
  bool operator==(const SkellamEvent&) const = default;
};
// One of num_values values, told by each device itself: with probability
// noise_probability a uniform one, otherwise the true one.
struct RandomisedResponseEvent {
  int64_t num_values = 0;
  double noise_probability = 0;
  bool operator==(const RandomisedResponseEvent&) const = default;
};
// Anything of which no more is known than that it is (epsilon, delta)-private
// for this adjacency.
struct EpsilonDeltaEvent {
  double epsilon = 0;
  double delta = 0;
  Adjacency adjacency = Adjacency::kAddRemove;
  bool operator==(const EpsilonDeltaEvent&) const = default;
};
// All rounds of a tree or another matrix mechanism: normal noise of standard
// deviation C × noise_multiplier on the rows of C_matrix × contributions, which
// one contributor changes by at most C × sensitivity in L2 over all its
// participations (privacy/matrix_mechanisms).
struct MatrixGaussianEvent {
  std::string mechanism;  // for people: "tree", "banded", "blt"
  double noise_multiplier = 0;
  double sensitivity = 0;
  bool operator==(const MatrixGaussianEvent&) const = default;
};
struct ComposedEvent {
  std::vector<PrivacyEvent> events;
  bool operator==(const ComposedEvent&) const = default;
};
struct PrivacyEventKind;  // one of the structs of this file

class PrivacyEvent {
 public:
  // INVALID_ARGUMENT, with the value, for what is no such mechanism.
  static absl::StatusOr<PrivacyEvent> Gaussian(double noise_multiplier);
  static absl::StatusOr<PrivacyEvent> Laplace(double scale);
  static absl::StatusOr<PrivacyEvent> DiscreteGaussian(
      DiscreteGaussianEvent event);
  static absl::StatusOr<PrivacyEvent> Skellam(SkellamEvent event);
  static absl::StatusOr<PrivacyEvent> RandomisedResponse(
      int64_t num_values, double noise_probability);
  static absl::StatusOr<PrivacyEvent> EpsilonDelta(double epsilon, double delta,
                                                   Adjacency adjacency);
  static absl::StatusOr<PrivacyEvent> MatrixGaussian(MatrixGaussianEvent event);
  // One after the other, each of which may depend on the results before. A
  // random cohort's releases belong into its draw, not in here.
  static PrivacyEvent Compose(std::vector<PrivacyEvent> events);
  // `count` times, with a fresh draw each time when the event is sampled.
  static absl::StatusOr<PrivacyEvent> Repeat(PrivacyEvent event, int64_t count);

  const PrivacyEventKind& kind() const { return *kind_; }

  // Versioned bytes. Parse() checks what the factories check; DATA_LOSS for
  // bytes that are no event, UNIMPLEMENTED for one of a later version.
  std::string Serialize() const;
  static absl::StatusOr<PrivacyEvent> Parse(absl::string_view bytes);
  // "1000 × poisson(0.01, gaussian(1))"
  std::string ToString() const;

  bool operator==(const PrivacyEvent& other) const;

 private:
  friend class PoissonDraw;
  friend class FixedSizeDraw;
  explicit PrivacyEvent(PrivacyEventKind kind);

  std::shared_ptr<const PrivacyEventKind> kind_;  // shared by copies
};

struct SelfComposedEvent {
  PrivacyEvent event;
  int64_t count = 0;
  bool operator==(const SelfComposedEvent&) const = default;
};
// Every contributor is drawn on its own with this probability.
struct PoissonSampledEvent {
  double rate = 0;
  PrivacyEvent event;
  bool operator==(const PoissonSampledEvent&) const = default;
};
// sample_size of population_size contributors, each subset alike.
struct FixedSizeSampledEvent {
  int64_t population_size = 0;
  int64_t sample_size = 0;
  PrivacyEvent event;
  bool operator==(const FixedSizeSampledEvent&) const = default;
};

struct PrivacyEventKind
    : std::variant<GaussianEvent, LaplaceEvent, DiscreteGaussianEvent,
                   RandomisedResponseEvent, EpsilonDeltaEvent,
                   MatrixGaussianEvent, ComposedEvent, SelfComposedEvent,
                   PoissonSampledEvent, FixedSizeSampledEvent, SkellamEvent> {
  using variant::variant;
};

// One draw of a random cohort, with everything that is released about it: the
// only way to a sampled event. It cannot be copied, so two releases of one
// draw cannot be accounted for as if each had its own.
class PoissonDraw {
 public:
  explicit PoissonDraw(double rate) : rate_(rate) {}
  PoissonDraw(PoissonDraw&&) = default;
  PoissonDraw& operator=(PoissonDraw&&) = default;

  // INVALID_ARGUMENT for an event that is sampled itself.
  absl::Status Release(PrivacyEvent event);
  // INVALID_ARGUMENT when the rate is not in (0, 1] or nothing was released.
  absl::StatusOr<PrivacyEvent> Finish() &&;

 private:
  double rate_;
  std::vector<PrivacyEvent> releases_;
};

// The same for a cohort of a fixed size, drawn without replacement.
class FixedSizeDraw {
 public:
  FixedSizeDraw(int64_t population_size, int64_t sample_size)
      : population_size_(population_size), sample_size_(sample_size) {}
  FixedSizeDraw(FixedSizeDraw&&) = default;
  FixedSizeDraw& operator=(FixedSizeDraw&&) = default;

  absl::Status Release(PrivacyEvent event);
  absl::StatusOr<PrivacyEvent> Finish() &&;

 private:
  int64_t population_size_;
  int64_t sample_size_;
  std::vector<PrivacyEvent> releases_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_ACCOUNTING_PRIVACY_EVENT_H_
