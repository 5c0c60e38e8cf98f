#include <utility>

#include "privacy/secure_aggregation/device_session.h"

namespace shoal::secure_aggregation {
namespace {

class Maker final : public MemberMaker {
 public:
  absl::StatusOr<std::unique_ptr<Member>> Create(
      MemberOptions options, SecureRng& rng) const override {
    return DeviceSession::Create(std::move(options), rng);
  }
};

}  // namespace

MemberMaker& RealMembers() {
  static Maker maker;
  return maker;
}

}  // namespace shoal::secure_aggregation
