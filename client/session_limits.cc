#include "client/session_limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace shoal::client {
namespace {

// Payload of a check-in and of its answer, with a plan in it; of a query.
constexpr double kExchangeBytes = 4096;

// The first in the menu of those that are worth most.
size_t MostWorth(absl::Span<const MenuEntry> menu) {
  const auto less = [](const MenuEntry& a, const MenuEntry& b) {
    return a.cost.worth < b.cost.worth;
  };
  return std::max_element(menu.begin(), menu.end(), less) - menu.begin();
}

}  // namespace

SessionLimits::SessionLimits(Limits* limits, const Transport& transport)
    : limits_(limits),
      transport_(transport),
      connections_before_(transport.connections()),
      sent_before_(transport.bytes_sent()),
      received_before_(transport.bytes_received()) {}

SessionLimits::~SessionLimits() {
  // Where settling fails the whole reservation counts: nothing is lost, and
  // nobody is left to tell.
  if (begun_ && !ended_) End().IgnoreError();
}

Work SessionLimits::Done() const {
  Work done;
  done.connections =
      static_cast<double>(transport_.connections() - connections_before_);
  done.bytes_sent = static_cast<double>(transport_.bytes_sent() - sent_before_);
  done.bytes_received =
      static_cast<double>(transport_.bytes_received() - received_before_);
  done.flops = flops_;
  return done;
}

Verdict SessionLimits::Begin(const std::optional<PendingUpload>& pending) {
  SHOAL_CHECK(!begun_);
  Verdict verdict;
  if (limits_ != nullptr) {
    Work first;
    first.connections = 1;
    first.bytes_sent = kExchangeBytes;
    first.bytes_received = kExchangeBytes;
    std::optional<RoundKey> round;
    if (pending.has_value()) {
      round = RoundKey{pending->task, pending->round_id};
      first.bytes_sent += static_cast<double>(pending->num_bytes);
    }
    verdict = limits_->governor().BeginSession(first, round);
  }
  begun_ = verdict.ok();
  return verdict;
}

Governor::Choice SessionLimits::Choose(const protocol::Assignment& assignment,
                                       absl::Duration time_left,
                                       absl::Span<const MenuEntry> menu) {
  SHOAL_CHECK(begun_ && !menu.empty());
  if (limits_ == nullptr) {
    // A limit that cannot be kept is not accepted.
    const auto& joules = assignment.plan.limits.energy_joules;
    if (joules.has_value()) {
      Governor::Choice none;
      none.verdict.kind = Verdict::kStop;
      none.verdict.reason = protocol::AbandonReason::kEnergy;
      none.verdict.why =
          absl::StrCat("the plan allows ", JoulesText(*joules),
                       ", and this device has no budget of energy");
      return none;
    }
    const size_t best = MostWorth(menu);
    return {{}, best, menu[best].cost.num_steps};
  }
  RoundOffer offer;
  offer.round = {assignment.task, assignment.round_id};
  offer.joules = assignment.plan.limits.energy_joules.value_or(kUnlimited);
  offer.time_left = time_left;
  return limits_->governor().ChoosePlan(offer, CostsOf(menu), Done());
}

Verdict SessionLimits::DuringTransfer() {
  SHOAL_CHECK(begun_);
  if (limits_ == nullptr) return {};
  return limits_->governor().DuringTransfer(Done());
}

Verdict SessionLimits::BeforeStep() {
  SHOAL_CHECK(begun_);
  if (limits_ == nullptr) return {};
  return limits_->governor().BeforeStep(Done());
}

Verdict SessionLimits::BeforeUpload(int64_t num_bytes) {
  SHOAL_CHECK(begun_);
  if (limits_ == nullptr) return {};
  Work upload;
  upload.bytes_sent = static_cast<double>(num_bytes);
  return limits_->governor().BeforeUpload(upload, Done());
}

absl::Status SessionLimits::End() {
  SHOAL_CHECK(!ended_);
  ended_ = true;
  if (limits_ == nullptr || !begun_) return absl::OkStatus();
  absl::Status status = limits_->governor().EndSession(Done());
  status.Update(limits_->SaveLearned());
  return status;
}

std::optional<Amounts> SessionLimits::spent() const {
  if (limits_ == nullptr) return std::nullopt;
  return begun_ ? limits_->governor().spent() : Amounts();
}

}  // namespace shoal::client
