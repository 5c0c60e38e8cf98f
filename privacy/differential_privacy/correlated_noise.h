// Noise for training without sampling (DP-FTRL): what rounds release are sums
// of a fixed number of devices' integer vectors, and the noise of one round
// takes back much of the rounds' before. Kairouz, McMahan, Song, Thakkar,
// Thakurta, Xu, "Practical and Private (Deep) Learning without Sampling or
// Shuffling", ICML 2021; Choquette-Choo et al., "(Amplified) Banded Matrix
// Factorization", NeurIPS 2023; McMahan, Xu, Zhang, "A Hassle-free Algorithm
// for Strong Differential Privacy in Federated Learning Systems", EMNLP 2024.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CORRELATED_NOISE_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CORRELATED_NOISE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "base/secret.h"
#include "privacy/differential_privacy/integer_noise.h"
#include "privacy/matrix_mechanisms/toeplitz.h"

namespace shoal::privacy {

// Binary trees over the rounds. A prefix sum is made of the largest complete
// nodes.
struct TreeMatrix {
  // A new tree begins after so many rounds; 0: there is one.
  int64_t restart_every = 0;
  // Estimates every node from its own noise and its children's, which has the
  // smallest variance (Honaker, "Efficient Use of Differentially Private Binary
  // Trees", 2015, bottom-up).
  bool reduce_variance = true;
  bool operator==(const TreeMatrix&) const = default;
};
// A lower-triangular Toeplitz matrix C with c_0 = 1, given by its first column;
// beyond that it is 0. As many buffers as columns less one.
struct BandedMatrix {
  std::vector<double> column;
  bool operator==(const BandedMatrix&) const = default;
};
// privacy/matrix_mechanisms/toeplitz.h
struct BufferedMatrix {
  BufferedToeplitz buffers;
};
using NoiseMatrix = std::variant<TreeMatrix, BandedMatrix, BufferedMatrix>;

struct CorrelatedNoiseOptions {
  NoiseMatrix matrix;
  int64_t num_rounds = 0;  // at most; afterwards the mechanism is spent
  int64_t length = 0;      // values of a round
  // Of the noise on C x, that is, on every node of a tree; in steps of the grid
  // of the vectors x. For banded and buffered matrices C has its c_0 of 1, not
  // columns of norm 1.
  double sigma = 0;
};

// The noise of one mechanism, round after round, that is added to each round's
// sum of integer vectors. Memory: for trees one vector for every level, for
// banded matrices one for every band but the first, for buffered ones one for
// every buffer.
//
// All noise is a function of a 256-bit key from `rng`: round t's and node n's
// is made of a stream of AES-256-CTR of its own. The state is the key and the
// number of rounds that were drawn. Restore() makes the vectors again, so that
// rounds that were drawn are never drawn as anything else, and no noise is used
// for two rounds. Two rules are the caller's:
//  - the state after Next() is stored in the transaction that stores the
//  round's
//    noisy sum, before that sum leaves: the noise of a round for two different
//    sums would give their difference away;
//  - a backup is not a state: what it would draw next may have been released.
//    Create() a new mechanism, and charge it as one.
// Whoever has the state knows the noise: store it as the secret that it is.
// One thread.
class CorrelatedNoise {
 public:
  virtual ~CorrelatedNoise() = default;

  // INVALID_ARGUMENT, with the value, when an option is out of its range.
  static absl::StatusOr<std::unique_ptr<CorrelatedNoise>> Create(
      const CorrelatedNoiseOptions& options, SecureRng& rng);
  // The vectors of the rounds before are made again by the first Next(), which
  // takes as long as all of these took. INVALID_ARGUMENT as Create(),
  // or when the state is of other options; DATA_LOSS for bytes that are no
  // state, UNIMPLEMENTED for those of another version.
  static absl::StatusOr<std::unique_ptr<CorrelatedNoise>> Restore(
      const CorrelatedNoiseOptions& options, absl::string_view state);

  // What rounding makes of a matrix of coefficients, in steps of the grid.
  struct RoundedMatrix {
    std::vector<double> column;  // empty for trees
    double sensitivity = 0;      // that it adds
  };
  static absl::StatusOr<RoundedMatrix> RoundedBy(
      CorrelatedNoiseOptions options);

  // The noise of the next round. RESOURCE_EXHAUSTED after num_rounds of them.
  // REQUIRES: length values.
  absl::Status Next(absl::Span<int64_t> noise);
  int64_t rounds_drawn() const { return rounds_drawn_; }

  // Versioned bytes, some hundred of them.
  Secret Serialize() const;

  // By how much, in steps of the grid, the rounding of buffers adds at most to
  // the sensitivity of C x: 0 for trees, whose arithmetic is exact.
  // Grows with the root of the length.
  virtual double rounding_sensitivity() const = 0;
  // The column of C that is drawn for: coefficients as they are rounded. Empty
  // for trees.
  virtual std::vector<double> column() const = 0;

 protected:
  CorrelatedNoise(const CorrelatedNoiseOptions& options,
                  DiscreteGaussianSampler sampler);
  const CorrelatedNoiseOptions& options() const { return options_; }

  // Independent noise of its own for every pair. REQUIRES: part < 64.
  void Draw(int64_t round, int part, absl::Span<int64_t> out) const;

 private:
  virtual void NextRound(int64_t round, absl::Span<int64_t> noise) = 0;

  CorrelatedNoiseOptions options_;
  DiscreteGaussianSampler sampler_;
  Secret key_;
  int64_t rounds_drawn_ = 0;
  int64_t rounds_made_ = 0;  // that the vectors are of; at most those drawn
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CORRELATED_NOISE_H_
