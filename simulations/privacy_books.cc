#include "simulations/privacy_books.h"

#include <iterator>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "base/status_macros.h"
#include "privacy/accounting/epsilon.h"

namespace shoal::simulations {

absl::StatusOr<std::unique_ptr<PrivacyBooks>> PrivacyBooks::Open(
    const configuration::Task& task, coordinator::RoundStore& store) {
  SHOAL_ASSIGN_OR_RETURN(auto setup, coordinator::MakeTaskSetup(task));
  return absl::WrapUnique(new PrivacyBooks(std::move(setup), store));
}

absl::StatusOr<double> PrivacyBooks::SpentEpsilon() {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<coordinator::ChargeRow> charges,
                         store_.ListCharges(setup_->task.population));
  if (std::ssize(charges) == num_charges_) return spent_;
  SHOAL_ASSIGN_OR_RETURN(const privacy::PrivacyEvent event,
                         coordinator::EventOf(charges));
  SHOAL_ASSIGN_OR_RETURN(const privacy::CertifiedBounds bounds,
                         privacy::Epsilon(event, setup_->privacy->query));
  num_charges_ = std::ssize(charges);
  spent_ = bounds.upper;
  return spent_;
}

absl::StatusOr<coordinator::PrivacyReport> PrivacyBooks::Report() const {
  SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                         store_.GetTask(setup_->task.name));
  return coordinator::ReportPrivacy(store_, *setup_, row);
}

}  // namespace shoal::simulations
