#include "bench/secure_group.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "bench/mask_rate.h"
#include "privacy/secure_aggregation/device_session.h"
#include "privacy/secure_aggregation/group_session.h"
#include "privacy/secure_aggregation/keystream.h"
#include "privacy/secure_aggregation/messages.h"
#include "privacy/secure_aggregation/packing.h"
#include "privacy/secure_aggregation/parameters.h"
#include "privacy/secure_aggregation/quantiser.h"
#include "privacy/secure_aggregation/totals.h"
#include "privacy/secure_aggregation/unmasking.h"

namespace shoal::bench {
namespace {

using namespace secure_aggregation;  // NOLINT: this is about nothing else

constexpr uint64_t kSeed = 1;
constexpr int kDefaultRingBits = 24;
constexpr int kMaxDefaultBits = 16;
constexpr int kMinDefaultBits = 8;
// Weight, examples, correct predictions, loss, divisors, norm.
constexpr int kNumTotals = 6;
// Of the search for fractions that lead to a given graph.
constexpr double kFractionStep = 0.005;
constexpr double kMaxFraction = 0.5;

absl::StatusOr<GraphParameters> ParametersFor(const SessionPlan& plan,
                                              int clients) {
  return FindGraphParameters({clients, plan.adversary_fraction,
                              plan.dropout_fraction, plan.coordinator});
}

// What --neighbors and --threshold could be.
absl::Status WhyNone(const SecureGroupOptions& options, SessionPlan plan) {
  const auto asked = [](const std::optional<int>& number) {
    return number.has_value() ? absl::StrCat(*number) : "auto";
  };
  plan.adversary_fraction = options.adversary_fraction;
  plan.dropout_fraction = options.dropout_fraction;
  const auto found = ParametersFor(plan, options.clients);
  return absl::InvalidArgumentError(absl::StrCat(
      "--neighbors ", asked(options.neighbors), " --threshold ",
      asked(options.threshold), ": no task has that in a group of ",
      options.clients, ", expected an even number of neighbours below ",
      options.clients - 1, " or all ", options.clients - 1,
      ", and a threshold that fits",
      found.ok() ? absl::StrCat(": --neighbors ", found->num_neighbors,
                                " --threshold ", found->threshold,
                                " for instance, or auto")
                 : ", or auto"));
}

// Sets the plan's fractions to the first that lead to the graph asked for:
// those of the options, or others that allow as many to leave.
absl::Status ChooseFractions(const SecureGroupOptions& options,
                             SessionPlan& plan) {
  const auto fits = [&](double adversary, double dropout) {
    plan.adversary_fraction = adversary;
    plan.dropout_fraction = dropout;
    const auto found = ParametersFor(plan, options.clients);
    return found.ok() &&
           options.neighbors.value_or(found->num_neighbors) ==
               found->num_neighbors &&
           options.threshold.value_or(found->threshold) == found->threshold;
  };
  if (fits(options.adversary_fraction, options.dropout_fraction)) {
    return absl::OkStatus();
  }
  for (double adversary = 0; adversary < kMaxFraction;
       adversary += kFractionStep) {
    for (double dropout = options.dropout_fraction; dropout < kMaxFraction;
         dropout += kFractionStep) {
      if (fits(adversary, dropout)) return absl::OkStatus();
    }
  }
  return WhyNone(options, plan);
}

// What a task would say.
absl::StatusOr<Quantiser> ChooseQuantiser(const SecureGroupOptions& options) {
  QuantiserOptions wanted = {
      .norm_bound = std::sqrt(static_cast<double>(options.length)),
      .coordinate_bound = 1,
      .max_weight = options.max_weight};
  if (options.bits.has_value()) {
    wanted.bits = *options.bits;
    return Quantiser::Create(wanted);
  }
  for (wanted.bits = kMaxDefaultBits; wanted.bits >= kMinDefaultBits;
       --wanted.bits) {
    SHOAL_ASSIGN_OR_RETURN(const Quantiser quantiser,
                           Quantiser::Create(wanted));
    SHOAL_ASSIGN_OR_RETURN(const int ring_bits,
                           quantiser.RingBits(options.clients));
    if (ring_bits <= kDefaultRingBits) return quantiser;
  }
  wanted.bits = kMaxDefaultBits;
  return Quantiser::Create(wanted);
}

// What one group goes through. Used once.
class Run {
 public:
  Run(const SecureGroupOptions& options, SessionPlan plan, Quantiser quantiser)
      : options_(options),
        plan_(std::move(plan)),
        quantiser_(std::move(quantiser)),
        num_lost_(static_cast<int>(
            std::floor(options.dropout_fraction * options.clients + 1e-9))),
        true_sum_(options.length) {
    if (options.threads > 1) {
      pool_ = std::make_unique<ThreadPool>(options.threads);
    }
    for (const VectorSpec& spec : plan_.vectors) {
      sums_.emplace_back(spec.length, spec.ring_bits);
      plain_sums_.emplace_back(spec.length, spec.ring_bits);
    }
    MakeValues();
  }

  absl::StatusOr<SecureGroupCost> Go() {
    SHOAL_RETURN_IF_ERROR(FormGroup());
    SHOAL_RETURN_IF_ERROR(DealShares());
    SHOAL_RETURN_IF_ERROR(CollectInputs());
    SHOAL_RETURN_IF_ERROR(Unmask());
    SHOAL_RETURN_IF_ERROR(CheckSums());
    Summarise();
    return cost_;
  }

 private:
  // Processor time of `work`, by its name.
  template <typename Work>
  static auto Spend(CpuMilliseconds& cost, const char* name, const Work& work) {
    struct Watch {
      double& milliseconds;
      double start = ProcessSeconds();
      ~Watch() { milliseconds += 1e3 * (ProcessSeconds() - start); }
    } watch{cost[name]};
    return work();
  }
  template <typename Work>
  auto ByDevice(const char* name, const Work& work) {
    return Spend(cost_.device, name, work);
  }
  template <typename Work>
  auto ByCoordinator(const char* name, const Work& work) {
    struct Watch {
      const Clock& clock;
      double& milliseconds;
      absl::Duration start = clock.Monotonic();
      ~Watch() {
        milliseconds += absl::ToDoubleMilliseconds(clock.Monotonic() - start);
      }
    } watch{clock_, cost_.coordinator_wall_ms};
    return Spend(cost_.coordinator, name, work);
  }

  // The first members of the circle leave; the graph has put them anywhere.
  bool Leaves(int member) const { return member < num_lost_; }
  int64_t WeightOf(int member) const {
    return 1 + member % options_.max_weight;
  }

  // One vector serves all devices, each beginning at another place of it.
  void MakeValues() {
    SeededRng rng(kSeed);
    for (int64_t i = 0; i < options_.length; ++i) {
      values_.push_back(static_cast<float>(2 * rng.Uniform() - 1));
    }
  }
  std::vector<float> ValuesOf(int member) const {
    std::vector<float> values = values_;
    std::rotate(values.begin(),
                values.begin() + member * int64_t{7919} % options_.length,
                values.end());
    return values;
  }

  // A device answers a message of the coordinator, and the coordinator takes
  // the answer.
  absl::StatusOr<std::string> Answer(int member, const char* name) {
    const std::optional<std::string> message =
        ByCoordinator(name, [&] { return group_->MessageFor(member); });
    if (!message.has_value()) {
      return absl::InternalError(
          absl::StrCat("no message for member ", member, " to ", name));
    }
    SHOAL_ASSIGN_OR_RETURN(std::string answer, ByDevice(name, [&] {
                             return devices_[member]->OnMessage(*message);
                           }));
    cost_.device_bytes_up += static_cast<double>(answer.size());
    return answer;
  }
  absl::Status Take(int member, const char* name, const std::string& answer) {
    return ByCoordinator(name, [&] {
      const absl::Status status = group_->OnMessage(member, answer);
      group_->TakeRows();
      return status;
    });
  }
  absl::Status EndPhase(const char* name) {
    return ByCoordinator(name, [&] {
      const absl::Status status = group_->Proceed(pool_.get());
      group_->TakeRows();
      return status;
    });
  }

  absl::Status FormGroup() {
    std::vector<Candidate> candidates;
    for (int member = 0; member < options_.clients; ++member) {
      SHOAL_ASSIGN_OR_RETURN(auto device, ByDevice("advertise", [&] {
                               MemberOptions wanted;
                               wanted.plan = plan_;
                               return DeviceSession::Create(std::move(wanted),
                                                            rng_);
                             }));
      cost_.device_bytes_up += static_cast<double>(device->advertise().size());
      Candidate candidate = {absl::StrCat("device-", member), {}};
      SHOAL_RETURN_IF_ERROR(ByCoordinator("form", [&]() -> absl::Status {
        SHOAL_ASSIGN_OR_RETURN(const DeviceMessage message,
                               DecodeDeviceMessage(device->advertise()));
        candidate.advertise = std::get<Advertise>(message);
        return CheckCandidate(plan_, candidate, nullptr);
      }));
      candidates.push_back(std::move(candidate));
      devices_.push_back(std::move(device));
    }
    SHOAL_ASSIGN_OR_RETURN(group_, ByCoordinator("form", [&] {
                             return GroupSession::Create(
                                 plan_, std::move(candidates), nullptr, rng_);
                           }));
    return absl::OkStatus();
  }

  absl::Status DealShares() {
    for (int member = 0; member < options_.clients; ++member) {
      SHOAL_ASSIGN_OR_RETURN(const std::string answer, Answer(member, "share"));
      SHOAL_RETURN_IF_ERROR(Take(member, "share", answer));
    }
    return EndPhase("share");
  }

  absl::Status CollectInputs() {
    for (int member = num_lost_; member < options_.clients; ++member) {
      SHOAL_ASSIGN_OR_RETURN(const std::string answer, Answer(member, "hold"));
      SHOAL_ASSIGN_OR_RETURN(std::vector<RingVector> vectors,
                             Quantised(member));
      SHOAL_RETURN_IF_ERROR(ByDevice("mask", [&] {
        return devices_[member]->MaskInput(absl::MakeSpan(vectors), nullptr);
      }));
      std::vector<std::string> packed;
      ByDevice("pack", [&] {
        for (const RingVector& vector : vectors) packed.push_back(Pack(vector));
      });
      SHOAL_RETURN_IF_ERROR(Take(member, "hold", answer));
      for (size_t i = 0; i < sums_.size(); ++i) {
        cost_.device_bytes_up += static_cast<double>(packed[i].size());
        SHOAL_RETURN_IF_ERROR(ByCoordinator(
            "add", [&] { return AddPacked(packed[i], sums_[i]); }));
      }
    }
    return EndPhase("hold");
  }

  // A device's update and totals, which also go to the plain sums.
  absl::StatusOr<std::vector<RingVector>> Quantised(int member) {
    const int64_t weight = WeightOf(member);
    std::vector<float> values = ValuesOf(member);
    for (int64_t i = 0; i < options_.length; ++i) {
      true_sum_[i] += static_cast<double>(weight) * values[i];
    }
    RingVector update(options_.length, plan_.vectors[0].ring_bits);
    SHOAL_RETURN_IF_ERROR(ByDevice("quantise", [&] {
                            const std::string seed = rng_.Bytes(kSeedBytes);
                            return quantiser_.Quantise(absl::MakeSpan(values),
                                                       weight, {"", seed},
                                                       update);
                          }).status());
    const std::vector<absl::int128> totals(kNumTotals, weight);
    SHOAL_ASSIGN_OR_RETURN(RingVector limbs, EncodeTotals(totals));
    SHOAL_RETURN_IF_ERROR(AddPacked(Pack(update), plain_sums_[0]));
    SHOAL_RETURN_IF_ERROR(AddPacked(Pack(limbs), plain_sums_[1]));
    std::vector<RingVector> vectors;
    vectors.push_back(std::move(update));
    vectors.push_back(std::move(limbs));
    return vectors;
  }

  absl::Status Unmask() {
    for (int member = num_lost_; member < options_.clients; ++member) {
      SHOAL_ASSIGN_OR_RETURN(const std::string answer,
                             Answer(member, "unmask"));
      SHOAL_RETURN_IF_ERROR(Take(member, "unmask", answer));
    }
    SHOAL_RETURN_IF_ERROR(EndPhase("recover"));
    if (group_->phase() != GroupPhase::kRevealed) {
      return absl::InternalError("the group has not been revealed");
    }
    ByCoordinator("remove_masks", [&] {
      RemoveMasks(group_->masks(), pool_.get(), absl::MakeSpan(sums_));
    });
    return absl::OkStatus();
  }

  absl::Status CheckSums() {
    for (size_t i = 0; i < sums_.size(); ++i) {
      if (Pack(sums_[i]) != Pack(plain_sums_[i])) {
        return absl::InternalError(absl::StrCat("the unmasked sum of vector ",
                                                plan_.vectors[i].name,
                                                " is not the plain sum"));
      }
    }
    const absl::int128 weight = DecodeTotals(sums_[1])[0];
    std::vector<double> mean(options_.length);
    SHOAL_RETURN_IF_ERROR(ByCoordinator("decode", [&] {
      return quantiser_.DecodeMean(sums_[0], weight, "", absl::MakeSpan(mean));
    }));
    for (int64_t i = 0; i < options_.length; ++i) {
      const double expected = true_sum_[i] / static_cast<double>(weight);
      cost_.max_abs_error =
          std::max(cost_.max_abs_error, std::fabs(mean[i] - expected));
    }
    return absl::OkStatus();
  }

  void Summarise() {
    const int stayed = options_.clients - num_lost_;
    for (auto& [name, milliseconds] : cost_.device) {
      const bool all = name == "advertise" || name == "share";
      milliseconds /= all ? options_.clients : stayed;
    }
    // Those who leave have sent little.
    cost_.device_bytes_up /= stayed;
    cost_.neighbors = group_->parameters().num_neighbors;
    cost_.threshold = group_->parameters().threshold;
    cost_.lost = num_lost_;
    cost_.bits = quantiser_.options().bits;
    cost_.ring_bits = plan_.vectors[0].ring_bits;
  }

  const SecureGroupOptions options_;
  const SessionPlan plan_;
  const Quantiser quantiser_;
  const int num_lost_;
  const RealClock clock_;
  SystemRng rng_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<float> values_;
  std::vector<double> true_sum_;
  std::vector<RingVector> sums_, plain_sums_;
  std::vector<std::unique_ptr<DeviceSession>> devices_;
  std::unique_ptr<GroupSession> group_;
  SecureGroupCost cost_;
};

}  // namespace

absl::StatusOr<SecureGroupCost> RunSecureGroup(
    const SecureGroupOptions& options) {
  SessionPlan plan;
  plan.round = "bench";
  SHOAL_RETURN_IF_ERROR(ChooseFractions(options, plan));
  SHOAL_ASSIGN_OR_RETURN(const Quantiser quantiser, ChooseQuantiser(options));
  SHOAL_ASSIGN_OR_RETURN(const int ring_bits,
                         quantiser.RingBits(options.clients));
  plan.vectors = {{"update", options.length, ring_bits},
                  {"totals", kNumTotals * kLimbsPerTotal, kTotalsRingBits}};
  return Run(options, std::move(plan), quantiser).Go();
}

}  // namespace shoal::bench
